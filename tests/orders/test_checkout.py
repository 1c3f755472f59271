"""What tills and phones may sell, and how often."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.db import connection

from inventory.models import Location, Price, StockLevel
from oms.models import AuditEntry
from orders import checkout, intake
from orders.checkout import Item, Sale
from orders.incoming import BadOrder, Buyer, Method
from orders.models import Order, Payment, SalesChannel
from tests import factories

NOW, ACTOR = factories.NOW, factories.ACTOR
TAKE, COLLECT, SHIP = Method.CARRY_OUT, Method.PICKUP, Method.SHIP


@pytest.fixture
def store(db):
    factories.channel("till", "till")
    at = factories.store("S1")
    factories.stock(factories.variant("T90", price=89900), 5, at)
    return at


def item(sku="T90", quantity=1, *, price=89900, method=TAKE):
    return Item(sku=sku, quantity=quantity, price=price, method=method)


def sale(*items, number="S1-1", **more):
    return Sale(
        **{"number": number, "channel": "till", "store": "S1", "items": items or (item(),), "payment": "card", **more}
    )


def sell(*items, **more):
    return checkout.sell(sale(*items, **more), actor=ACTOR, now=NOW)


class TestSell:
    def test_is_an_order_through_the_front_door(self, store):
        accepted = sell(
            item(quantity=2), item(method=COLLECT), item(method=SHIP), ship_to=factories.HOME, note=" Gift  wrap "
        )
        order = Order.objects.get()

        assert (accepted.number, accepted.is_new) == (order.number, True)
        assert (order.external_number, order.sold_at, order.sold_by) == ("S1-1", store, ACTOR.name)
        assert (order.total, order.note, order.placed_at) == (4 * 89900, "Gift wrap", NOW)
        assert [(line.method, line.pickup_at, line.quantity) for line in order.lines.order_by("position")] == [
            ("carry_out", store, 2), ("pickup", store, 1), ("ship", None, 1),
        ]  # fmt: skip
        assert AuditEntry.objects.get(action="order.accepted").object_id == str(order.number)

    def test_is_paid_in_full_by_one_payment(self, store):
        sell(payment="cash")

        (payment,) = Payment.objects.all()
        assert (payment.method, payment.authorised, payment.captured) == ("cash", 89900, 89900)

    def test_costs_a_fixed_number_of_statements(self, store, django_assert_max_num_queries):
        items = [item(factories.variant(price=100).sku, price=100) for _ in range(50)]
        with django_assert_max_num_queries(20):
            sell(*items)

    def test_twice_is_once(self, store):
        first, again = sell(), sell()

        assert (again.number, again.is_new) == (first.number, False)
        assert Order.objects.count() == 1
        assert StockLevel.objects.get().on_hand == 4

    def test_is_found_again_even_when_it_could_not_be_made_again(self, store):
        first = sell()
        Price.objects.update(amount=1)

        assert sell().number == first.number

    @pytest.mark.parametrize(
        "items",
        [(item(quantity=2),), (item(), item(method=COLLECT)), (item(method=COLLECT),), (item("LAMP", price=5),)],
    )
    def test_another_sale_under_its_number_is_refused(self, store, items):
        factories.variant("LAMP", price=5)
        number = sell().number
        with pytest.raises(checkout.SoldOtherwise) as refused:
            sell(*items)

        assert refused.value.facts == {"number": number}
        assert Order.objects.count() == 1

    def test_the_same_number_of_another_channel_is_another_sale(self, store):
        factories.channel("phone", "phone")

        assert sell().number != sell(channel="phone").number


class TestPrices:
    def test_a_price_that_was_not_shown_is_not_asked(self, store):
        lamp = factories.variant("LAMP", price=500)
        Price.objects.create(
            variant=lamp, channel="till", currency="USD", amount=400, valid=(NOW.replace(year=2020), None)
        )
        with pytest.raises(checkout.PriceChanged) as refused:
            sell(item(), item("LAMP", price=500), item("LAMP", price=500, method=COLLECT))

        assert refused.value.facts == {"changes": [{"sku": "LAMP", "shown": 500, "now": 400}]}
        assert not Order.objects.exists()

    @pytest.mark.parametrize("shown", [0, -89900, 89901, 899])
    def test_nobody_makes_a_price_of_their_own(self, store, shown):
        with pytest.raises(checkout.PriceChanged):
            sell(item(price=shown))

    def test_what_has_no_price_now_is_not_for_sale(self, store):
        factories.variant("LAMP", title="Lamp")
        with pytest.raises(checkout.NotForSale, match="Lamp has no price here today"):
            sell(item("LAMP", price=0))

    def test_what_costs_nothing_is_for_the_channel_to_allow(self, store):
        factories.variant("GIFT", price=0)
        with pytest.raises(BadOrder, match="costs nothing"):
            sell(item("GIFT", price=0))

        SalesChannel.objects.update(allows_zero_price=True)
        sell(item("GIFT", price=0))
        assert not Payment.objects.exists()


class TestRules:
    @pytest.mark.parametrize(
        ("spoilt", "words"),
        [
            ({"items": ()}, "basket is empty"),
            ({"items": (item(quantity=0),)}, "Sell 1 to 999"),
            ({"items": (item(quantity=-1),)}, "Sell 1 to 999"),
            ({"items": (item(quantity=1000),)}, "Sell 1 to 999"),
            ({"payment": "gold"}, "how it is paid"),
            ({"payment": ""}, "how it is paid"),
            ({"channel": "nowhere"}, "no till channel"),
            ({"channel": "web"}, "no till channel"),
            ({"channel": "ebay"}, "no till channel"),
            ({"store": "nowhere"}, "no open store"),
            ({"store": "WH"}, "no open store"),
            ({"store": "SHUT"}, "no open store"),
            ({"items": (item(method=SHIP),)}, "name and address"),
            ({"items": (item(method=SHIP),), "ship_to": replace(factories.HOME, name="")}, "name and address"),
            ({"items": (item(method=SHIP),), "ship_to": replace(factories.HOME, line1="")}, "name and address"),
            ({"items": (item(method=SHIP),), "ship_to": replace(factories.HOME, country="usa")}, "name and address"),
            ({"items": (item("T91"),)}, "Nothing of ours"),
            ({"items": (item("DRAFT", price=5),)}, "Nothing of ours"),
        ],
    )
    def test_a_sale_that_breaks_one_changes_nothing(self, store, spoilt, words):
        factories.channel("web")
        factories.marketplace("ebay")
        factories.location("WH")
        factories.store("SHUT", is_open=False)
        draft = factories.variant("DRAFT", price=5).product
        draft.status = "draft"
        draft.save()
        with pytest.raises((checkout.CannotSell, checkout.NotForSale), match=words):
            checkout.sell(replace(sale(), **spoilt), actor=ACTOR, now=NOW)

        assert not Order.objects.exists()
        assert StockLevel.objects.get().reserved == 0

    def test_nothing_is_collected_where_nothing_can_be(self, store):
        Location.objects.update(offers_pickup=False)
        with pytest.raises(checkout.CannotSell, match="Nothing can be collected"):
            sell(item(method=COLLECT))
        sell(item())

    def test_what_cannot_be_promised_is_refused_whole(self, store):
        with pytest.raises(intake.OutOfStock) as refused:
            sell(item(quantity=3), item(quantity=3, method=COLLECT))

        assert [(short["sku"], short["wanted"], short["short"]) for short in refused.value.facts["short"]] == [
            ("T90", 3, 1)
        ]
        assert not Order.objects.exists()
        assert StockLevel.objects.get().on_hand == 5

    def test_what_is_carried_out_needs_no_promise(self, store):
        sell(item(quantity=7))

        assert Order.objects.get().status == "completed"
        assert StockLevel.objects.get().on_hand == 0


@pytest.mark.django_db(transaction=True)
class TestAtTheSameMoment:
    def test_one_number_makes_one_order(self, store):
        def once(_):
            try:
                return sell(item(method=COLLECT)).number
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            numbers = set(pool.map(once, range(4)))

        assert numbers == {Order.objects.get().number}
        assert StockLevel.objects.get().reserved == 1

    def test_the_last_one_is_sold_once(self, store):
        def once(place):
            try:
                return sell(item(quantity=5, method=COLLECT), number=f"S1-{place}").is_new
            except (intake.OutOfStock, checkout.intake.reservations.InsufficientStock):
                return False
            finally:
                connection.close()

        with ThreadPoolExecutor(3) as pool:
            assert sorted(pool.map(once, range(3))) == [False, False, True]
        assert StockLevel.objects.get().reserved == 5


class TestCardNumbers:
    @pytest.mark.parametrize(
        "text",
        [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4111  1111 1111.1111",
            "3782 822463 10005",
            "call me, card 5555555555554444 exp 12/29",
            "order 12345 4111 1111 1111 1111",
            "4111 1111 1111 1111 123",
            "6304000000000000",
            "4222222222222",
            "４１１１１１１１１１１１１１１１",
            "٤١١١١١١١١١١١١١١١",
            "+4111111111111111",
            "4111\u00a01111\u00a01111\u00a01111",
            "4111/1111/1111/1111",
        ],
    )
    def test_are_seen_however_they_are_written(self, text):
        assert checkout.holds_card_number(text)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "Greg Sterling",
            "4111111111111112",
            "1234",
            "+1 610 555 0100",
            "+49 1512 3456787",
            "+86 138 1234 5678",
            "19601-1234",
            "4111 1111 1111",
            "12345678901234567890123",
            "flat 12, 14-16 Main St, 19601",
        ],
    )
    def test_are_not_seen_where_there_are_none(self, text):
        assert not checkout.holds_card_number(text)

    def test_a_phone_number_does_not_hide_one(self):
        assert checkout.holds_card_number("+1 610 555 0100 ext 4111111111111111")

    @pytest.mark.parametrize("field", ["name", "email", "phone", "reference", "loyalty_number"])
    def test_stop_the_sale_wherever_they_are_typed(self, store, field):
        with pytest.raises(checkout.CardNumber) as refused:
            sell(buyer=Buyer(**{field: "4111 1111 1111 1111"}))
        assert refused.value.facts == {"field": field}
        assert "4111" not in refused.value.message

        with pytest.raises(checkout.CardNumber):
            sell(note="card 4111 1111 1111 1111")
        with pytest.raises(checkout.CardNumber):
            sell(ship_to=replace(factories.HOME, line2="4111111111111111"))
        assert not Order.objects.exists()
