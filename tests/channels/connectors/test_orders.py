"""Reading orders: windows, pages that move, repeat, break off or never end."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels.connectors.amazon import Amazon
from channels.connectors.amazon import client as amazon_client
from channels.connectors.base import (
    Account,
    ChannelFailed,
    OrderPage,
    RawOrder,
    Rejected,
    Throttled,
    Unauthorised,
    Unavailable,
)
from channels.connectors.ebay import Ebay
from channels.connectors.ebay import client as ebay_client
from oms.transport import Response
from tests.channels.connectors.conftest import Channel
from tests.channels.connectors.wire import ScriptedWire

BUYER = {"name": "Miriam Okafor", "username": "m_okafor82", "email": "x7k2@relay.example"}
ADDRESS = {"line1": "7 Lantern Row", "city": "Bristol", "postcode": "BS3 1JP", "country": "GB"}
SINCE = datetime(2020, 1, 1, tzinfo=UTC)


def sell(channel: Channel, times: int = 1, **more: Any) -> list[str]:
    if "LAMP" not in channel.market.listings:
        channel.market.list("LAMP", quantity=1000, price="12.50")
    return [channel.market.buy("LAMP", buyer=BUYER, address=ADDRESS, **more) for _ in range(times)]


def pages(channel: Channel, since: datetime = SINCE) -> list[OrderPage]:
    return list(channel.connector.orders_changed(since=since, until=datetime.now(UTC) - timedelta(milliseconds=1)))


def numbers(found: list[OrderPage]) -> list[str]:
    return [order.external_number for page in found for order in page.orders]


def read(channel: Channel) -> list[str]:
    """Order numbers a moment after the last sale: a window's end may not lie in the future."""
    latest = max(datetime.fromisoformat(order["modified"]) for order in channel.market.orders.values())
    while datetime.now(UTC) - timedelta(milliseconds=3) < latest:
        pass
    return numbers(pages(channel))


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ebay_client, "PAGE", 2)
    monkeypatch.setattr(amazon_client, "PAGE", 2)


@pytest.mark.usefixtures("small_pages")
class TestPages:
    def test_all_orders_come_once_and_the_last_page_says_so(self, channel: Channel) -> None:
        sold = sell(channel, 5)
        read(channel)
        found = pages(channel)

        assert sorted(numbers(found)) == sorted(sold)
        assert [page.is_last for page in found] == [False, False, True]

    def test_nothing_changed(self, channel: Channel) -> None:
        found = pages(channel)

        assert [(page.orders, page.is_last) for page in found] == [((), True)]

    def test_the_window_bounds_what_comes(self, channel: Channel) -> None:
        sell(channel, 2)
        read(channel)

        assert numbers(pages(channel, since=datetime.now(UTC) - timedelta(milliseconds=1))) == []

    def test_orders_that_leave_the_window_meanwhile_make_no_other_one_skipped(self, channel: Channel) -> None:
        """An early order changes while later pages are still to be read, so at eBay all offsets behind it shift."""
        sold = sell(channel, 6)
        read(channel)
        until = datetime.now(UTC) - timedelta(milliseconds=1)
        walk = channel.connector.orders_changed(since=SINCE, until=until)
        found = [next(walk)]
        channel.market.cancel(sold[0])
        channel.market.cancel(sold[1])
        found += list(walk)

        assert set(numbers(found)) >= set(sold[2:])
        assert found[-1].is_last

    def test_duplicates_and_disorder_lose_nothing(self, channel: Channel) -> None:
        sold = sell(channel, 5)
        channel.market.faults.arm("duplicate_orders", times=9)
        channel.market.faults.arm("reorder", times=9)

        assert set(read(channel)) == set(sold)

    @pytest.mark.parametrize("fault", ["loop", "empty_page"])
    def test_m49_pages_that_never_end_are_given_up(self, channel: Channel, fault: str) -> None:
        sell(channel, 5)
        read(channel)
        before = len(channel.wire.operations)
        channel.market.faults.arm(fault, times=None)

        with pytest.raises(Unavailable):
            pages(channel)
        assert len(channel.wire.operations) - before < 10

    def test_a_page_with_every_order_twice_is_no_loop(self, channel: Channel) -> None:
        """Only a whole page that was there before is one."""
        sold = sell(channel, 3)
        channel.market.faults.arm("duplicate_orders", times=1)

        assert set(read(channel)) == set(sold)


class TestBrokenAnswers:
    @pytest.mark.parametrize("fault", ["half_page", "html", "reset", "error"])
    def test_m50_half_an_answer_is_none(self, channel: Channel, fault: str) -> None:
        sold = sell(channel)
        channel.expect_nonsense()
        channel.market.faults.arm(fault, operation=channel.reading)

        with pytest.raises(Unavailable):
            pages(channel)
        assert read(channel) == sold

    def test_an_answer_that_does_not_come(self, channel: Channel) -> None:
        channel.market.faults.arm("hang", operation=channel.reading, seconds=0.05)

        with pytest.raises(Unavailable):
            pages(channel)

    @pytest.mark.parametrize("wait", [7.0, None])
    def test_throttled(self, channel: Channel, wait: float | None) -> None:
        channel.market.faults.arm("throttle", operation=channel.reading, retry_after=wait)

        with pytest.raises(Throttled) as throttled:
            pages(channel)
        assert throttled.value.retry_after == wait

    def test_a_stale_token_is_renewed(self, channel: Channel) -> None:
        sold = sell(channel)
        assert read(channel) == sold
        channel.market.faults.arm("stale_token")

        assert read(channel) == sold

    def test_credentials_that_are_refused(self, channel: Channel) -> None:
        channel.market.refresh_token = "withdrawn"

        with pytest.raises(Unauthorised):
            pages(channel)

    def test_stale_reads_come_with_a_later_window(self, channel: Channel) -> None:
        sold = sell(channel)
        channel.market.faults.arm("stale_read", seconds=60)

        assert read(channel) == []
        assert read(channel) == sold


class TestOneOrder:
    def test_by_number(self, channel: Channel) -> None:
        (sold,) = sell(channel, shipping="2.50")
        raw = channel.connector.order(sold)
        order = channel.connector.translate(json.loads(raw.body))

        assert raw.external_number == order.external_number == sold
        assert raw.updated_at == order.updated_at
        assert (order.total, order.shipping, order.buyer.name) == (1500, 250, "Miriam Okafor")

    def test_the_same_as_in_the_page(self, channel: Channel) -> None:
        (sold,) = sell(channel)
        read(channel)
        (page,) = pages(channel)

        one = channel.connector.order(sold)
        assert isinstance(one, RawOrder)
        assert json.loads(one.body) == json.loads(page.orders[0].body)
        assert one.version == page.orders[0].version

    def test_unknown(self, channel: Channel) -> None:
        assert channel.connector.order(channel.market.number(5)) is None

    def test_cancelled(self, channel: Channel) -> None:
        (sold,) = sell(channel)
        channel.market.cancel(sold, request=True)
        assert channel.connector.translate(json.loads(channel.connector.order(sold).body)).cancel_requested
        channel.market.cancel(sold)
        order = channel.connector.translate(json.loads(channel.connector.order(sold).body))

        assert (order.state.value, order.lines[0].cancelled) == ("cancelled", 1)

    def test_pending(self, channel: Channel) -> None:
        (sold,) = sell(channel, pending=True)
        before = channel.connector.translate(json.loads(channel.connector.order(sold).body))
        channel.market.pay(sold)
        after = channel.connector.translate(json.loads(channel.connector.order(sold).body))

        assert (before.state.value, after.state.value) == ("awaiting_payment", "open")


# answers no simulated marketplace gives


def scripted(kind: type[Any], *bodies: bytes, status: int = 200) -> tuple[Any, ScriptedWire]:
    settings = {"marketplace_id": "M", "seller_id": "S"}
    account = Account(code="shop", currency="GBP", settings=settings)
    wire = ScriptedWire(account, *(Response(status=status, headers={}, body=body) for body in bodies))
    return kind(wire), wire


def walk(connector: Any) -> list[OrderPage]:
    return list(connector.orders_changed(since=SINCE, until=SINCE + timedelta(days=1)))


@pytest.mark.parametrize("kind", [Ebay, Amazon])
class TestEvidence:
    def test_an_order_is_kept_byte_by_byte(self, kind: type[Any]) -> None:
        body = b'{ "orderId" :"A-1",  "x":[1.50, "\\ud83d\\ude00 \xc3\xa9", {"orders":[]}] }'
        connector, _ = scripted(kind, b' {"before":[{}], "orders" : [\n' + body + b' , {"orderId":"A-2"}] } ')
        (page,) = walk(connector)

        assert [order.body for order in page.orders] == [body, b'{"orderId":"A-2"}']

    @pytest.mark.parametrize(
        "broken", [b'{"orderId":"B","a":1,"a":2}', b'{"orderId":"B","x":NaN}', b'{"orderId":"B","x":1e400}']
    )
    def test_m18_a_doubtful_order_does_not_spoil_its_neighbours(self, kind: type[Any], broken: bytes) -> None:
        connector, _ = scripted(kind, b'{"orders":[' + broken + b',{"orderId":"A-2"}]}')
        (page,) = walk(connector)

        assert [order.external_number for order in page.orders] == ["B", "A-2"]
        assert page.orders[0].body == broken

    @pytest.mark.parametrize("number", [b"null", b"5", b'"a\\u0000b"', b'"\\ud800"', b'" A"'])
    def test_an_order_without_a_usable_number_gets_one_that_stays(self, kind: type[Any], number: bytes) -> None:
        body = b'{"orders":[{"orderId":' + number + b"}]}"
        first, second = (walk(scripted(kind, body)[0])[0].orders[0].external_number for _ in range(2))

        assert first == second
        assert first.startswith("unreadable-")

    def test_a_stamp_that_cannot_be_read_moves_no_cursor(self, kind: type[Any]) -> None:
        connector, _ = scripted(
            kind, b'{"orders":[{"orderId":"A","lastModifiedDate":"soon","lastUpdatedTime":"soon"}]}'
        )

        assert walk(connector)[0].orders[0].updated_at == SINCE

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"null", b"{}", b'{"orders":{}}', b"\xff", b"[" * 5000, b'{"orders":[{}']
    )
    def test_no_page(self, kind: type[Any], body: bytes) -> None:
        connector, _ = scripted(kind, body)

        with pytest.raises(Unavailable):
            walk(connector)


class TestQuestions:
    def test_ebay_asks_by_change_with_a_fixed_end(self) -> None:
        connector, wire = scripted(Ebay, b'{"orders":[{}],"next":"x","total":2}', b'{"orders":[{"a":1}],"total":2}')
        walk(connector)
        filters = [dict(request.params)["filter"] for _, request in wire.requests]

        assert filters == ["lastmodifieddate:[2020-01-01T00:00:00.000Z..2020-01-02T00:00:00.000Z]"] * 2
        assert [dict(request.params)["offset"] for _, request in wire.requests] == ["0", "1"]

    def test_ebay_says_where_the_next_page_begins(self) -> None:
        """Not always behind what came: a page may hold an order twice, or fewer than it could."""
        following = b"https://api.ebay.com/sell/fulfillment/v1/order?limit=200&offset=3"
        connector, wire = scripted(
            Ebay, b'{"orders":[{},{}],"next":"' + following + b'","total":4}', b'{"orders":[{"a":1}],"total":4}'
        )
        walk(connector)

        assert [dict(request.params)["offset"] for _, request in wire.requests] == ["0", "3"]

    @pytest.mark.parametrize(
        "following", [b"http://[", b"x?offset=-5", b"x?offset=0", b"x?offset=999999", b"x?offset=1e3"]
    )
    def test_ebay_is_not_led_astray(self, following: bytes) -> None:
        connector, wire = scripted(
            Ebay, b'{"orders":[{}],"next":"' + following + b'","total":2}', b'{"orders":[{"a":1}],"total":2}'
        )
        walk(connector)

        assert [dict(request.params)["offset"] for _, request in wire.requests] == ["0", "1"]

    def test_ebay_steps_back_by_what_left_the_window(self) -> None:
        connector, wire = scripted(
            Ebay,
            b'{"orders":[{"a":1},{"a":2}],"next":"x","total":4}',
            b'{"orders":[{"a":4}],"total":3}',
            b'{"orders":[{"a":3},{"a":4}],"total":3}',
        )
        found = walk(connector)

        assert [dict(request.params)["offset"] for _, request in wire.requests] == ["0", "2", "1"]
        assert [order.body for page in found for order in page.orders][-2:] == [b'{"a":3}', b'{"a":4}']

    def test_amazon_repeats_its_filters_with_the_token(self) -> None:
        connector, wire = scripted(Amazon, b'{"orders":[],"pagination":{"nextToken":"t1"}}', b'{"orders":[]}')
        walk(connector)
        first, second = (dict(request.params) for _, request in wire.requests)

        assert second == {**first, "paginationToken": "t1"}
        assert first["lastUpdatedAfter"] == "2020-01-01T00:00:00.000Z"
        assert "createdAfter" not in first

    def test_amazon_needs_to_know_whose_account_it_is(self) -> None:
        wire = ScriptedWire(Account(code="shop", currency="GBP"))

        with pytest.raises(Rejected, match="marketplace_id"):
            walk(Amazon(wire))


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "error", "failure"),
        [
            (400, {"errorId": 30810, "message": "Invalid date format", "category": "REQUEST"}, Rejected),
            (400, {"errorId": 30850, "message": "in the future", "category": "REQUEST"}, Unavailable),
            (400, {"errorId": 30500, "message": "System error", "category": "APPLICATION"}, Unavailable),
            (403, {"errorId": 1100, "message": "Access denied"}, Unauthorised),
        ],
    )
    def test_ebay(self, status: int, error: dict[str, Any], failure: type[ChannelFailed]) -> None:
        connector, _ = scripted(Ebay, json.dumps({"errors": [error]}).encode(), status=status)

        with pytest.raises(ChannelFailed) as failed:
            walk(connector)
        assert type(failed.value) is failure
        assert failed.value.code == str(error["errorId"])

    @pytest.mark.parametrize(("status", "failure"), [(400, Rejected), (413, Rejected), (403, Unauthorised)])
    def test_amazon(self, status: int, failure: type[ChannelFailed]) -> None:
        body = json.dumps({"errors": [{"code": "InvalidInput", "message": "No"}]}).encode()
        connector, _ = scripted(Amazon, body, status=status)

        with pytest.raises(ChannelFailed) as failed:
            walk(connector)
        assert type(failed.value) is failure
        assert failed.value.code == "InvalidInput"

    @pytest.mark.parametrize("kind", [Ebay, Amazon])
    def test_a_refusal_without_a_body_is_one_all_the_same(self, kind: type[Any]) -> None:
        connector, _ = scripted(kind, b"", status=400)

        with pytest.raises(Rejected) as failed:
            walk(connector)
        assert failed.value.code == "http_400"

    @pytest.mark.parametrize("kind", [Ebay, Amazon])
    @pytest.mark.parametrize(
        ("status", "body", "failure"),
        [
            (400, b'{"error":"invalid_grant"}', Unauthorised),
            (401, b'{"error":"invalid_client"}', Unauthorised),
            (500, b"", Unavailable),
            (429, b"", Unavailable),
            (200, b"<html>", Unavailable),
            (200, b'{"access_token":"","expires_in":5}', Unavailable),
            (200, b'{"access_token":"t"}', Unavailable),
        ],
    )
    def test_tokens(self, kind: type[Any], status: int, body: bytes, failure: type[ChannelFailed]) -> None:
        with pytest.raises(failure):
            kind.read_token(Response(status=status, headers={}, body=body))

    def test_amazon_says_403_for_a_stale_token_and_for_a_missing_role(self) -> None:
        def said(details: str) -> Response:
            error = {"code": "Unauthorized", "message": "Access to requested resource is denied.", "details": details}
            return Response(status=403, headers={}, body=json.dumps({"errors": [error]}).encode())

        assert Amazon.token_refused(said("The access token you provided has expired."))
        assert not Amazon.token_refused(said(""))
