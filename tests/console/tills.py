"""What somebody at the counter does, and what the tests of it have in common."""

import re
from html import unescape
from html.parser import HTMLParser

HOSTILE = "<img src=x onerror=alert(1)>{{ 7|add:7 }}\"'"
GTIN = "5012345678900"
CARD = "4111 1111 1111 1111"
SHIP = {
    "name": "Greg Sterling",
    "line1": "1 Main St",
    "city": "Reading",
    "region": "PA",
    "postcode": "19601",
    "country": "US",
}
HTMX = {"HX-Request": "true"}


def basket(browser):
    """[(sku, quantity, method)] as kept."""
    return [(line["sku"], line["quantity"], line["method"]) for line in browser.session["counter"]["lines"]]


def scan(browser, code):
    return browser.post("/counter/scan/", {"q": code}, headers=HTMX)


def put(browser, sku, method="carry_out"):
    return browser.post("/counter/basket/", {"sku": sku, "method": method}, headers=HTMX)


def change(browser, line, **what):
    return browser.post(f"/counter/basket/{line}/", what, headers=HTMX)


def on_the_page(browser):
    """What the form on the page would send by itself."""
    page = browser.get("/counter/").content.decode()
    return {name: re.search(f'name="{name}" value="([^"]*)"', page)[1] for name in ("number", "total")}


def sell(browser, **more):
    return browser.post("/counter/sale/", {**on_the_page(browser), "payment": "card", **more})


def text_of(answer):
    return unescape(answer.content.decode())


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)
        assert "style" not in dict(attrs)
        assert not any(name.startswith("on") for name, _ in attrs)
