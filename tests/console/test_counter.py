"""The counter: found, put in the basket, sold once."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from customers.models import Identity
from inventory.models import Price, StockMovement
from orders.models import FulfilmentOrder, Order, Payment
from tests import factories

HOSTILE = "<img src=x onerror=alert(1)>{{ 7|add:7 }}\"'"
GTIN = "5012345678900"
CARD = "4111 1111 1111 1111"
SHIP = {"name": "Greg Sterling", "line1": "1 Main St", "city": "Reading", "region": "PA", "postcode": "19601",
        "country": "US"}  # fmt: skip
HTMX = {"HX-Request": "true"}


@pytest.fixture
def store(db):
    return factories.store("S1", name="Oxford Street", city="Reading", latitude=40.3, longitude=-75.9)


@pytest.fixture
def till(db):
    return factories.channel("till", "till", name="Tills")


@pytest.fixture
def treadmill(store, till):
    variant = factories.variant("T90", gtin=GTIN, price=89900)
    factories.stock(variant, 3, store)
    return variant


@pytest.fixture
def counter(as_role, treadmill):
    """An associate of the store, at the counter."""
    browser = as_role("associate", locations=("S1",))
    browser.get("/counter/")
    return browser


def basket(browser):
    return browser.session["counter"]


def scan(browser, code):
    return browser.post("/counter/scan/", {"q": code}, headers=HTMX)


def put(browser, sku, method):
    return browser.post("/counter/basket/", {"sku": sku, "method": method}, headers=HTMX)


def shown(browser):
    """What the form on the page would send."""
    page = browser.get("/counter/").content.decode()
    return {name: re.search(f'name="{name}" value="([^"]*)"', page)[1] for name in ("number", "total")}


def sell(browser, **more):
    return browser.post("/counter/sale/", {**shown(browser), "payment": "card", **more})


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


class TestStore:
    def test_one_store_is_taken_without_asking(self, as_role, treadmill):
        browser = as_role("associate", locations=("S1",))

        assert browser.get("/counter/", follow=True).context["store"].code == "S1"

    def test_several_are_offered_and_the_choice_is_remembered(self, as_role, treadmill):
        factories.store("S2", name="King's Road")
        browser = as_role("agent")
        page = browser.get("/counter/").content.decode()
        assert "Oxford Street" in page
        assert "King&#x27;s Road" in page

        browser.post("/counter/store/", {"store": "S2"})

        assert browser.get("/counter/").context["store"].code == "S2"

    def test_only_open_stores_within_reach_are_offered(self, as_role, treadmill):
        factories.store("S2", name="King's Road")
        factories.store("S3", name="Closed", is_open=False)
        factories.location("W1", name="Warehouse")
        browser = as_role("store_manager", locations=("S1", "S3", "W1"))

        assert browser.get("/counter/", follow=True).context["store"].code == "S1"
        for out_of_reach in ("S2", "S3", "W1", "nowhere", "S1\x00"):
            assert browser.post("/counter/store/", {"store": out_of_reach}).status_code == (
                302 if out_of_reach == "S1\x00" else 404
            )

    def test_they_are_found_by_name_city_or_postcode(self, as_role, treadmill):
        factories.store("S2", name="King's Road", city="Austin", postcode="78701")
        browser = as_role("agent")
        for typed in ("king", "aus", "787", "s2"):
            answer = browser.get("/counter/", {"store": typed}, headers=HTMX)
            assert [store.code for store in answer.context["stores"]] == ["S2"], typed
        assert b"is called" in browser.get("/counter/", {"store": HOSTILE}, headers=HTMX).content

    def test_nobody_without_a_store_or_a_till_sells(self, as_role, till):
        assert b"No store is in your reach" in as_role("associate", locations=()).get("/counter/").content
        assert b"No till is open to you" in as_role("associate", channels=("web",)).get("/counter/").content
        till.delete()
        assert b"No till is open to you" in as_role("associate").get("/counter/").content

    def test_a_store_that_left_the_reach_is_asked_for_again(self, counter, store):
        factories.store("S2")
        staff = type(store.__class__)  # noqa: F841
        from oms.models import StaffMember

        StaffMember.objects.update(locations=["S2"])

        assert counter.get("/counter/", follow=True).context["store"].code == "S2"
