"""Products: what can be sold where and for how much, what channels were told, and why the number is what it is."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.urls import reverse

from channels.models import Listing, StockPush
from console.products import _offers
from console.products._offers import Offer
from inventory import ledger
from inventory.models import Location, Price, StockLevel
from oms import db
from oms.models import Role
from oms.permissions import staff_may
from orders import fulfilment
from orders.incoming import Buyer
from tests import factories
from tests.console.pages import Page

HOSTILE = "<img src=x onerror=alert(1)>{{ 7|add:7 }}\"'"
BOARD = "/products/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    """A web shop, eBay and Amazon, and a treadmill of which Warehouse East has 5."""
    web = factories.channel("web", name="Web shop")
    ebay, amazon = factories.account("ebay"), factories.account("amazon")
    treadmill = factories.variant("T90", title="Treadmill T90", gtin="4006381333931", price=189900)
    east = factories.stock(treadmill, 5, factories.location("EAST", name="Warehouse East"))
    return SimpleNamespace(web=web, ebay=ebay, amazon=amazon, treadmill=treadmill, east=east)


def url(sku: str) -> str:
    return reverse("console:product", args=[sku])


def skus(answer) -> list[str]:
    return [row.variant.sku for row in answer.context["rows"]]


def adds_up(answer) -> bool:
    why = answer.context["why"]
    return sum(term["amount"] for term in why["terms"]) == why["total"]


class TestBoard:
    def test_says_what_can_be_sold_what_is_there_and_who_waits(self, desk, shop):
        StockLevel.objects.filter(variant=shop.treadmill).update(safety=1)
        factories.order(factories.line("T90", 2))
        mat = factories.variant("MAT")
        factories.order(factories.line("MAT", 3), channel="ebay")

        rows = {row.variant.sku: row for row in desk.get(BOARD).context["rows"]}

        assert (rows["T90"].available, rows["T90"].on_hand, rows["T90"].stock.waiting) == (2, 5, 0)
        assert (rows["MAT"].available, rows["MAT"].on_hand, rows["MAT"].stock.waiting) == (0, 0, 3)
        assert mat.title in desk.get(BOARD).content.decode()

    def test_counts_live_listings_per_channel(self, desk, as_role, shop):
        factories.listing(shop.ebay, shop.treadmill)
        factories.listing(shop.ebay, shop.treadmill, "T90-2")
        factories.listing(shop.amazon, shop.treadmill)
        factories.listing(shop.amazon, shop.treadmill, "OLD", state=Listing.State.ENDED)

        assert desk.get(BOARD).context["rows"][0].listings == [("Amazon", 1), ("eBay", 2)]
        limited = as_role("merchandiser", channels=("amazon",))
        assert limited.get(BOARD).context["rows"][0].listings == [("Amazon", 1)]

    @pytest.mark.parametrize(
        "typed", ["t90", "T9", "treadmill", "Tredmill", "4006381333931", "04006381333931", "TREAD"]
    )
    def test_finds_by_title_sku_and_barcode(self, desk, shop, typed):
        factories.variant("BIKE", title="Exercise bike")

        found = skus(desk.get(BOARD, {"q": typed}))

        assert found == (["T90"] if typed != "T9" else [])

    def test_pages_there_and_back(self, desk, db):
        expected = [factories.variant(f"S-{number:03}").sku for number in range(65)]
        pages, query = [], ""
        for _ in range(3):
            answer = desk.get(f"{BOARD}?{query}")
            pages.append(skus(answer))
            query = answer.context["page"].older

        assert pages == [expected[:30], expected[30:60], expected[60:]]
        assert skus(desk.get(f"{BOARD}?{answer.context['page'].newer}")) == pages[1]

    def test_costs_few_statements(self, desk, shop, django_assert_max_num_queries):
        for number in range(40):
            variant = factories.variant(f"S-{number}")
            factories.stock(variant, number, shop.east)
            factories.listing(shop.ebay, variant)

        with django_assert_max_num_queries(15):
            answer = desk.get(BOARD)
        with django_assert_max_num_queries(15):
            desk.get(BOARD, {"q": "treadmill"})

        assert len(answer.context["rows"]) == 30
        assert len(answer.content) < 60_000

    def test_htmx_gets_the_rows_only(self, desk, shop):
        part = desk.get(BOARD, headers={"HX-Request": "true"}).content.decode()

        assert "<html" not in part
        assert "Treadmill T90" in part

    @pytest.mark.parametrize("typed", ["x" * 10_000, "%%%%", "a", "(a+)+$", "\x00", "'; --", HOSTILE])
    def test_survives_whatever_is_typed(self, desk, shop, typed):
        answer = desk.get(BOARD, {"q": typed})

        assert answer.status_code == 200
        assert "img" not in Page(answer).tags

    def test_says_what_to_do_when_nothing_is_there(self, desk):
        assert "No products yet" in desk.get(BOARD).content.decode()
        assert "No product fits that" in desk.get(BOARD, {"q": "zzzzz"}).content.decode()

    @pytest.mark.parametrize("role", Role.values)
    def test_is_for_those_who_may_see_products(self, as_role, shop, role):
        for address in (BOARD, url("T90")):
            assert (as_role(role).get(address).status_code == 200) == staff_may(role, "product.read")


class TestProduct:
    def test_says_what_it_is(self, desk, shop):
        shop.treadmill.product.brand = "Stride"
        shop.treadmill.product.category = "Fitness / Treadmills"
        shop.treadmill.product.save()

        words = Page(desk.get(url("T90"))).words

        for said in ("Treadmill T90", "04006381333931", "Stride", "Fitness / Treadmills", "US$1,899.00"):
            assert said in words

    @pytest.mark.parametrize("sku", ["A/B", "A B", "A#1", "A?b=1", "100%", "a+b&c", "Å-1", 'Q"1', "<b>x</b>", "A/"])
    def test_takes_any_sku(self, desk, sku):
        factories.variant(sku, title="Odd one")

        board = Page(desk.get(BOARD))
        answer = desk.get(url(sku))

        assert url(sku) in board.links
        assert answer.status_code == 200
        assert answer.context["variant"].sku == sku
        assert "b" not in Page(answer).tags

    @pytest.mark.parametrize("path", ["nothing", "t90", "%00", "T90/x", "%2e%2e"])
    def test_what_we_do_not_have_does_not_exist(self, desk, shop, path):
        assert desk.get(f"{BOARD}{path}/").status_code == 404

    def test_keeps_hostile_text_text(self, desk, shop):
        variant = factories.variant(HOSTILE, title=HOSTILE)
        place = factories.location("EVIL", name=HOSTILE)
        factories.stock(variant, 2, place)
        listing = factories.listing(shop.ebay, variant, HOSTILE)
        StockPush.objects.create(
            listing=listing, account=shop.ebay, wanted_since=factories.NOW, error_code="x", error=HOSTILE
        )
        factories.order(factories.line(HOSTILE, 3), channel="ebay", buyer=Buyer(name=HOSTILE, email="a@example.com"))

        for answer in (desk.get(url(HOSTILE)), desk.get(BOARD)):
            page = answer.content.decode()
            assert "onerror" in page
            assert "img" not in Page(answer).tags
            assert "{{ 7|add:7 }}" in page

    def test_costs_few_statements_however_much_happened(self, desk, shop, django_assert_max_num_queries):
        for account in (shop.ebay, shop.amazon):
            factories.listing(account, shop.treadmill)
        for number in range(70):
            factories.stock(
                shop.treadmill, 1 + number % 3, factories.store(f"S{number:04}", name=f"A store in town {number}")
            )
        for number in range(20):
            factories.order(factories.line("T90", 1 + number % 2), channel=("ebay", "amazon", "web")[number % 3])
        for _ in range(20):
            factories.order(factories.line("T90", 200), channel="ebay")

        with django_assert_max_num_queries(15):
            answer = desk.get(url("T90"))

        assert len(answer.content) < 60_000
        assert adds_up(answer)


class TestPrices:
    def test_says_when_we_undercut_ourselves(self, desk, shop):
        factories.listing(shop.ebay, shop.treadmill, price=89900)
        factories.listing(shop.amazon, shop.treadmill, price=189900)

        words = Page(desk.get(url("T90"))).words

        assert "We undercut ourselves" in words
        assert "eBay asks US$899.00: US$1,000.00 (53 %) less than Web shop and Amazon." in words

    def test_says_nothing_about_small_differences(self, desk, shop):
        factories.listing(shop.ebay, shop.treadmill, price=180405)  # 5 % below, to the cent

        assert "undercut" not in desk.get(url("T90")).content.decode()

    def test_a_price_of_the_channel_itself_comes_before_that_of_all(self, desk, shop):
        Price.objects.create(
            variant=shop.treadmill, channel="web", currency="USD", amount=150000,
            valid=(factories.NOW - timedelta(days=1), None),
        )  # fmt: skip

        (web, *_) = desk.get(url("T90")).context["offers"]

        assert (web.code, web.price) == ("web", 150000)

    def test_takes_the_price_in_force(self, desk, shop):
        bike = factories.variant("BIKE")
        for amount, since, until in ((100, -900, -300), (200, -300, 3000), (300, 3000, 9000)):
            valid = (factories.NOW + timedelta(days=since), factories.NOW + timedelta(days=until))
            Price.objects.create(variant=bike, currency="USD", amount=amount, valid=valid)

        assert [offer.price for offer in desk.get(url("BIKE")).context["offers"]] == [200]

    def test_narrows_to_the_channels_in_reach(self, as_role, shop):
        factories.listing(shop.ebay, shop.treadmill, price=89900)

        limited = as_role("merchandiser", channels=("web",)).get(url("T90"))

        assert [offer.code for offer in limited.context["offers"]] == ["web"]
        assert limited.context["gaps"] == []


def offer(channel: str, price: int | None, currency: str = "USD", state: str = "in_sync") -> Offer:
    return Offer(channel, channel, currency, price, 0, None, state)


class TestGaps:
    def test_names_everybody_on_both_sides_once(self):
        found = [
            offer("Web", 1000),
            offer("Till", 1000),
            offer("eBay", 2000),
            offer("eBay", 1900),
            offer("Amazon", 1040),
        ]

        (worst, other) = _offers.gaps(found)

        assert str(worst) == "Web and Till ask US$10.00: US$10.00 (50 %) less than eBay."
        assert str(other) == "Amazon asks US$10.40: US$9.60 (48 %) less than eBay."

    @pytest.mark.parametrize(
        "other",
        [offer("B", 500, "EUR"), offer("B", 500, state="ended"), offer("B", 0), offer("B", None), offer("B", 950)],
    )
    def test_compares_what_buyers_can_compare(self, other):
        assert _offers.gaps([offer("A", 1000), other]) == []

    def test_notices_more_than_five_percent(self):
        assert [gap.percent for gap in _offers.gaps([offer("A", 100000), offer("B", 94999)])] == [5]


class TestChannels:
    def told(self, desk, **about) -> Offer:
        offers = desk.get(url("T90")).context["offers"]
        return next(each for each in offers if each.code == "ebay")

    def test_compares_what_was_told_with_what_is_to_be_told(self, desk, shop):
        listing = factories.listing(shop.ebay, shop.treadmill)

        assert (self.told(desk).now, self.told(desk).state) == (5, "late")
        Listing.objects.filter(pk=listing.pk).update(told=5, told_at=factories.NOW)
        assert (self.told(desk).state, self.told(desk).is_confirmed) == ("in_sync", False)
        assert "not confirmed yet" in desk.get(url("T90")).content.decode()
        Listing.objects.filter(pk=listing.pk).update(confirmed_at=factories.NOW)
        assert self.told(desk).is_confirmed

    def test_says_when_a_change_is_on_its_way_or_was_not_taken(self, desk, shop):
        listing = factories.listing(shop.ebay, shop.treadmill, told=7, told_at=factories.NOW)
        push = StockPush.objects.create(listing=listing, account=shop.ebay, wanted_since=factories.NOW)

        assert "eBay was told 7 and is next told 5." in Page(desk.get(url("T90"))).words
        push.error_code, push.error = "25002", "The offer is not available."
        push.save()
        words = Page(desk.get(url("T90"))).words
        assert "eBay did not take its stock of 5." in words
        assert "The offer is not available." in words

    def test_tells_an_account_less_its_buffer_and_at_most_what_the_listing_allows(self, desk, shop):
        shop.ebay.buffer = 2
        shop.ebay.save()
        listing = factories.listing(shop.ebay, shop.treadmill, most_offered=1)

        answer = desk.get(url("T90"), {"why": listing.pk})

        assert self.told(desk).now == 1
        assert answer.context["why"]["total"] == 1
        assert [term["amount"] for term in answer.context["why"]["terms"]] == [5, -2, -2]
        assert adds_up(answer)


class TestWhy:
    def test_adds_up_for_own_channels(self, desk, shop):
        factories.order(factories.line("T90", 2))

        answer = desk.get(url("T90"))

        assert answer.context["why"]["total"] == 3
        assert answer.context["why"]["terms"] == [
            {"label": "Warehouse East", "amount": 3, "url": "#at-EAST", "note": "5 on hand − 2 reserved − 0 safety"}
        ]
        assert "at-EAST" in Page(answer).ids

    def test_adds_up_when_more_was_sold_than_there_is(self, desk, shop):
        factories.order(factories.line("T90", 9), channel="ebay")

        answer = desk.get(url("T90"))

        assert [term["amount"] for term in answer.context["why"]["terms"]] == [0, -4, 4]
        assert adds_up(answer)
        assert "4 sold units wait for stock" in Page(answer).words

    def test_puts_many_places_together_and_still_adds_up(self, desk, shop):
        for number in range(40):
            factories.stock(shop.treadmill, 1 + number, factories.location(f"W{number}", name=f"Place: {number}"))

        answer = desk.get(url("T90"))
        terms = answer.context["why"]["terms"]

        assert adds_up(answer)
        assert answer.context["why"]["total"] == 5 + sum(range(1, 41))
        assert len(terms) == 13
        assert terms[0] == {
            "label": "Place: 39", "amount": 40, "url": "#at-W39", "note": "40 on hand − 0 reserved − 0 safety",
        }  # fmt: skip
        assert terms[-1]["label"] == "29 more places"
        anchors = {term["url"].removeprefix("#") for term in terms if term["url"].startswith("#at-")}
        assert anchors <= set(Page(answer).ids)

    def test_htmx_gets_the_sum_of_the_channel_it_asks_for(self, desk, shop):
        shop.ebay.buffer = 1
        shop.ebay.save()
        listing = factories.listing(shop.ebay, shop.treadmill)

        answer = desk.get(url("T90"), {"why": listing.pk}, headers={"HX-Request": "true"})

        assert "Why 4 on eBay?" in answer.content.decode()
        assert "<html" not in answer.content.decode()

    @pytest.mark.parametrize("asked", ["", "0", "x", "9" * 40, HOSTILE])
    def test_explains_own_channels_for_a_listing_that_is_not_there(self, desk, shop, asked):
        assert desk.get(url("T90"), {"why": asked}).context["why"]["name"] == "own channels"

    def test_does_not_explain_a_listing_out_of_reach(self, as_role, shop):
        listing = factories.listing(shop.ebay, shop.treadmill)

        answer = as_role("merchandiser", channels=("web",)).get(url("T90"), {"why": listing.pk})

        assert answer.context["why"]["name"] == "own channels"

    def test_nothing_anywhere_is_said(self, desk, shop):
        factories.variant("MAT")

        words = Page(desk.get(url("MAT"))).words

        assert "No open place has any of it" in words
        assert "Not in stock anywhere" in words


class TestPlaces:
    def test_shows_what_lies_where_and_adds_up_what_is_open(self, desk, shop):
        factories.stock(shop.treadmill, 2, factories.store("S1", ships=False))
        factories.stock(shop.treadmill, 4, factories.location("SUP", "supplier"))
        factories.stock(shop.treadmill, 7, factories.location("OLD"))
        Location.objects.filter(code="OLD").update(is_open=False)
        factories.order(factories.line("T90", 1))

        answer = desk.get(url("T90"))
        where = answer.context["where"]
        notes = {place.shelf.code: place.notes for place in where.shown}

        assert (where.on_hand, where.reserved, where.free, where.offered) == (11, 1, 10, 4)
        assert notes == {
            "EAST": (), "S1": ("sends nothing",), "SUP": ("not ours to promise",),
            "OLD": ("closed, nothing is promised from here",),
        }  # fmt: skip
        assert answer.context["why"]["total"] == where.offered

    def test_leaves_out_the_small_ones_unless_all_are_asked_for(self, desk, shop):
        for number in range(30):
            factories.stock(shop.treadmill, 1, factories.location(f"W{number:02}"))

        few, all_of_them = desk.get(url("T90")), desk.get(url("T90"), {"places": "all"})

        assert len(few.context["where"].shown) == 15
        assert "16 more places with 16 on hand." in Page(few).words
        assert len(all_of_them.context["where"].shown) == 31
        assert few.context["where"].on_hand == all_of_them.context["where"].on_hand == 35

    def test_folds_places_that_have_none(self, desk, shop):
        place = factories.stock(shop.treadmill, 1, factories.store("S1", name="Reading"))
        _adjust(shop.treadmill, place, -1, "not there")

        answer = desk.get(url("T90"))

        assert [shelf.code for shelf in answer.context["where"].bare] == ["S1"]
        assert "1 place without any" in Page(answer).words
        assert "at-S1" in Page(answer).ids

    def test_marks_the_places_in_reach_and_puts_them_first(self, as_role, shop):
        factories.stock(shop.treadmill, 1, factories.store("S1", name="Reading"))

        answer = as_role("associate", locations=("S1",)).get(url("T90"))

        assert [(place.shelf.code, place.is_yours) for place in answer.context["where"].shown] == [
            ("S1", True),
            ("EAST", False),
        ]


class TestHoldersAndMovements:
    @pytest.fixture
    def sold(self, shop):
        """Five held by a web order, one waited for by an eBay order."""
        held = factories.order(factories.line("T90", 5), buyer=Buyer(name="Anna Berg", email="anna@example.com"))
        waits = factories.order(
            factories.line("T90"), channel="ebay", buyer=Buyer(name="Greg Sterling", email="greg@example.com")
        )
        return SimpleNamespace(held=held, waits=waits)

    def test_names_who_holds_and_who_waits(self, desk, sold):
        answer = desk.get(url("T90"))

        assert [hold.order.number for hold in answer.context["held"]] == [sold.held.number]
        assert [hold.order.number for hold in answer.context["waiting"]] == [sold.waits.number]
        page = Page(answer)
        assert {f"/orders/{sold.held.number}/", f"/orders/{sold.waits.number}/"} <= set(page.links)
        assert "Anna Berg" in page.words
        assert "Greg Sterling" in page.words

    @pytest.mark.parametrize("role", ["merchandiser", "platform_admin"])
    def test_says_nothing_of_orders_to_who_sees_none(self, as_role, sold, role):
        page = Page(as_role(role).get(url("T90")))

        assert [link for link in page.links if link.startswith("/orders/1")] == []
        for secret in ("Anna", "Greg", "Berg", "Sterling", str(sold.held.number), str(sold.waits.number)):
            assert secret not in page.words
        assert "an order" in page.words

    @pytest.mark.parametrize(("role", "name"), [("inventory_manager", "A. B."), ("associate", "Anna B.")])
    def test_says_no_more_of_a_name_than_the_role_needs(self, as_role, sold, role, name):
        words = Page(as_role(role).get(url("T90"))).words

        assert name in words
        assert "Berg" not in words

    def test_says_nothing_of_orders_out_of_reach(self, as_role, sold):
        page = Page(as_role("agent", channels=("ebay",)).get(url("T90")))

        assert f"/orders/{sold.waits.number}/" in page.links
        assert str(sold.held.number) not in page.words
        assert "Anna" not in page.words

    def test_runs_the_count_through_the_movements(self, desk, shop):
        order = factories.order(factories.line("T90", 2))
        fulfilment.ship(
            number=order.number, location="EAST", carrier="UPS", tracking_number="1Z1", actor=factories.ACTOR,
            now=factories.NOW,
        )  # fmt: skip
        _adjust(shop.treadmill, shop.east, -1, "box was crushed")

        answer = desk.get(url("T90"))

        assert [(each.word, each.movement.quantity, each.left) for each in answer.context["moved"]] == [
            ("Adjusted", -1, 2), ("Sold", -2, 3), ("Received", 5, 5),
        ]  # fmt: skip
        page = Page(answer)
        assert f"order {order.number}" in page.words
        assert "box was crushed" in page.words
        assert "staff:grace" in page.words

    def test_names_the_newest_who_hold_and_the_oldest_who_wait(self, desk, shop):
        orders = [factories.order(factories.line("T90"), channel="ebay") for _ in range(40)]

        answer = desk.get(url("T90"))

        assert [hold.order.number for hold in answer.context["waiting"]] == [order.number for order in orders[5:15]]
        assert [hold.order.number for hold in answer.context["held"]] == [order.number for order in orders[4::-1]]
        assert "The oldest 10; 35 units are waited for in all." in Page(answer).words

    def test_shows_the_last_fifty(self, desk, shop):
        for _ in range(55):
            factories.stock(shop.treadmill, 1, shop.east)

        moved = desk.get(url("T90")).context["moved"]

        assert len(moved) == 50
        assert (moved[0].left, moved[-1].left) == (60, 11)

    def test_says_that_nothing_moved_is_held_or_waited_for(self, desk, shop):
        factories.variant("MAT")

        words = re.sub(r"\s+", " ", Page(desk.get(url("MAT"))).words)

        for said in ("Nothing has moved yet.", "Nothing is reserved.", "Nobody waits"):
            assert said in words


@db.transaction
def _adjust(variant, place, units, reason):
    entry = ledger.Entry(
        location_id=place.pk, variant_id=variant.pk, kind=ledger.Kind.ADJUSTMENT, quantity=units, cause="count",
        cause_id="C-1", reason=reason, occurred_at=factories.NOW,
    )  # fmt: skip
    ledger.post([entry], actor="staff:grace")
