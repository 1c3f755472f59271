"""The least Django that could take an order: one view, one round trip. Served as the product is: see `serving`."""

import json
import os
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import path

PLACE = """
WITH wanted AS (
    SELECT * FROM unnest(%s::text[], %s::int[], %s::bigint[]) AS w(sku, units, price)
), locked AS MATERIALIZED (
    SELECT sku, units FROM floor.stock JOIN wanted USING (sku) ORDER BY sku FOR NO KEY UPDATE OF stock
), held AS (
    UPDATE floor.stock SET reserved = reserved + units FROM locked
     WHERE stock.sku = locked.sku AND reserved + units <= on_hand RETURNING stock.sku
), placed AS (
    INSERT INTO floor.orders (number, name, email, total)
    SELECT %s, %s, %s, %s WHERE (SELECT count(*) FROM held) = (SELECT count(*) FROM wanted) RETURNING id
)
INSERT INTO floor.lines (order_id, sku, quantity, price)
SELECT id, sku, units, price FROM placed, wanted RETURNING order_id
"""


def place(request: HttpRequest) -> JsonResponse:
    order = json.loads(request.body)
    lines = order["lines"]
    columns: list[Any] = [[line[name] for line in lines] for name in ("sku", "quantity", "unit_price")]
    with connection.cursor() as cursor:
        cursor.execute(
            PLACE, [*columns, order["number"], order["buyer"]["name"], order["buyer"]["email"], order["total"]]
        )
        written = cursor.fetchall()
    answer = JsonResponse({"number": written[0][0]}, status=201) if written else JsonResponse({}, status=409)
    answer["Content-Length"] = len(answer.content)  # or it is sent in chunks, which takes longer
    return answer


def _database() -> dict[str, Any]:
    url = urlsplit(os.environ["DATABASE_URL"])
    more = parse_qs(url.query)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path[1:],
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": more.get("host", [url.hostname or ""])[0],
        "PORT": more.get("port", [str(url.port or "")])[0],
        "CONN_MAX_AGE": 60,
    }


urlpatterns = [path("api/v1/orders", place)]

if not settings.configured:  # served; the tests look at this module from within the product
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"], DATABASES={"default": _database()}, ROOT_URLCONF=__name__, SECRET_KEY="floor"
    )
    application = get_wsgi_application()
