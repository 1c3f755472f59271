"""Telling the channels: stock and shipments, repeated, refused, lost on the way."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from channels.connectors.amazon import Amazon
from channels.connectors.base import Account, Outcome, Rejected, Shipment, StockUpdate, Throttled, Unavailable
from channels.connectors.ebay import Ebay
from demo.marketplaces import AmazonMarketplace
from oms.transport import Response
from tests.channels.connectors.conftest import Channel, connect
from tests.channels.connectors.test_orders import sell
from tests.channels.connectors.wire import ScriptedWire


def update(quantity: int, sku: str = "LAMP", **more: str) -> StockUpdate:
    return StockUpdate(listing=f"listing-{sku}", sku=sku, quantity=quantity, **more)


def shipment(channel: Channel, number: str, package: str = "17", units: int = 1, **more: Any) -> Shipment:
    (line, *_) = channel.market.order(number)["lines"]
    said: Mapping[str, Any] = {"carrier": "DPD", "tracking_number": "1550 1234 567", **more}
    return Shipment(
        external_number=number,
        package=package,
        shipped_at=datetime(2026, 10, 3, 12, 0, tzinfo=UTC),
        units=((line["id"], units),),
        **said,
    )


@pytest.fixture(autouse=True)
def listing(request: pytest.FixtureRequest) -> None:
    if "channel" in request.fixturenames:
        request.getfixturevalue("channel").market.list("LAMP", quantity=5, price="12.50")


class TestStock:
    def test_absolute_and_safe_to_repeat(self, channel: Channel) -> None:
        for _ in range(2):
            (result,) = channel.connector.push_stock([update(3)])
            assert (result.listing, result.code) == ("listing-LAMP", "")
            assert result.outcome is (Outcome.DONE if channel.market.kind == "ebay" else Outcome.ACCEPTED)

        assert channel.market.stock() == {"LAMP": 3}
        assert channel.connector.read_stock(["LAMP"]) == {"LAMP": 3}

    def test_zero(self, channel: Channel) -> None:
        channel.connector.push_stock([update(0)])

        assert channel.market.stock() == {"LAMP": 0}

    def test_odd_skus_reach_their_listing(self, channel: Channel) -> None:
        odd = "A/B 1?&#%é+"
        channel.market.list(odd, quantity=5, price="1.00")

        channel.connector.push_stock([update(2, odd)])
        assert channel.connector.read_stock([odd]) == {odd: 2}

    def test_an_unknown_sku_is_rejected_and_the_rest_done(self, channel: Channel) -> None:
        first, second = channel.connector.push_stock([update(1, "NOPE"), update(2)])

        assert (first.listing, first.outcome) == ("listing-NOPE", Outcome.REJECTED)
        assert first.code
        assert first.message
        assert second.outcome in (Outcome.DONE, Outcome.ACCEPTED)
        assert channel.connector.read_stock(["NOPE", "LAMP"]) == {"LAMP": 2}

    def test_a_number_below_zero_is_not_sent(self, channel: Channel) -> None:
        (result,) = channel.connector.push_stock([update(-1)])

        assert (result.outcome, result.code) == (Outcome.REJECTED, "quantity_invalid")
        assert channel.market.stock() == {"LAMP": 5}
        assert channel.wire.operations == []

    def test_half_way_through_what_was_not_told_comes_back(self, channel: Channel) -> None:
        channel.market.list("BULB", quantity=5, price="1.00")
        channel.connector.push_stock([update(4)])
        channel.market.faults.arm("slow", operation=_push_operation(channel))
        channel.market.faults.arm("throttle", operation=_push_operation(channel), retry_after=3)
        results = channel.connector.push_stock([update(3), update(2, "BULB")])

        assert (results[1].outcome, results[1].retry_after) == (Outcome.RETRY, 3)
        assert channel.market.stock() == {"LAMP": 3, "BULB": 5}

    def test_not_even_the_first_came_through(self, channel: Channel) -> None:
        channel.market.faults.arm("throttle", operation=_push_operation(channel), retry_after=2)

        with pytest.raises(Throttled):
            channel.connector.push_stock([update(3), update(2)])

    def test_a_lost_answer_is_no_lost_update(self, channel: Channel) -> None:
        channel.market.faults.arm("lost_answer", operation=_push_operation(channel))

        with pytest.raises(Unavailable):
            channel.connector.push_stock([update(3)])
        assert channel.market.stock() == {"LAMP": 3}

    def test_200_and_then_nothing_shows_when_read_back(self, channel: Channel) -> None:
        channel.market.faults.arm("forget")
        (result,) = channel.connector.push_stock([update(3)])

        assert result.outcome in (Outcome.DONE, Outcome.ACCEPTED)
        assert channel.connector.read_stock(["LAMP"]) == {"LAMP": 5}


def _push_operation(channel: Channel) -> str:
    return {"ebay": "bulkUpdatePriceQuantity", "amazon": "patchListingsItem"}[channel.market.kind]


class TestEbayStock:
    def test_the_offer_is_told_too(self, ebay: Channel) -> None:
        """An offer's own number overrides the item's where it is smaller, so both must move."""
        listing = ebay.market.list("LAMP", quantity=5, price="12.50", offer_quantity=1)
        (result,) = ebay.connector.push_stock([update(4, external_id=listing["offer_id"])])

        assert result.outcome is Outcome.DONE
        assert ebay.market.stock() == {"LAMP": 4}

    def test_207_with_one_part_refused_is_no_success(self, ebay: Channel) -> None:
        ebay.market.list("LAMP", quantity=5, price="12.50")
        (result,) = ebay.connector.push_stock([update(4, external_id="not-its-offer")])

        assert (result.outcome, result.code) == (Outcome.REJECTED, "25709")

    def test_a_part_that_failed_on_their_side_is_repeated(self, ebay: Channel) -> None:
        ebay.market.list("LAMP", quantity=5, price="12.50")
        ebay.market.faults.arm("part_fails")
        (result,) = ebay.connector.push_stock([update(4)])

        assert (result.outcome, result.code) == (Outcome.RETRY, "25001")

    @pytest.mark.parametrize(
        "answer", [b"{}", b'{"responses":null}', b'{"responses":[{"sku":"OTHER","statusCode":200}]}']
    )
    def test_an_answer_about_something_else_is_none(self, answer: bytes) -> None:
        wire = ScriptedWire(Account(code="shop", currency="GBP"), Response(status=200, headers={}, body=answer))
        (result,) = Ebay(wire).push_stock([update(4)])

        assert (result.outcome, result.code) == (Outcome.RETRY, "unanswered")

    def test_one_sku_a_call(self) -> None:
        good = [
            Response(status=200, headers={}, body=json.dumps({"responses": [{"sku": sku, "statusCode": 200}]}).encode())
            for sku in ("A", "B")
        ]
        wire = ScriptedWire(Account(code="shop", currency="GBP"), *good)
        Ebay(wire).push_stock([update(1, "A"), update(2, "B")])

        assert [len(json.loads(request.body)["requests"]) for _, request in wire.requests] == [1, 1]


class TestAmazonStock:
    def test_stock_that_lies_at_amazon_is_never_touched(self, amazon: Channel) -> None:
        amazon.market.list("LAMP", quantity=5, price="12.50", by_channel=True)
        (result,) = amazon.connector.push_stock([update(9)])

        assert (result.outcome, result.code) == (Outcome.REJECTED, "fulfilled_by_channel")
        assert amazon.market.listing("LAMP")["by_channel"]
        assert "patchListingsItem" not in amazon.wire.operations
        assert amazon.connector.read_stock(["LAMP"]) == {}

    def test_accepted_is_not_yet_shown(self) -> None:
        market = AmazonMarketplace(patch_delay=3600)
        market.list("LAMP", quantity=5, price="12.50")
        with market.serve() as running:
            channel = connect(market, Amazon, running.url)
            (result,) = channel.connector.push_stock([update(3)])

            assert result.outcome is Outcome.ACCEPTED
            assert channel.connector.read_stock(["LAMP"]) == {"LAMP": 5}

    def test_invalid(self, amazon: Channel) -> None:
        amazon.market.list("LAMP", quantity=5, price="12.50")
        amazon.market.faults.arm("part_fails")
        (result,) = amazon.connector.push_stock([update(3)])

        assert (result.outcome, result.code) == (Outcome.REJECTED, "90000900")
        assert amazon.market.stock() == {"LAMP": 5}

    def test_the_patch_leaves_the_handling_time_alone(self) -> None:
        listing = {"sku": "LAMP", "summaries": [{"productType": "LAMPS"}], "fulfillmentAvailability": []}
        accepted = {"sku": "LAMP", "status": "ACCEPTED", "submissionId": "1"}
        account = Account(code="shop", currency="GBP", settings={"seller_id": "S", "marketplace_id": "M"})
        said = [Response(status=200, headers={}, body=json.dumps(body).encode()) for body in (listing, accepted)]
        wire = ScriptedWire(account, *said)
        Amazon(wire).push_stock([update(3)])
        patch = json.loads(wire.requests[1][1].body)

        assert patch["productType"] == "LAMPS"
        assert patch["patches"][0]["op"] == "merge"
        assert patch["patches"][0]["value"] == [{"fulfillment_channel_code": "DEFAULT", "quantity": 3}]


class TestShipments:
    def test_told_once_and_again_makes_one_package(self, channel: Channel) -> None:
        (number,) = sell(channel)
        for _ in range(2):
            assert channel.connector.push_shipment(shipment(channel, number)) is Outcome.DONE

        (package,) = channel.market.order(number)["packages"]
        assert package["tracking"] == "1550 1234 567"
        assert package["carrier"] == "DPD"

    def test_a_lost_answer_does_not_make_a_second_package(self, channel: Channel) -> None:
        (number,) = sell(channel)
        channel.market.faults.arm("lost_answer", operation=_ship_operation(channel))
        with pytest.raises(Unavailable):
            channel.connector.push_shipment(shipment(channel, number))

        assert channel.connector.push_shipment(shipment(channel, number)) is Outcome.DONE
        assert len(channel.market.order(number)["packages"]) == 1

    def test_200_and_then_nothing_is_made_good_by_repeating(self, channel: Channel) -> None:
        (number,) = sell(channel)
        channel.market.faults.arm("forget", operation=_ship_operation(channel))
        channel.connector.push_shipment(shipment(channel, number))
        assert channel.market.order(number)["packages"] == []

        channel.connector.push_shipment(shipment(channel, number))
        assert len(channel.market.order(number)["packages"]) == 1

    def test_two_packages(self, channel: Channel) -> None:
        (number,) = sell(channel, quantity=2)
        channel.connector.push_shipment(shipment(channel, number, package="1", tracking_number="AAA1"))
        half = channel.connector.translate(json.loads(channel.connector.order(number).body))
        channel.connector.push_shipment(shipment(channel, number, package="2", tracking_number="AAA2"))
        whole = channel.connector.translate(json.loads(channel.connector.order(number).body))

        assert (half.state.value, whole.state.value) == ("partially_shipped", "shipped")
        assert len(channel.market.order(number)["packages"]) == 2

    def test_an_order_they_do_not_know(self, channel: Channel) -> None:
        (number,) = sell(channel)
        there = shipment(channel, number)
        channel.market.orders.clear()

        with pytest.raises(Rejected):
            channel.connector.push_shipment(there)

    def test_more_than_was_ordered(self, channel: Channel) -> None:
        (number,) = sell(channel)

        with pytest.raises(Rejected):
            channel.connector.push_shipment(shipment(channel, number, units=2))
        assert channel.market.order(number)["packages"] == []

    def test_a_carrier_nobody_knows(self, channel: Channel) -> None:
        (number,) = sell(channel)
        channel.connector.push_shipment(shipment(channel, number, carrier="Uncle Bob's Van"))

        assert channel.market.order(number)["packages"][0]["carrier"] == "Uncle Bob's Van"


def _ship_operation(channel: Channel) -> str:
    return {"ebay": "createShippingFulfillment", "amazon": "confirmShipment"}[channel.market.kind]


class TestEbayShipments:
    def test_the_same_number_written_otherwise_is_the_same_package(self, ebay: Channel) -> None:
        (number,) = sell(ebay)
        ebay.connector.push_shipment(shipment(ebay, number, tracking_number="1z999 aa1"))
        ebay.connector.push_shipment(shipment(ebay, number, tracking_number="1Z999AA1"))

        assert len(ebay.market.order(number)["packages"]) == 1

    def test_without_a_tracking_number(self, ebay: Channel) -> None:
        (number,) = sell(ebay)
        for _ in range(2):
            ebay.connector.push_shipment(shipment(ebay, number, tracking_number=""))

        (package,) = ebay.market.order(number)["packages"]
        assert (package["tracking"], package["carrier"]) == ("", "")

    def test_a_conflict_is_tried_again_later(self) -> None:
        empty = Response(status=200, headers={}, body=b'{"fulfillments":[]}')
        wire = ScriptedWire(Account(code="shop", currency="GBP"), empty, Response(status=409, headers={}, body=b""))
        there = Shipment(
            external_number="1", package="1", carrier="DPD", tracking_number="1", shipped_at=datetime.now(UTC), units=()
        )

        with pytest.raises(Unavailable):
            Ebay(wire).push_shipment(there)


class TestAmazonShipments:
    def test_the_same_package_sent_again_is_an_edit(self, amazon: Channel) -> None:
        (number,) = sell(amazon)
        amazon.connector.push_shipment(shipment(amazon, number, tracking_number="WRONG"))
        amazon.connector.push_shipment(shipment(amazon, number, tracking_number="RIGHT"))

        (package,) = amazon.market.order(number)["packages"]
        assert package["tracking"] == "RIGHT"

    @pytest.mark.parametrize("package", ["", "0", "P-17", "017", "-1", "1.5", "١"])
    def test_packages_are_positive_numbers(self, amazon: Channel, package: str) -> None:
        (number,) = sell(amazon)

        with pytest.raises(Rejected) as refused:
            amazon.connector.push_shipment(shipment(amazon, number, package=package))
        assert refused.value.code == "package_invalid"
