"""The counter: which store, what is found, and what is in the basket."""

from datetime import timedelta
from html import unescape

import pytest
from django.urls import reverse
from django.utils import timezone

from console.counter import _basket
from inventory import catalogue
from inventory.models import Location, Price, Product
from oms.models import Role, StaffMember
from oms.permissions import ACTIONS
from orders import checkout
from orders.models import Order
from tests import factories
from tests.console.tills import CARD, GTIN, HOSTILE, HTMX, Tags, basket, change, on_the_page, put, scan, sell, text_of


class TestWhoMaySell:
    @pytest.mark.parametrize("role", Role.values)
    def test_is_what_the_table_says(self, as_role, treadmill, role):
        expected = 200 if role in ACTIONS["order.place"].roles else 403
        browser = as_role(role, locations=("S1",))

        assert browser.get("/counter/", follow=True).status_code == expected
        for name, args in (("scan", []), ("basket", []), ("line", [1]), ("customer", []), ("sale", []), ("store", [])):
            answer = browser.post(reverse(f"console:counter-{name}", args=args), {"store": "S1"})
            assert (answer.status_code == 403) is (expected == 403), name
        assert not Order.objects.exists()

    def test_receipts_lie_within_reach(self, counter, as_role):
        scan(counter, GTIN)
        receipt = sell(counter).url

        assert counter.get(receipt).status_code == 200
        factories.store("S2")
        assert as_role("associate", locations=("S2",)).get(receipt).status_code == 404
        assert as_role("associate", channels=("web",)).get(receipt).status_code == 404
        assert as_role("merchandiser").get(receipt).status_code == 403

    def test_only_sales_of_a_till_have_a_receipt(self, counter, as_role, treadmill):
        factories.channel("web")
        order = factories.order(factories.line("T90"))

        assert as_role("agent").get(f"/counter/receipt/{order.number}/").status_code == 404
        assert as_role("agent").get(f"/counter/receipt/{10**25}/").status_code == 404


class TestStore:
    def test_one_store_is_taken_without_asking(self, as_role, treadmill):
        browser = as_role("associate", locations=("S1",))

        assert browser.get("/counter/", follow=True).context["store"].code == "S1"

    def test_several_are_offered_and_the_choice_is_remembered(self, as_role, treadmill):
        factories.store("S2", name="King's Road")
        browser = as_role("agent")
        assert [store.code for store in browser.get("/counter/").context["stores"]] == ["S2", "S1"]

        browser.post("/counter/store/", {"store": "S2"})

        assert browser.get("/counter/").context["store"].code == "S2"

    def test_only_open_stores_within_reach_can_be_chosen(self, as_role, treadmill):
        factories.store("S2", name="King's Road")
        factories.store("S3", name="Closed", is_open=False)
        factories.location("W1", name="Warehouse")
        browser = as_role("store_manager", locations=("S1", "S3", "W1"))

        assert browser.get("/counter/", follow=True).context["store"].code == "S1"
        for other in ("S2", "S3", "W1", "nowhere", "", "\x00", HOSTILE):
            assert browser.post("/counter/store/", {"store": other}).status_code == 404

    def test_they_are_found_by_name_city_postcode_or_code(self, as_role, treadmill):
        factories.store("S2", name="King's Road", city="Austin", postcode="78701")
        browser = as_role("agent")

        for typed in ("king", "aus", "787", "s2", "road austin"):
            answer = browser.get("/counter/", {"store": typed}, headers=HTMX)
            assert [store.code for store in answer.context["stores"]] == ["S2"], typed
        assert "No store of yours" in text_of(browser.get("/counter/", {"store": HOSTILE}, headers=HTMX))

    def test_nobody_without_a_store_or_a_till_sells(self, as_role, till):
        assert "No store is in your reach" in text_of(as_role("associate", locations=()).get("/counter/"))
        assert "No till is open to you" in text_of(as_role("associate", channels=("web",)).get("/counter/"))
        till.delete()
        assert "No till is open to you" in text_of(as_role("associate").get("/counter/"))

    def test_a_store_that_left_the_reach_is_left_at_once(self, counter):
        factories.store("S2")
        scan(counter, GTIN)
        form = on_the_page(counter)
        StaffMember.objects.update(locations=["S2"])

        assert counter.post("/counter/sale/", {**form, "payment": "card"}).url == "/counter/"
        assert counter.get("/counter/", follow=True).context["store"].code == "S2"
        assert not Order.objects.exists()


class TestFinding:
    @pytest.mark.parametrize("typed", [GTIN, f"0{GTIN}", " 5012345-678900 ", "T90", "t90"])
    def test_a_code_means_one_product(self, counter, typed):
        factories.variant("T900", title="Treadmill cover")
        answer = counter.post("/counter/products/", {"q": typed}, headers=HTMX)

        assert [found.variant.sku for found in answer.context["answers"]] == ["T90"]
        assert answer.context["is_exact"]

    @pytest.mark.parametrize("typed", ["treadmill", "tredmill", "T9", "TREADMILL  t90"])
    def test_words_and_beginnings_find_what_is_like_them(self, counter, typed):
        factories.variant("BTL", title="Water bottle")
        answer = counter.post("/counter/products/", {"q": typed}, headers=HTMX)

        assert [found.variant.sku for found in answer.context["answers"]] == (["T90"] if len(typed) > 2 else [])

    def test_two_skus_that_differ_in_case_are_for_a_person_to_choose(self, counter):
        factories.variant("t90", title="Another one", price=100)
        answer = scan(counter, "T90")

        assert len(answer.context["answers"]) == 2
        assert basket(counter) == []

    def test_says_where_it_is_nearest_first(self, counter, treadmill):
        for code, name, longitude, units in (
            ("S2", "Far", -80.0, 5),
            ("S3", "Near", -76.0, 1),
            ("S4", "None", -75.9, 0),
        ):
            place = factories.store(code, name=name, latitude=40.3, longitude=longitude)
            factories.stock(treadmill, units, place)
        factories.stock(treadmill, 41, factories.location("W1", name="Warehouse East"))
        factories.stock(treadmill, 9, factories.location("P1", "supplier", name="Pacific"))
        (answer,) = counter.post("/counter/products/", {"q": GTIN}, headers=HTMX).context["answers"]

        assert answer.here == 3
        assert [(place.name, place.units) for place in answer.stores] == [("Near", 1), ("Far", 5)]
        assert [place.distance for place in answer.stores] == ["5.3 mi", "216 mi"]
        assert [(place.name, place.units) for place in answer.warehouses] == [("Warehouse East", 41)]
        assert [(place.name, place.units) for place in answer.suppliers] == [("Pacific", 9)]
        assert answer.sendable == 3 + 5 + 1 + 41

    def test_promised_units_and_closed_places_do_not_count(self, counter, treadmill):
        factories.channel("web")
        factories.order(factories.line("T90", 2, method="pickup", location="S1"))
        factories.stock(treadmill, 7, factories.store("S2", is_open=False))
        (answer,) = counter.post("/counter/products/", {"q": GTIN}, headers=HTMX).context["answers"]

        assert (answer.here, list(answer.stores)) == (1, [])

    def test_a_draft_is_not_for_sale(self, counter, treadmill):
        Product.objects.update(status="draft")

        assert counter.post("/counter/products/", {"q": GTIN}, headers=HTMX).context["answers"] == []
        put(counter, "T90")
        assert basket(counter) == []

    @pytest.mark.parametrize("typed", [HOSTILE, "%", "_", "\\", "a\x00b", "נועה", "x" * 500, "'; DROP TABLE x"])
    def test_odd_text_is_looked_for_like_any_other(self, counter, typed):
        answer = counter.post("/counter/products/", {"q": typed}, headers=HTMX)

        assert answer.status_code == 200
        assert "img" not in Tags(answer.content.decode()).found
        assert scan(counter, typed).status_code == 422

    def test_nothing_typed_changes_nothing(self, counter):
        assert counter.post("/counter/products/", {"q": "  "}, headers=HTMX).status_code == 204
        assert counter.get("/counter/products/", headers=HTMX).status_code == 204

    def test_costs_the_same_few_statements_for_many_products(self, counter, django_assert_max_num_queries):
        for number in range(12):
            factories.stock(factories.variant(f"RUN-{number}", title=f"Running shoe {number}", price=100), number)
        with django_assert_max_num_queries(15):
            answer = counter.post("/counter/products/", {"q": "running shoe"}, headers=HTMX)

        assert len(answer.context["answers"]) == 6

    def test_a_card_drawn_through_the_scanner_is_refused_and_not_shown(self, counter):
        for answer in (scan(counter, CARD), counter.post("/counter/products/", {"q": CARD}, headers=HTMX)):
            assert "number of a payment card" in text_of(answer)
            assert "1111" not in text_of(answer)

    def test_a_barcode_that_could_be_a_card_number_is_a_barcode(self, counter):
        codes = map(str, range(4000000000000, 4000000001000))
        code = next(code for code in codes if is_barcode(code) and checkout.holds_card_number(code))
        factories.variant("BOTH", gtin=code, price=100)

        assert scan(counter, code).context["is_exact"]
        assert basket(counter) == [("BOTH", 1, "carry_out")]


def is_barcode(code):
    try:
        return bool(catalogue.normalise_gtin(code))
    except catalogue.BadGtin:
        return False


class TestPrices:
    def test_the_till_goes_before_what_every_own_channel_asks(self, counter, treadmill):
        since = (timezone.now() - timedelta(days=1), None)
        Price.objects.create(variant=treadmill, channel="till", currency="USD", amount=79900, valid=since)
        Price.objects.create(variant=treadmill, channel="web", currency="USD", amount=1, valid=since)
        scan(counter, GTIN)

        assert counter.session["counter"]["lines"][0]["price"] == 79900

    def test_what_has_no_price_is_said_and_not_sold(self, counter):
        factories.stock(factories.variant("BELT", title="Belt"), 5, Location.objects.get(code="S1"))
        answer = scan(counter, "BELT")

        assert "has no price here" in text_of(answer)
        put(counter, "BELT")
        assert basket(counter) == []


class TestBasket:
    def test_a_scan_puts_one_in_for_who_stands_in_the_store(self, counter):
        scan(counter, GTIN)
        scan(counter, GTIN)

        assert basket(counter) == [("T90", 2, "carry_out")]

    def test_who_is_on_the_phone_sends(self, as_role, treadmill):
        browser = as_role("agent", locations=("S1",))
        browser.get("/counter/")
        scan(browser, GTIN)

        assert basket(browser) == [("T90", 1, "ship")]

    def test_the_parts_of_the_page_follow(self, counter):
        page = text_of(scan(counter, GTIN))

        assert 'hx-swap-oob="innerHTML:#found"' in page
        assert 'id="basket" hx-swap-oob="true"' in page
        assert "Sell for US$899.00" in page
        assert "In the basket" in page

    def test_without_scripts_the_whole_page_answers(self, counter):
        assert "In the basket" in text_of(counter.post("/counter/scan/", {"q": GTIN}))
        assert counter.post("/counter/basket/", {"sku": "T90", "method": "ship"}).url == "/counter/"
        assert counter.post("/counter/basket/1/", {"quantity": "2"}).url == "/counter/"
        assert "Treadmill T90" in text_of(counter.get("/counter/products/", {"q": "treadmill"}))
        assert basket(counter) == [("T90", 2, "carry_out"), ("T90", 1, "ship")]

    def test_quantity_is_what_was_asked_for_however_often(self, counter):
        scan(counter, GTIN)
        change(counter, 1, quantity="1", step="2")
        change(counter, 1, quantity="1", step="2")
        assert basket(counter) == [("T90", 2, "carry_out")]

        for nonsense in ("0", "-1", "1000", "2.5", "٣", "", "x", "9" * 5000):
            answer = change(counter, 1, quantity=nonsense)
            assert "the quantity was left as it was" in text_of(answer), nonsense
        assert basket(counter) == [("T90", 2, "carry_out")]

    def test_another_way_joins_the_line_that_goes_that_way_already(self, counter):
        put(counter, "T90", "carry_out")
        put(counter, "T90", "ship")
        change(counter, 1, quantity="2", method="ship")

        assert basket(counter) == [("T90", 3, "ship")]

    def test_a_way_the_store_has_not_is_not_offered_and_not_taken(self, counter):
        Location.objects.update(offers_pickup=False)
        for way in ("pickup", "teleport", ""):
            put(counter, "T90", way)
        assert basket(counter) == []

        put(counter, "T90", "ship")
        change(counter, 1, quantity="1", method="pickup")
        assert basket(counter) == [("T90", 1, "ship")]
        assert "Nothing can be collected in this store." in text_of(counter.get("/counter/"))

    def test_removing_twice_removes_once(self, counter):
        put(counter, "T90")
        put(counter, "T90", "ship")
        for _ in range(2):
            assert change(counter, 1, remove="yes").status_code == 200

        assert basket(counter) == [("T90", 1, "ship")]

    def test_says_what_cannot_be_kept_or_sent_before_it_is_sold(self, counter):
        put(counter, "T90", "pickup")
        change(counter, 1, quantity="4")
        assert "Only 3 can be kept here" in text_of(counter.get("/counter/"))

        change(counter, 1, quantity="4", method="carry_out")
        assert "The books have 3 here" in text_of(counter.get("/counter/"))

        change(counter, 1, quantity="4", method="ship")
        assert "Only 3 can be sent" in text_of(counter.get("/counter/"))

    def test_what_vanished_from_the_catalogue_can_be_taken_out(self, counter, treadmill):
        put(counter, "T90")
        session = counter.session
        session["counter"]["lines"][0]["sku"] = HOSTILE
        session.save()

        page = counter.get("/counter/").content.decode()
        assert "has this SKU any more" in page
        assert "img" not in Tags(page).found
        change(counter, 1, remove="yes")
        assert basket(counter) == []

    def test_is_full_at_some_point(self, counter, monkeypatch):
        monkeypatch.setattr(_basket, "MOST_LINES", 1)
        put(counter, "T90")

        assert "A basket holds 1 lines" in text_of(put(counter, "T90", "ship"))

    def test_one_of_another_shape_is_an_empty_one(self, counter):
        for left_behind in ("basket", {"lines": 3}, {"lines": [{"was": 1}]}, None, []):
            session = counter.session
            session["counter"] = left_behind
            session.save()
            assert counter.get("/counter/", follow=True).status_code == 200

    def test_a_long_one_costs_no_more_statements(self, counter, store, django_assert_max_num_queries):
        for number in range(12):
            put(counter, factories.variant(f"SKU-{number}", price=100).sku)
        with django_assert_max_num_queries(15):
            page = counter.get("/counter/")

        assert len(page.context["rows"]) == 12
        assert len(page.content) < 60_000

    def test_lives_under_the_strict_content_policy(self, counter):
        factories.variant("EVIL", title=HOSTILE, price=100)
        scan(counter, "EVIL")
        counter.post("/counter/customer/", {"name": HOSTILE, "note": HOSTILE, **on_the_page(counter)})

        page = counter.get("/counter/").content.decode()
        assert "onerror" in page
        assert "{{ 7|add:7 }}" in unescape(page)
        assert {"img", "style"} & set(Tags(page).found) == set()
