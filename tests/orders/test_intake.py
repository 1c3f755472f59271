from dataclasses import replace
from time import perf_counter

import pytest
from django.db import connection

from inventory import ledger
from inventory.models import Reservation, StockLevel, StockMovement
from oms import books, db, search
from oms.models import AuditEntry, OutboxEvent
from orders import intake
from orders.incoming import BadOrder, Buyer, IncomingOrder, Line, Method, Parcel, Payment, State
from orders.models import FulfilmentOrder, Order, OrderLine
from orders.models import Parcel as KeptParcel
from tests import factories
from tests.factories import ACTOR, HOME, NOW, incoming, line
from tests.inventory.shelves import level

pytestmark = pytest.mark.django_db
commits = pytest.mark.django_db(transaction=True)


def accept(order: IncomingOrder) -> intake.Accepted:
    return intake.accept(order, actor=ACTOR, now=NOW)


def refused(order: IncomingOrder) -> BadOrder:
    with pytest.raises(BadOrder) as refusal:
        accept(order)
    assert not Order.objects.exists()
    assert not Reservation.objects.exists()
    return refusal.value


@pytest.fixture
def shop(db):
    """A web shop, and three treadmills and nine mugs in one warehouse."""
    factories.channel("web")
    east = factories.location("EAST", region="PA")
    factories.stock(factories.variant("T90"), 3, east)
    factories.stock(factories.variant("MUG"), 9, east)
    return east


def shelf(place, sku: str) -> tuple[int, int]:
    found = StockLevel.objects.get(location=place, variant__sku=sku)
    return level((found.location_id, found.variant_id))


class TestAccept:
    def test_holds_the_stock_and_records_the_order(self, shop):
        order = incoming(line("T90", 2), line("MUG"), shipping=500, total=3500, note="ring twice")

        accepted = accept(order)

        assert (accepted.is_new, accepted.status, accepted.backordered) == (True, "allocated", 0)
        kept = Order.objects.get(pk=accepted.order_id)
        assert (kept.number, kept.external_number, kept.total, kept.items_total, kept.shipping_total, kept.note) == (
            accepted.number, order.external_number, 3500, 3000, 500, "ring twice",
        )  # fmt: skip
        assert kept.ship_to["postcode"] == "19601"
        assert kept.customer.name == kept.buyer_name == "Greg Sterling"
        assert [(each.position, each.sku, each.allocated) for each in kept.lines.order_by("position")] == [
            (1, "T90", 2), (2, "MUG", 1),
        ]  # fmt: skip
        assert kept.payments.get().captured == 3000
        assert (shelf(shop, "T90"), shelf(shop, "MUG")) == ((3, 2), (9, 1))
        assert FulfilmentOrder.objects.get().why == "has everything"
        assert not books.examine()

    def test_tells_everyone(self, shop):
        accept(incoming(line("T90", 2)))

        (about,) = OutboxEvent.objects.filter(
            topic="inventory.availability-changed", destination="channels.stock-push"
        ).order_by("-pk")[:1]
        assert about.aggregate_id == str(OrderLine.objects.get().variant_id)

    def test_leaves_a_deed_with_its_reasons(self, shop):
        accepted = accept(incoming(line("T90", 2), number="W-1"))

        deed = AuditEntry.objects.get(action="order.accepted", object_id=str(accepted.number))
        assert deed.facts["external_number"] == "W-1"
        assert deed.facts["units"] == {"allocated": 2}
        assert deed.facts["why"] == {str(shop.pk): "has everything"}

    @pytest.mark.parametrize("said", ["W-1", "greg@example.com", "(610) 555 0100", "Greg Sterling", "19601"])
    def test_makes_the_order_findable(self, shop, said):
        accepted = accept(incoming(line("T90"), number="W-1"))

        hits = search.look_up(search.read(said), channels=None)

        assert ("order", accepted.order_id) in {(hit.entity_kind, hit.entity_id) for hit in hits}

    def test_gives_the_order_we_have_when_it_comes_again(self, shop):
        order = incoming(line("T90", 2))
        first = accept(order)

        again = accept(replace(order, lines=(line("MUG", 9),), total=9000))

        assert again == intake.Accepted(first.order_id, first.number, is_new=False, status="allocated")
        assert shelf(shop, "T90") == (3, 2)

    def test_keeps_one_number_of_two_accounts_apart(self, shop):
        factories.marketplace("ebay-us")
        factories.marketplace("ebay-de")

        first, second = (accept(incoming(line("T90"), channel=code, number="26-1")) for code in ("ebay-us", "ebay-de"))

        assert first.number != second.number
        assert Order.objects.filter(external_number="26-1").count() == 2

    @pytest.mark.parametrize("lines", [2, 50])
    def test_costs_few_statements_for_any_number_of_lines(self, shop, django_assert_max_num_queries, lines):
        skus = [factories.variant(f"S{number}").sku for number in range(lines)]
        for number, sku in enumerate(skus):
            place = factories.location(f"P{number % 5}") if number < 5 else _place(f"P{number % 5}")
            factories.stock(_variant(sku), 3, place)
        order = incoming(*(line(sku, 2) for sku in skus))

        with django_assert_max_num_queries(12):
            accept(order)

        assert not books.examine()

    def test_costs_few_statements_at_the_till_too(self, shop, django_assert_max_num_queries):
        factories.store("S1")
        lines = [line("T90", method=Method.CARRY_OUT, location="S1"), line("MUG", 2)]

        with django_assert_max_num_queries(13):
            accept(incoming(*lines, channel="web"))


def _place(code: str):
    return factories.Location.objects.get(code=code)


def _variant(sku: str):
    return factories.Variant.objects.get(sku=sku)


class TestOwnChannel:
    def test_is_refused_what_cannot_be_held_and_told_what_is_short(self, shop):
        with pytest.raises(intake.OutOfStock) as refusal:
            accept(incoming(line("MUG"), line("T90", 5, external_id="L2")))

        assert refusal.value.facts["short"] == [{"line": "L2", "sku": "T90", "wanted": 5, "short": 2}]
        assert not Order.objects.exists()
        assert shelf(shop, "MUG") == (9, 0)

    def test_cannot_have_one_shelf_twice_by_two_lines_of_one_sku(self, shop):
        with pytest.raises(intake.OutOfStock):
            accept(incoming(line("T90", 2), line("T90", 2)))

        accept(incoming(line("T90", 2), line("T90", 1)))
        assert shelf(shop, "T90") == (3, 3)

    def test_may_take_the_safety_stock(self, shop):
        """It lowers what channels are told; what they sold all the same is not refused for it."""
        StockLevel.objects.update(safety=3)

        assert accept(incoming(line("T90", 3))).status == "allocated"

    @pytest.mark.parametrize("more", [{"is_open": False}, {"sells_online": False}, {"ships": False}])
    def test_gets_nothing_from_a_place_that_sends_nothing(self, shop, more):
        factories.stock(factories.variant("LAMP"), 5, factories.location(**more))

        with pytest.raises(intake.OutOfStock):
            accept(incoming(line("LAMP")))

    def test_gets_nothing_from_a_supplier(self, shop):
        factories.stock(factories.variant("LAMP"), 5, factories.location(kind="supplier"))

        with pytest.raises(intake.OutOfStock):
            accept(incoming(line("LAMP")))

    def test_gets_it_from_its_own_country(self, shop):
        lamp = factories.variant("LAMP")
        factories.stock(lamp, 5, factories.location("A", country="CA", region="PA"))
        home = factories.stock(lamp, 5, factories.location("B", country="US", region="NY"))

        accept(incoming(line("LAMP")))

        assert FulfilmentOrder.objects.get().location == home


class TestMarketplace:
    def test_has_sold_already_so_what_is_short_waits_visibly(self, shop):
        factories.marketplace("ebay")

        accepted = accept(incoming(line("T90", 5), channel="ebay"))

        assert (accepted.status, accepted.backordered) == ("backordered", 2)
        kept = OrderLine.objects.get()
        assert (kept.allocated, kept.backordered) == (3, 2)
        assert Reservation.objects.get(location=None).quantity == 2
        assert not books.examine()

    def test_lowers_what_every_channel_is_told(self, shop):
        factories.marketplace("ebay")
        accept(incoming(line("T90", 5), channel="ebay"))
        factories.stock(_variant("T90"), 3, shop)

        from_all = intake.availability.by_sku(["T90"])["T90"].for_channel()

        assert from_all == 1, "three came, two are waited for"

    def test_sends_its_own_orders_itself(self, shop):
        factories.marketplace("amazon")
        order = incoming(line("T90", 2), channel="amazon", fulfilled_by_channel=True, ship_to=None)

        assert accept(order).status == "open"

        assert OrderLine.objects.get().open == 2
        assert shelf(shop, "T90") == (3, 0)
        assert not Reservation.objects.exists()

    @pytest.mark.parametrize(
        ("state", "shipped", "buckets"),
        [
            (State.PARTIALLY_SHIPPED, 1, {"shipped": 1, "open": 2}),
            (State.SHIPPED, 0, {"shipped": 3}),
            (State.SHIPPED, 3, {"shipped": 3}),
            (State.CANCELLED, 1, {"shipped": 1, "cancelled": 2}),
        ],
    )
    def test_says_how_far_it_has_come(self, shop, state, shipped, buckets):
        factories.marketplace("amazon")

        accept(incoming(line("T90", 3, shipped=shipped), channel="amazon", fulfilled_by_channel=True, state=state))

        kept = OrderLine.objects.get()
        assert {
            name: getattr(kept, name) for name in ("open", "shipped", "cancelled") if getattr(kept, name)
        } == buckets


class TestStory:
    """Orders arrive at any stage of their life."""

    def test_cancelled_before_we_heard_of_it_holds_nothing(self, shop):
        factories.marketplace("ebay")

        accepted = accept(incoming(line("T90", 2), channel="ebay", state=State.CANCELLED))

        assert accepted.status == "cancelled"
        assert shelf(shop, "T90") == (3, 0)
        assert not Reservation.objects.exists()

    def test_cancelled_after_a_part_was_sent(self, shop):
        factories.marketplace("ebay")

        accepted = accept(incoming(line("T90", 3, shipped=1), channel="ebay", state=State.CANCELLED))

        kept = OrderLine.objects.get()
        assert (kept.shipped, kept.cancelled, accepted.status) == (1, 2, "shipped")

    def test_partly_sent_and_partly_cancelled(self, shop):
        factories.marketplace("ebay")

        accept(incoming(line("T90", 3, shipped=1, cancelled=1), channel="ebay", state=State.PARTIALLY_SHIPPED))

        kept = OrderLine.objects.get()
        assert (kept.shipped, kept.cancelled, kept.allocated) == (1, 1, 1)
        assert shelf(shop, "T90") == (3, 1), "from where it was sent nobody says"

    def test_waiting_for_payment_holds_its_stock(self, shop):
        factories.marketplace("amazon")
        order = incoming(line("T90", 2, price=0), channel="amazon", ship_to=None, state=State.AWAITING_PAYMENT)

        assert accept(order).status == "awaiting_payment"
        assert shelf(shop, "T90") == (3, 2)

    def test_sent_in_parcels_that_are_told(self, shop):
        factories.marketplace("ebay")
        sent = line("T90", 2, shipped=2, external_id="1")
        parcels = (
            Parcel(external_id="P1", carrier="UPS", tracking_number="1Z1", shipped_at=NOW, units=(("1", 1), ("9", 4))),
            Parcel(external_id="P1", units=(("1", 1),)),
        )

        accept(incoming(sent, channel="ebay", state=State.SHIPPED, parcels=parcels))

        parcel = KeptParcel.objects.get()
        assert (parcel.external_id, parcel.carrier, parcel.tracking_number) == ("P1", "UPS", "1Z1")
        assert parcel.lines.get().quantity == 2
        assert search.look_up(search.read("1Z1"), channels=None)

    def test_too_long_for_a_column_is_cut_where_it_is_only_read(self, shop):
        factories.marketplace("ebay")
        long = "x" * 5000
        order = incoming(
            line("T90", title=long), channel="ebay", note=long, sold_by=long,
            buyer=Buyer(name=long, email=f"{'x' * 300}@example.com", phone="1" * 99),
            ship_to=replace(HOME, name=long, line1=long, line2=long, city=long, region=long, postcode=long, phone=long),
            payments=(Payment(method=long, amount=1000, reference=long),),
            parcels=(Parcel(external_id="P", carrier=long, tracking_number=long),),
        )  # fmt: skip

        accept(order)

        assert Order.objects.get().ship_to["line1"] == long, "the order keeps the words as sent"


class TestTill:
    """What is carried out has left, wherever the books believe it to be."""

    @pytest.fixture
    def till(self, shop):
        factories.channel("till", "till")
        store = factories.store("S1")
        factories.stock(_variant("T90"), 1, store)
        return store

    def carry_out(self, sku: str, units: int = 1, **more: object) -> Line:
        return line(sku, units, method=Method.CARRY_OUT, location="S1", **more)

    def test_takes_it_off_the_stores_shelf(self, till, shop):
        accepted = accept(incoming(self.carry_out("T90"), channel="till", ship_to=None))

        assert accepted.status == "completed"
        assert (shelf(till, "T90"), shelf(shop, "T90")) == ((0, 0), (3, 0))
        assert not books.examine()

    def test_puts_books_right_that_had_none(self, till):
        accept(incoming(self.carry_out("T90", 3), channel="till", ship_to=None))

        moved = StockMovement.objects.filter(location=till).order_by("pk").values_list("kind", "quantity")
        assert list(moved) == [("receipt", 1), ("adjustment", 2), ("sale", -3)]
        assert shelf(till, "T90") == (0, 0)

    def test_leaves_what_is_promised_to_others(self, till):
        accept(incoming(line("T90", method=Method.PICKUP, location="S1"), channel="till", ship_to=None))

        accept(incoming(self.carry_out("T90"), channel="till", ship_to=None))

        assert shelf(till, "T90") == (1, 1)

    def test_sells_what_the_store_never_had(self, till):
        accept(incoming(self.carry_out("MUG"), channel="till", ship_to=None))

        assert shelf(till, "MUG") == (0, 0)
        assert not books.examine()

    def test_tells_the_channels_once(self, till):
        OutboxEvent.objects.all().delete()

        accept(incoming(self.carry_out("T90"), channel="till", ship_to=None))

        assert OutboxEvent.objects.filter(destination="channels.stock-push").count() == 1

    def test_sells_what_is_here_and_ships_the_rest_in_one_order(self, till, shop):
        accepted = accept(incoming(self.carry_out("T90"), line("MUG", 2), channel="till"))

        assert accepted.status == "partially_shipped"
        assert (shelf(till, "T90"), shelf(shop, "MUG")) == ((0, 0), (9, 2))
        assert not books.examine()

    def test_takes_in_what_a_store_sent_long_ago(self, till):
        """The books of that store have less: it was there all the same."""
        sent = line("T90", 4, shipped=4, location="S1")

        accept(incoming(sent, channel="till", state=State.SHIPPED, ship_to=None))

        assert shelf(till, "T90") == (0, 0)
        assert not books.examine()

    @pytest.mark.parametrize("more", [{"is_open": False}, {"offers_pickup": False}])
    def test_promises_nothing_where_nothing_can_be_collected(self, till, more):
        factories.stock(_variant("T90"), 5, factories.store("S2", **more))

        refusal = refused(incoming(line("T90", method=Method.PICKUP, location="S2"), channel="till", ship_to=None))

        assert (refusal.code, refusal.facts["location"]) == ("store_unavailable", "S2")

    def test_takes_in_what_was_collected_from_a_store_that_has_closed_since(self, till):
        factories.store("S2", is_open=False)
        collected = line("T90", method=Method.PICKUP, location="S2", shipped=1)

        assert accept(incoming(collected, channel="till", ship_to=None, state=State.SHIPPED)).status == "shipped"

    def test_waits_for_the_store_the_buyer_chose(self, till):
        with pytest.raises(intake.OutOfStock):
            accept(incoming(line("T90", 2, method=Method.PICKUP, location="S1"), channel="till", ship_to=None))


class TestRefusal:
    """Nothing of an order that cannot be taken is kept."""

    @pytest.mark.parametrize(
        ("more", "code"),
        [
            ({"channel": "nowhere"}, "channel_unknown"),
            ({"currency": "EUR"}, "currency_mismatch"),
            ({"currency": "usd"}, "currency_mismatch"),
            ({"sold_at": "S9"}, "store_unavailable"),
            ({"ship_to": None}, "address_missing"),
            ({"shipping": -1}, "amount_negative"),
            ({"total": 1}, "totals_differ"),
        ],
    )
    def test_says_why(self, shop, more, code):
        assert refused(incoming(line("T90"), **more)).code == code

    @pytest.mark.parametrize("sku", ["T90 ", "t90", "Т90", "X"])  # the third one is Cyrillic
    def test_takes_exact_skus_only(self, shop, sku):
        refusal = refused(incoming(line("MUG"), line("T90"), line(sku)))

        assert (refusal.code, refusal.facts["skus"]) == ("sku_unmapped", [sku])

    def test_takes_gifts_only_where_they_are_given(self, shop):
        assert refused(incoming(line("T90", price=0))).code == "price_zero"

        factories.channel("gifts", allows_zero_price=True)
        assert accept(incoming(line("T90", price=0), channel="gifts")).is_new


class TestAcceptMany:
    def test_answers_in_order_whatever_was_known(self, shop):
        known = incoming(line("T90"))
        first = accept(known)
        new = [incoming(line("MUG")) for _ in range(3)]

        answers = intake.accept_many([new[2], known, new[0], new[1]], actor=ACTOR, now=NOW)

        assert [answer.is_new for answer in answers] == [True, False, True, True]
        assert answers[1].number == first.number
        numbers = dict(Order.objects.values_list("external_number", "number"))
        assert [answer.number for answer in answers] == [
            numbers[order.external_number] for order in (new[2], known, new[0], new[1])
        ]

    def test_takes_an_order_that_comes_twice_in_it_once(self, shop):
        order = incoming(line("T90", 2))

        first, second = intake.accept_many([order, replace(order, note="again")], actor=ACTOR, now=NOW)

        assert (first.is_new, second.is_new) == (True, False)
        assert first.number == second.number
        assert shelf(shop, "T90") == (3, 2)

    def test_adds_up_what_the_orders_want(self, shop):
        orders = [incoming(line("T90", 2)) for _ in range(2)]

        with pytest.raises(intake.OutOfStock):
            intake.accept_many(orders, actor=ACTOR, now=NOW)
        assert not Order.objects.exists()

    def test_takes_all_or_none(self, shop):
        with pytest.raises(BadOrder):
            intake.accept_many([incoming(line("MUG")), incoming(line("NONE"))], actor=ACTOR, now=NOW)

        assert not Order.objects.exists()

    def test_costs_as_many_statements_for_fifty_as_for_one(self, shop, django_assert_max_num_queries):
        orders = [incoming(line("MUG"), channel="ebay", buyer=Buyer(name=f"Buyer {n}")) for n in range(50)]
        factories.marketplace("ebay")

        with django_assert_max_num_queries(12):
            intake.accept_many(orders, actor=ACTOR, now=NOW)

        assert not books.examine()

    def test_takes_nothing_for_nothing(self, shop):
        assert intake.accept_many([], actor=ACTOR, now=NOW) == []


class TestPlace:
    def test_needs_its_callers_transaction(self, shop):
        with pytest.raises(db.OutsideTransaction):
            intake.place([incoming(line("T90"))], actor=ACTOR, now=NOW)


class TestTenThousandLines:
    @commits
    def test_are_taken_in_within_ten_seconds(self):
        """Over sixty places, none of which has everything, and until they are safe on disk."""
        factories.channel("web")
        skus = [f"S{number}" for number in range(2000)]
        ids = factories.catalogue.add(articles=[factories.catalogue.Article(sku=sku, title=sku) for sku in skus])
        places = [factories.location(f"P{number}") for number in range(60)]
        entries = [
            ledger.Entry(
                location_id=places[(number + extra) % 60].pk, variant_id=ids[sku], kind=ledger.Kind.RECEIPT, quantity=4,
                cause="test", cause_id=f"{sku}-{extra}", occurred_at=NOW,
            )
            for number, sku in enumerate(skus)
            for extra in range(2)
        ]  # fmt: skip

        @db.transaction
        def receive(some: list[ledger.Entry]) -> None:
            ledger.open_shelves((entry.location_id, entry.variant_id) for entry in some)
            ledger.demand_all_on_hand(ledger.post(some, actor="tests"))

        for start in range(0, len(entries), 500):
            receive(entries[start : start + 500])
        with connection.cursor() as cursor:  # as the tables of a shop are, and Postgres plans by it
            cursor.execute("ANALYZE inventory_stocklevel, inventory_variant, inventory_product, inventory_location")
        order = incoming(*(line(sku) for sku in skus for _ in range(5)))

        started = perf_counter()
        accepted = accept(order)

        assert perf_counter() - started < 10
        assert accepted.status == "allocated"
        assert OrderLine.objects.count() == 10_000
        assert not books.examine()
