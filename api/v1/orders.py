"""/api/v1/orders"""

import json
from datetime import UTC
from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.utils import timezone
from django_filters.fields import IsoDateTimeField
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from api import pagination
from api.auth import actor_of, client_of, reach_of
from api.endpoint import Endpoint
from api.strict import (
    Amount,
    Choice,
    Code,
    Email,
    Pattern,
    StrictBoolean,
    StrictInteger,
    StrictSerializer,
    StrictText,
    UnitsByPosition,
)
from inventory.reservations import InsufficientStock
from oms import clock, idempotency, text
from oms.errors import Refused
from oms.permissions import NotAllowed, Reach
from orders import cancellation, fulfilment, intake, reading
from orders.incoming import MOST_LINES, MOST_UNITS, Address, Buyer, IncomingOrder, Line, Method, Payment
from orders.models import Order, OrderLine
from orders.models.order import BUCKETS

ATTEMPTS = 4


class NumberReused(Refused):
    """One (channel, number) is one order: another story under it is a mistake of the caller's."""

    code = "order_number_reused"


class AddressIn(StrictSerializer):
    name = StrictText(max_length=200, required=False, default="", allow_blank=True)
    line1 = StrictText(max_length=200)
    line2 = StrictText(max_length=200, required=False, default="", allow_blank=True)
    city = StrictText(max_length=120)
    region = StrictText(max_length=80, required=False, default="", allow_blank=True)
    postcode = StrictText(max_length=20, required=False, default="", allow_blank=True)
    country = Pattern("^[A-Z]{2}$", help_text="ISO 3166 alpha-2, such as US.")
    phone = StrictText(max_length=40, required=False, default="", allow_blank=True)


class BuyerIn(StrictSerializer):
    name = StrictText(max_length=200, required=False, default="", allow_blank=True)
    email = Email(max_length=200, required=False, default="", allow_blank=True)
    phone = StrictText(max_length=40, required=False, default="", allow_blank=True)
    reference = StrictText(max_length=80, required=False, default="", allow_blank=True)
    loyalty_number = StrictText(max_length=40, required=False, default="", allow_blank=True)


class LineIn(StrictSerializer):
    id = Code(max_length=80)
    sku = Code(max_length=80)
    title = StrictText(max_length=300, required=False, default="", allow_blank=True)
    quantity = StrictInteger(min_value=1, max_value=MOST_UNITS)
    unit_price = Amount()
    discount = Amount(required=False, default=0)
    tax = Amount(required=False, default=0)
    total = Amount()
    method = Choice([str(m) for m in Method], required=False, default="ship")
    location = Code(max_length=40, required=False, default="", allow_blank=True)


class PaymentIn(StrictSerializer):
    method = StrictText(max_length=30)
    amount = Amount()
    reference = StrictText(max_length=120, required=False, default="", allow_blank=True)
    captured = StrictBoolean(required=False, default=True)


class OrderIn(StrictSerializer):
    channel = Code(max_length=40)
    number = Code(max_length=80, help_text="Your own number of the order, unique in the channel.")
    placed_at = StrictText(max_length=40, help_text="ISO 8601 with offset.")
    currency = Pattern("^[A-Z]{3}$")
    buyer = BuyerIn(required=False)
    ship_to = AddressIn(required=False, allow_null=True)
    lines = serializers.ListField(child=LineIn(), allow_empty=False, max_length=MOST_LINES)
    shipping = Amount(required=False, default=0)
    discount = Amount(required=False, default=0)
    tax = Amount(required=False, default=0)
    tax_included = StrictBoolean(required=False, default=True)
    total = Amount()
    payments = serializers.ListField(child=PaymentIn(), required=False, default=list, max_length=20)
    sold_at = Code(max_length=40, required=False, default="", allow_blank=True)
    note = StrictText(max_length=2000, required=False, default="", allow_blank=True)


_ORDER_IN = OrderIn()


def to_incoming(data: dict[str, Any]) -> IncomingOrder:
    """Say a validated body in the words of the front door. Raises Refused for identifiers and moments that are none."""
    buyer, to = data.get("buyer") or {}, data.get("ship_to")
    return IncomingOrder(
        channel=data["channel"],
        external_number=text.identifier(data["number"], what="number"),
        placed_at=clock.parse(data["placed_at"]),
        currency=data["currency"],
        buyer=Buyer(**_freed(buyer)),
        ship_to=Address(**_freed(to)) if to else None,
        lines=tuple(_to_line(line) for line in data["lines"]),
        shipping=data["shipping"],
        discount=data["discount"],
        tax=data["tax"],
        tax_included=data["tax_included"],
        total=data["total"],
        payments=tuple(_to_payment(payment) for payment in data["payments"]),
        sold_at=data["sold_at"],
        note=text.free(data["note"], most=2000),
    )


def _freed(words: dict[str, str]) -> dict[str, Any]:
    return {name: text.free(value) for name, value in words.items()}


def _to_line(line: dict[str, Any]) -> Line:
    return Line(
        external_id=text.identifier(line["id"], what="line id"),
        sku=text.identifier(line["sku"], what="sku"),
        title=text.free(line["title"]),
        quantity=line["quantity"],
        unit_price=line["unit_price"],
        discount=line["discount"],
        tax=line["tax"],
        total=line["total"],
        method=Method(line["method"]),
        location=line["location"],
    )


def _to_payment(payment: dict[str, Any]) -> Payment:
    return Payment(
        method=text.free(payment["method"]),
        amount=payment["amount"],
        reference=text.free(payment["reference"]),
        captured=payment["captured"],
    )


class PlacedOut(serializers.Serializer[Any]):
    """The short answer to an order, which a repetition gets again byte by byte."""

    number = serializers.IntegerField(help_text="Ours.")
    channel = serializers.CharField()
    external_number = serializers.CharField(help_text="Yours.")
    status = serializers.ChoiceField(Order.Status.choices)
    backordered = serializers.IntegerField(help_text="Units nobody has now; only marketplaces sell such.")


class LineOut(serializers.ModelSerializer[OrderLine]):
    sku = serializers.CharField(source="variant.sku")
    buckets = serializers.SerializerMethodField()

    class Meta:
        model = OrderLine
        fields = ["position", "external_id", "sku", "title", "method", "quantity", "unit_price", "total", "buckets"]

    def get_buckets(self, line: OrderLine) -> dict[str, int]:
        return {bucket: units for bucket in BUCKETS if (units := getattr(line, bucket))}


class OrderOut(serializers.ModelSerializer[Order]):
    channel = serializers.CharField(source="channel.code")
    lines = LineOut(many=True)

    class Meta:
        model = Order
        fields = [
            "number", "channel", "external_number", "status", "currency", "placed_at", "items_total", "shipping_total",
            "discount_total", "tax_total", "total", "lines",
        ]  # fmt: skip


class _MomentField(IsoDateTimeField):
    def to_python(self, value: Any) -> Any:
        """In UTC: of the offsets a text may name, Postgres does not read all."""
        moment = super().to_python(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError as broken:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from broken


class Moment(django_filters.IsoDateTimeFilter):
    field_class = _MomentField


class OrderFilter(django_filters.FilterSet):
    channel = django_filters.CharFilter("channel__code")
    placed_after = Moment("placed_at", lookup_expr="gte")
    placed_before = Moment("placed_at", lookup_expr="lt")

    class Meta:
        model = Order
        fields = ["status", "external_number"]


class Orders(Endpoint, ListAPIView[Order]):
    """Orders, newest first."""

    actions = {"GET": "order.read", "POST": "order.place"}
    parameters = (*OrderFilter.base_filters, *pagination.PARAMETERS)
    serializer_class = OrderOut
    filterset_class = OrderFilter
    pagination_class = pagination.NewestFirst

    def get_queryset(self) -> Any:
        return Order.objects.within(reach_of(self.request)).select_related("channel").prefetch_related("lines__variant")

    @extend_schema(
        request=OrderIn,
        responses={201: PlacedOut, 200: PlacedOut},
        parameters=[OpenApiParameter("Idempotency-Key", str, "header", required=True)],
    )
    def post(self, request: Request) -> HttpResponse:
        """Place an order. Repeating the request with the same Idempotency-Key has no second effect.

        The same order under another key is answered with 200 and what it became; another order under a number
        that the channel has used is refused.
        """
        key = idempotency.check(request.headers.get("Idempotency-Key"))
        form = OrderIn(data=request.data)
        form.fields = _ORDER_IN.fields  # they keep nothing of a request, and making them anew takes longest of all
        form.is_valid(raise_exception=True)
        _demand_reach(form.validated_data, reach_of(request))
        incoming = to_incoming(form.validated_data)
        body = getattr(request._request, "raw_body", b"")
        status, answer, replayed = _place_once(
            incoming,
            scope=f"{client_of(request).name}:orders",
            key=key,
            print_=idempotency.fingerprint(body),
            request=request,
        )
        response = HttpResponse(answer, status=status, content_type="application/json")
        if replayed:
            response["Idempotent-Replayed"] = "true"
        return response


def _demand_reach(data: dict[str, Any], reach: Reach) -> None:
    places = {line["location"] for line in data["lines"]} | {data["sold_at"]}
    if not reach.has_channel(data["channel"]) or not all(reach.has_location(code) for code in places - {""}):
        raise NotAllowed("This key may not place orders for that channel or store.")


def _place_once(
    incoming: IncomingOrder, *, scope: str, key: str, print_: bytes, request: Request
) -> tuple[int, str, bool]:
    def place() -> tuple[int, str]:
        (accepted,) = intake.place([incoming], actor=actor_of(request), now=timezone.now())
        if not accepted.is_new:
            _demand_same(incoming, accepted)
        answer = {
            "number": accepted.number,
            "channel": incoming.channel,
            "external_number": incoming.external_number,
            "status": str(accepted.status),
            "backordered": accepted.backordered,
        }
        return (201 if accepted.is_new else 200), json.dumps(answer)

    for _ in range(ATTEMPTS - 1):
        try:
            return idempotency.once(scope=scope, key=key, print_=print_, do=place)
        except InsufficientStock:
            continue  # somebody was faster: look at the shelves again
    return idempotency.once(scope=scope, key=key, print_=print_, do=place)


def _demand_same(incoming: IncomingOrder, accepted: intake.Accepted) -> None:
    if not Order.objects.filter(pk=accepted.order_id, external_fingerprint=incoming.fingerprint).exists():
        raise NumberReused(
            f"{incoming.channel} has sent another order under the number {incoming.external_number}.",
            external_number=incoming.external_number,
        )


class OneOrder(Endpoint):
    actions = {"GET": "order.read"}

    @extend_schema(responses=OrderOut)
    def get(self, request: Request, number: int) -> Response:
        """One order with its lines and where their units are."""
        order = reading.find(number, reach=reach_of(request))
        return Response(OrderOut(Order.objects.prefetch_related("lines__variant").get(pk=order.pk)).data)


class CancellationIn(StrictSerializer):
    reason = StrictText(max_length=300)


class Cancellation(Endpoint):
    @extend_schema(request=CancellationIn, responses={200: OrderOut})
    def post(self, request: Request, number: int) -> Response:
        """Cancel every unit that has not been picked or sent. Needs no key: repeating it cancels nothing more.

        Answers 200 with the order for as long as some of its units are cancelled, 409 when none could be.
        """
        order = reading.find(number, reach=reach_of(request))
        form = CancellationIn(data=request.data)
        form.is_valid(raise_exception=True)
        reason = text.free(form.validated_data["reason"], most=300)
        try:
            cancellation.cancel(number=order.number, reason=reason, actor=actor_of(request), now=timezone.now())
        except cancellation.NothingToCancel:
            if not order.lines.filter(cancelled__gt=0).exists():
                raise
        return OneOrder().get(request, order.number)


class ShipmentIn(StrictSerializer):
    location = Code(max_length=40)
    carrier = StrictText(max_length=40)
    tracking_number = Code(max_length=60)
    lines = UnitsByPosition(required=False, help_text="{position: units}; without it everything allocated there.")


class Shipments(Endpoint):
    @extend_schema(request=ShipmentIn, responses={201: OrderOut})
    def post(self, request: Request, number: int) -> Response:
        """A parcel left. Needs no key: repeating it with the same tracking number has no second effect."""
        order = reading.find(number, reach=reach_of(request))
        form = ShipmentIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        if not reach_of(request).has_location(data["location"]):
            raise NotAllowed("This key may not ship from that location.")
        fulfilment.ship(
            number=order.number, location=data["location"], carrier=data["carrier"],
            tracking_number=text.identifier(data["tracking_number"], what="tracking_number"),
            units=data.get("lines"), actor=actor_of(request), now=timezone.now(),
        )  # fmt: skip
        answer = OneOrder().get(request, order.number)
        answer.status_code = 201
        return answer
