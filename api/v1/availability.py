"""/api/v1/availability"""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.auth import reach_of
from api.endpoint import Endpoint
from inventory import availability
from oms import text
from oms.errors import Refused

MOST_SKUS = 100


class BadQuestion(Refused):
    code = "skus_missing"
    status = 422


class ShelfOut(serializers.Serializer[availability.Shelf]):
    location = serializers.CharField(source="code")
    on_hand = serializers.IntegerField()
    reserved = serializers.IntegerField()
    free = serializers.IntegerField()


class AvailabilityOut(serializers.Serializer[Any]):
    sku = serializers.CharField()
    available = serializers.IntegerField(help_text="What an own channel may sell now.")
    waiting = serializers.IntegerField(help_text="Units accepted orders wait for.")
    locations = ShelfOut(many=True)


class Availability(Endpoint):
    parameters = ("sku",)

    @extend_schema(
        responses=AvailabilityOut(many=True),
        parameters=[OpenApiParameter("sku", str, many=True, required=True, description="Up to 100 SKUs.")],
    )
    def get(self, request: Request) -> Response:
        """How many can be sold, and where they are. SKUs we do not have are left out."""
        skus = request.query_params.getlist("sku")
        if not 0 < len(skus) <= MOST_SKUS:
            raise BadQuestion(f"Name 1 to {MOST_SKUS} SKUs, as ?sku=A&sku=B.", skus=len(skus))
        reach, found = reach_of(request), availability.by_sku([text.identifier(sku, what="sku") for sku in skus])
        rows = [
            {
                "sku": each.sku,
                "available": each.for_channel(),
                "waiting": each.waiting,
                "locations": [shelf for shelf in each.shelves if reach.has_location(shelf.code)],
            }
            for sku in dict.fromkeys(skus)
            if (each := found.get(sku))
        ]
        return Response(AvailabilityOut(rows, many=True).data)
