"""Connectors and simulated marketplaces hold to the vendors' contracts, and the checker notices when they do not."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from channels.connectors.amazon import Amazon
from channels.connectors.base import Shipment, StockUpdate
from channels.connectors.ebay import Ebay
from demo.marketplaces import amazon as simulated_amazon
from demo.marketplaces import ebay as simulated_ebay
from oms.transport import Request, Response
from tests.channels.connectors import contract, payloads
from tests.channels.connectors.conftest import Channel
from tests.channels.connectors.test_orders import BUYER, pages, sell

pytestmark = contract.needs_specs


def everything(channel: Channel) -> list[tuple[str, int]]:
    """Use every operation of a connector, on orders of every kind, and return the checked exchanges."""
    market, connector = channel.market, channel.connector
    market.list("FBA", quantity=9, price="5.00", by_channel=True)
    market.list("LAMP", quantity=1000, price="12.50")
    numbers = sell(channel, 4, quantity=2, shipping="2.99", note="Leave it with Anna")
    sell(channel, pending=True)
    market.buy("FBA", buyer=BUYER)
    market.cancel(numbers[0])
    market.cancel(numbers[1], request=True)
    for place, number in ((2, numbers[2]), (3, numbers[3])):
        line = market.order(number)["lines"][0]["id"]
        there = Shipment(
            external_number=number,
            package=str(place),
            carrier="Uncle Bob's Van",
            tracking_number=f"T{place}",
            shipped_at=datetime.now(UTC),
            units=((line, place - 1),),
        )
        connector.push_shipment(there)
        connector.push_shipment(there)
    while datetime.now(UTC) - timedelta(milliseconds=5) < datetime.fromisoformat(market.order(numbers[3])["modified"]):
        pass
    for number in [raw.external_number for page in pages(channel) for raw in page.orders]:
        assert connector.order(number) is not None
    assert connector.order(market.number(7)) is None
    updates = [StockUpdate(listing=sku, sku=sku, quantity=3) for sku in ("LAMP", "FBA", "NOPE")]
    connector.push_stock(updates)
    connector.read_stock(["LAMP", "FBA", "NOPE"])
    market.faults.arm("stale_token")
    pages(channel)
    assert channel.checked is not None
    return channel.checked.seen


def test_ebay_keeps_its_contract(ebay: Channel) -> None:
    seen = everything(ebay)

    assert {operation for operation, _ in seen} == set(Ebay.budgets)
    assert {("bulkUpdatePriceQuantity", 207), ("getOrder", 404), ("getOrders", 401)} <= set(seen)


def test_amazon_keeps_its_contract(amazon: Channel) -> None:
    seen = everything(amazon)

    assert {operation for operation, _ in seen} == set(Amazon.budgets)
    assert {("getListingsItem", 404), ("getOrder", 404), ("searchOrders", 403)} <= set(seen)


@pytest.mark.parametrize("fault", ["throttle", "error"])
def test_refusals_are_in_the_contract_too(channel: Channel, fault: str) -> None:
    channel.market.faults.arm(fault, operation=channel.reading)

    with pytest.raises(Exception) as failed:  # noqa: PT011  # any but a broken contract
        pages(channel)
    assert not isinstance(failed.value, contract.ContractBroken)
    assert channel.checked is not None
    assert channel.checked.seen[-1][1] in (429, 503)


@pytest.mark.parametrize("name", payloads.EBAY_ORDERS)
def test_our_own_ebay_payloads_are_such_as_ebay_sends(name: str) -> None:
    body = json.dumps(payloads.ebay_order(name)).encode()
    request = Request(
        method="GET", url="https://api.ebay.com/sell/fulfillment/v1/order/1", headers={"Authorization": "x"}
    )

    assert contract.check(request, Response(status=200, headers={}, body=body)) == "getOrder"


def test_our_own_amazon_payload_is_such_as_amazon_sends() -> None:
    body = json.dumps({"order": payloads.amazon_order()}).encode()
    url = "https://sellingpartnerapi-eu.amazon.com/orders/2026-01-01/orders/1"
    request = Request(method="GET", url=url, headers={"x-amz-access-token": "x"})

    assert contract.check(request, Response(status=200, headers={}, body=body)) == "getOrder"


def test_operations_and_rates_are_the_vendors(amazon: Channel) -> None:
    found = json.loads((contract.SPECS / "amazon" / "rate_limits.json").read_text())
    rates = {**found["ordersV0"], **found["listingsItems_2021-08-01"], **found["orders_2026-01-01"]}

    for operation, budget in Amazon.budgets.items():
        assert (budget.rate, budget.burst) == (rates[operation]["rate_per_second"], rates[operation]["burst"])
    assert {name: (b.rate, b.burst) for name, b in Amazon.budgets.items()} == simulated_amazon.VENDOR_RATES
    assert set(simulated_ebay.VENDOR_RATES) == set(Ebay.budgets)


class TestTheChecker:
    """Spoils one good exchange after the other: a checker that takes everything would prove nothing."""

    GOOD = Request(
        method="POST",
        url="https://api.ebay.com/sell/inventory/v1/bulk_update_price_quantity",
        headers={"Authorization": "Bearer t", "Content-Type": "application/json"},
        body=b'{"requests":[{"sku":"A","shipToLocationAvailability":{"quantity":1}}]}',
    )
    ANSWER = Response(
        status=200,
        headers={"content-type": "application/json"},
        body=b'{"responses":[{"sku":"A","statusCode":200}]}',
    )

    def test_takes_the_good_one(self) -> None:
        assert contract.check(self.GOOD, self.ANSWER) == "bulkUpdatePriceQuantity"

    @pytest.mark.parametrize(
        "body",
        [
            b'{"requests":[{"sku":"A","shipToLocationAvailability":{"quantity":"1"}}]}',
            b'{"requests":[{"sku":"A","shipToLocation":{"quantity":1}}]}',
            b'{"requests":[{"sku":5}]}',
            b'{"requests":[{"sku":"A"},{"sku":"B"}]}',
            b'{"requests":',
        ],
    )
    def test_a_request_of_another_form(self, body: bytes) -> None:
        with pytest.raises((contract.ContractBroken, ValueError)):
            contract.check(replace(self.GOOD, body=body), self.ANSWER)

    @pytest.mark.parametrize("body", [b'{"responses":[{"sku":1}]}', b'{"responses":{}}', b'{"answers":[]}', b"<html>"])
    def test_an_answer_of_another_form(self, body: bytes) -> None:
        with pytest.raises(contract.ContractBroken):
            contract.check(self.GOOD, replace(self.ANSWER, body=body))

    @pytest.mark.parametrize("status", [201, 418])
    def test_an_answer_of_another_status(self, status: int) -> None:
        with pytest.raises(contract.ContractBroken):
            contract.check(self.GOOD, replace(self.ANSWER, status=status))

    @pytest.mark.parametrize("url", ["https://api.ebay.com/sell/inventory/v1/nowhere", "https://api.ebay.com/else"])
    def test_another_path(self, url: str) -> None:
        with pytest.raises(contract.ContractBroken):
            contract.check(replace(self.GOOD, url=url), self.ANSWER)

    def test_no_token(self) -> None:
        with pytest.raises(contract.ContractBroken, match="authorization"):
            contract.check(replace(self.GOOD, headers={"Content-Type": "application/json"}), self.ANSWER)

    @pytest.mark.parametrize(
        "params",
        [
            (),
            (("lastUpdatedAfter", "2026-01-01T00:00:00Z"), ("createdAfter", "2026-01-01T00:00:00Z")),
            (("lastUpdatedAfter", "2026-01-01T00:00:00Z"), ("maxResultsPerPage", "101")),
            (("lastUpdatedAfter", "2026-01-01T00:00:00Z"), ("includedData", "BUYER,EVERYTHING")),
            (("lastUpdatedAfter", "yesterday"),),
        ],
    )
    def test_questions_amazon_does_not_take(self, params: tuple[tuple[str, str], ...]) -> None:
        url = "https://sellingpartnerapi-eu.amazon.com/orders/2026-01-01/orders"
        request = Request(method="GET", url=url, headers={"x-amz-access-token": "t"}, params=params)

        with pytest.raises(contract.ContractBroken):
            contract.check(request, Response(status=200, headers={}, body=b'{"orders":[]}'))
