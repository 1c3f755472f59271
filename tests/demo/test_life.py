"""Shops that call the API, hands on the floor, and the arithmetic of the check."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from demo import floor
from demo.check import lag, verdict
from demo.check.lag import Spread
from demo.check.selling import Sale
from demo.loading import staff
from demo.marketplaces import EbayMarketplace
from demo.shops import compose
from demo.simulators import Simulator
from demo.world import buyers, catalogue, opening, places, shopper
from inventory.models import StockLevel, StockMovement
from oms import books
from orders.models import FulfilmentOrder, Order, OrderHold, OrderLine
from tests import factories

pytestmark = pytest.mark.usefixtures("world_is_read")

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def purchase(channel):
    return next(shopper.purchases(shares=((channel, 1),)))


@pytest.mark.django_db
class TestShops:
    """What a shop sends is what the desk takes."""

    @pytest.fixture
    def place(self, client, tmp_path):
        factories.channel("web")
        factories.channel("till", "till")
        keys = staff.keys(staff.Secrets(tmp_path / "secrets.json"))

        def send(order):
            return client.post(
                "/api/v1/orders", json.dumps(order), content_type="application/json",
                headers={"Authorization": f"Bearer {keys[order['channel']]}", "Idempotency-Key": order["number"]},
            )  # fmt: skip

        return send

    def test_a_parcel_from_the_web_shop(self, place):
        bought = purchase(buyers.WEB)
        warehouse = factories.location("WH-EAST")
        for pick in bought.picks:
            factories.stock(factories.variant(pick.sku), 50, warehouse)
        answer = place(compose(bought, "W1", NOW))
        assert answer.status_code == 201, answer.content
        order = Order.objects.get()
        assert (order.status, order.external_number) == ("allocated", "W1")
        assert order.ship_to["city"] == bought.ship_to.city
        assert order.total == order.payments.get().captured
        assert order.customer.name == bought.buyer.name

    def test_goods_carried_out_of_a_store(self, place):
        bought = purchase(buyers.TILL)
        store = factories.store(bought.store)
        for pick in bought.picks:
            factories.stock(factories.variant(pick.sku), 50, store)
        answer = place(compose(bought, "T1", NOW))
        assert answer.status_code == 201, answer.content
        assert Order.objects.get().status == "completed"
        assert Order.objects.get().sold_at == store
        left = sum(StockLevel.objects.values_list("on_hand", flat=True))
        assert left == 50 * len(bought.picks) - sum(pick.quantity for pick in bought.picks)

    def test_delivery_is_free_from_fifty_dollars(self):
        for channel in (buyers.WEB, buyers.TILL):
            for bought, _ in zip(shopper.purchases(shares=((channel, 1),)), range(40), strict=False):
                order = compose(bought, "1", NOW)
                goods = sum(line["total"] for line in order["lines"])
                assert order["shipping"] == (4_95 if channel == buyers.WEB and goods < 50_00 else 0)
                assert order["total"] == goods + order["shipping"] == order["payments"][0]["amount"]


@pytest.mark.django_db
class TestSending:
    @pytest.fixture
    def order(self):
        factories.channel("web")
        factories.stock(factories.variant("T90"), 5, factories.location("WH-EAST"))
        return factories.order(factories.line("T90", 2))

    def send(self, minutes=10):
        return floor.send(waiting_for=timedelta(minutes=1), most=10, now=timezone.now() + timedelta(minutes=minutes))

    def test_what_has_waited_leaves_with_a_tracking_number(self, order):
        assert self.send() == 1
        order.refresh_from_db()
        assert order.status == "shipped"
        parcel = order.parcels.get()
        assert parcel.carrier == "UPS"
        assert re.fullmatch(r"1Z999DEM03\d{8}", parcel.tracking_number)
        assert StockLevel.objects.get().on_hand == 3
        assert books.examine() == {}

    def test_nothing_leaves_before_its_time_or_twice(self, order):
        assert self.send(minutes=0) == 0
        assert self.send() == 1
        assert self.send() == 0

    def test_what_is_held_or_not_paid_stays(self, order):
        hold = OrderHold.objects.create(order=order, reason="manual", placed_at=NOW, placed_by="staff:maya")
        assert self.send() == 0
        hold.released_at = NOW
        hold.save()
        Order.objects.update(awaiting_payment=True)
        assert self.send() == 0
        Order.objects.update(awaiting_payment=False)
        assert self.send() == 1
        assert not FulfilmentOrder.objects.filter(state="open").exists()

    @pytest.mark.parametrize("valid", ["1Z5R89390357567127", "1Z879E930346834440", "1Z410E7W0392751591"])
    def test_check_digits_are_those_of_the_carrier(self, valid):
        assert valid == f"1Z{valid[2:-1]}{floor.check_digit(valid[2:-1])}"


@pytest.mark.django_db
class TestRestocking:
    @pytest.fixture
    def shelf(self):
        """A shelf of Warehouse East, the units it should hold and an empty shelf nobody has a rule for."""
        variant = catalogue.sellable()[0]
        place = factories.location(places.EAST)
        factories.stock(factories.variant(variant.sku), 1, place)
        factories.stock(factories.variant("UNRULED"), 1, place)
        return variant.sku, opening.levels()[places.EAST, variant.sku]

    def test_a_low_shelf_is_filled_to_what_should_lie_there(self, shelf):
        sku, full = shelf
        assert floor.Stockroom().put_away(now=NOW) == full - 1
        assert StockLevel.objects.get(variant__sku=sku).on_hand == full
        assert StockMovement.objects.get(cause="delivery").kind == "receipt"
        assert books.examine() == {}

    def test_a_shelf_that_is_not_low_waits(self, shelf):
        stockroom = floor.Stockroom()
        stockroom.put_away(now=NOW)
        assert stockroom.put_away(now=NOW + timedelta(minutes=1)) == 0


def sale(channel, number, at, **units):
    return Sale(channel, number, units, 1000, at, at)


class TestLag:
    def followed(self, sales, pushes, **more):
        given = {
            "opened_with": {"T90": 5}, "found": {}, "taken_in": {(s.channel, s.number): s.at + 0.5 for s in sales}
        }  # fmt: skip
        return lag.followed(sales, channel="amazon", pushes=pushes, **{**given, **more})

    def push(self, at, quantity, sku="T90"):
        return {"at": at, "sku": sku, "quantity": quantity}

    def test_a_push_tells_of_a_sale_when_it_leaves_no_more_than_the_sale_did(self):
        sales = [sale("ebay", "1", 10.0, T90=1), sale("web", "2", 11.0, T90=2)]
        pushes = [self.push(9.0, 4), self.push(12.0, 4), self.push(15.0, 2)]
        assert self.followed(sales, pushes) == ([2.0, 4.0], [])

    def test_its_own_sales_count_towards_what_is_left_but_are_no_news_to_it(self):
        sales = [sale("amazon", "1", 10.0, T90=1), sale("web", "2", 11.0, T90=1)]
        assert self.followed(sales, [self.push(12.0, 4), self.push(13.0, 3)]) == ([2.0], [])

    def test_a_sale_it_was_never_told_of_is_named(self):
        missed = sale("web", "1", 10.0, T90=1)
        assert self.followed([missed], [self.push(12.0, 5)]) == ([], [missed])

    def test_what_it_does_not_list_or_was_on_no_shelf_is_no_news(self):
        sales = [sale("web", "1", 10.0, OTHER=1), sale("till", "2", 11.0, T90=1)]
        assert self.followed(sales, [], found={("till", "2", "T90"): 1}) == ([], [])

    def test_the_last_ones_are_none(self):
        sales = [sale("ebay", "1", 10.0, T90=7), sale("web", "2", 11.0, T90=1)]
        assert self.followed(sales, [self.push(11.0, 0)]) == ([1.0], [])

    @pytest.mark.parametrize(
        ("seconds", "spread"),
        [
            ([], Spread(0, 0.0, 0.0)),
            ([2.0], Spread(1, 2.0, 2.0)),
            ([float(n) for n in range(101)], Spread(101, 50.0, 95.0)),
        ],
    )
    def test_spread(self, seconds, spread):
        assert Spread.of(seconds) == spread


@pytest.mark.django_db
class TestVerdict:
    """The check finds what it is there to find."""

    @pytest.fixture
    def order(self):
        factories.channel("web")
        factories.stock(factories.variant("T90"), 5, factories.location("WH-EAST"))
        return factories.order(factories.line("T90", 2, price=500), number="W1")

    def sold(self, number="W1", total=1000, **units):
        return Sale("web", number, units or {"T90": 2}, total, 0.0, 0.0)

    def wrong(self, *sales):
        return verdict.orders_wrong(sales, verdict.on_the_desk(after=0))

    def test_what_was_sold_came_in(self, order):
        assert self.wrong(self.sold()) == []

    def test_an_order_that_never_came_in(self, order):
        assert self.wrong(self.sold(), self.sold("W2")) == ["web W2 was sold and never came in."]

    def test_an_order_nobody_bought(self, order):
        assert self.wrong() == ["web W1 came in and nobody bought it."]

    @pytest.mark.parametrize("other", [{"total": 999}, {"T90": 1}, {"T90": 2, "T91": 1}])
    def test_an_order_that_is_not_what_was_sold(self, order, other):
        assert self.wrong(self.sold(**other)) == ["web W1 is not what was sold."]

    def test_the_past_is_not_looked_at(self, order):
        assert verdict.on_the_desk(after=order.pk) == {}

    def test_stock_that_did_not_follow(self, order):
        side = EbayMarketplace()
        account = factories.account("ebay")
        factories.listing(account, OrderLine.objects.get().variant)
        with side.serve() as running:
            simulator = Simulator("ebay", running.url)
            side.list("T90", quantity=3, price="5.00")
            assert verdict.stock_wrong(simulator, opened_with={"T90": 5}, gone={"T90": 2}) == []
            side.set_stock("T90", 5)
            (wrong,) = verdict.stock_wrong(simulator, opened_with={"T90": 5}, gone={"T90": 2})
        assert wrong == "ebay T90: it shows 5, the desk offers 3, 3 should be left."

    def test_a_sale_the_marketplace_forgot(self, order):
        side = EbayMarketplace()
        side.list("T90", quantity=3, price="5.00")
        number = side.buy("T90")
        with side.serve() as running:
            simulator = Simulator("ebay", running.url)
            kept = Sale("ebay", number, {"T90": 1}, 500, 0.0, 0.0)
            assert verdict.marketplace_wrong(simulator, [kept]) == []
            assert verdict.marketplace_wrong(simulator, []) == [f"ebay {number}: sold 0, kept 1."]

    def test_books_that_do_not_balance(self, order):
        assert verdict.trouble() == []
        StockLevel.objects.update(on_hand=9)
        assert any("on hand is the sum of the movements" in wrong for wrong in verdict.trouble())
