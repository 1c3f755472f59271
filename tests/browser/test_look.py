"""The look in a real Chromium: nothing for axe to find, nothing refused by the policy, and the keys work."""

import os
from collections.abc import Iterator

import pytest
from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import engines
from django.urls import include, path
from playwright.sync_api import Page, expect

from console import style
from console.context import PLACES
from oms.models import Role, StaffMember
from tests.browser.looks import violations

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # the browser's driver runs a loop in the test's thread
pytestmark = [pytest.mark.browser, pytest.mark.urls(__name__), pytest.mark.django_db(transaction=True)]

received: list[str] = []


class LoginForm(forms.Form):
    username = forms.CharField()
    password = forms.CharField()


def home(request: HttpRequest) -> HttpResponse:
    """The frame with one form, one htmx button and messages of what arrived."""
    if request.method == "POST":
        received.append(request.POST.get("what", request.path))
        return HttpResponse("<link rel=icon href=data:,>done")
    page = """{% extends "console/base.html" %}{% block recent %}Order 100423{% endblock %}{% block main %}
      <h1>Home</h1>
      <form method="post">{% csrf_token %}<input type="hidden" name="what" value="form">
        <button class="button">Refund</button></form>
      <button class="button" hx-post="" hx-vals='{"what": "htmx"}'
        hx-confirm="Cancel order 100423?" hx-swap="none">Cancel it</button>
      <button class="button" hx-get="/search/?q=st" hx-target="#answer">Read</button><p id="answer"></p>
    {% endblock %}"""
    return HttpResponse(engines["django"].from_string(page).render({}, request))


def counter(request: HttpRequest) -> HttpResponse:
    """A screen with a scanner and a number to copy."""
    if request.method == "POST":
        received.append(request.POST["code"])
        return HttpResponse("scanned")
    page = """{% extends "console/base.html" %}{% block main %}<h1>Counter</h1>
      {% include "components/copy.html" with value="100423" what="the number" %}
      <scan-input><form hx-post="" hx-swap="none">
        <input class="input" name="code" aria-label="Scan"></form></scan-input>
      <button class="button" hx-get="/gone/" hx-swap="none">Ask</button>
    {% endblock %}"""
    return HttpResponse(engines["django"].from_string(page).render({}, request))


def search(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "")
    groups = style._groups(style.timezone.now()) if text.startswith("st") else []
    if request.headers.get("HX-Request"):
        return render(request, "components/search-results.html", {"q": text, "groups": groups})
    return HttpResponse("<link rel=icon href=data:,><title>Results</title>results")


@login_not_required
def login(request: HttpRequest) -> HttpResponse:
    form = LoginForm({"username": "maya"} if "wrong" in request.GET else None)
    if "wrong" in request.GET:
        form.add_error(None, "no")
    demo = [{"role": "Store associate", "username": "sam", "password": "pw", "sees": "the counter"}]
    return render(request, "console/login.html", {"form": form, "demo_logins": demo})


names = [
    path("", home, name="home"), path("style/", style.page, name="style"), path("search/", search, name="search"),
    path("login/", login, name="login"), path("logout/", home, name="logout"),
    path("counter/", counter, name="counter"),
]  # fmt: skip
names += [path(f"{place.name}/", home, name=place.name) for place in PLACES if place.name not in ("home", "counter")]
urlpatterns = [path("", include((names, "console")))]


@pytest.fixture
def desk(page: Page, live_server, client, complaints: list[str]) -> Iterator[Page]:
    """A page of a signed-in agent, `desk.goto(path)` away."""
    user = get_user_model().objects.create_user("maya", first_name="Maya", last_name="Okafor")
    StaffMember.objects.create(user=user, role=Role.AGENT)
    client.force_login(user)
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    received.clear()
    yield page
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
class TestAxe:
    def test_style_page(self, desk, live_server, scheme, width, tmp_path):
        desk.set_viewport_size({"width": width, "height": 900})
        desk.emulate_media(color_scheme=scheme)
        desk.goto(f"{live_server.url}/style/")

        assert violations(desk) == []
        assert desk.evaluate("document.documentElement.scrollWidth <= innerWidth")
        folder = os.environ.get("OMS_SCREENSHOTS", str(tmp_path))
        desk.screenshot(path=f"{folder}/style-{width}-{scheme}.png", full_page=True)

    @pytest.mark.parametrize("query", ["", "?wrong=1"])
    def test_login(self, page, live_server, scheme, width, query, complaints):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.goto(f"{live_server.url}/login/{query}")

        assert violations(page) == []
        assert complaints == []


class TestTheOneBox:
    def test_finds_as_one_types_and_opens_with_the_keys(self, desk, live_server):
        desk.goto(f"{live_server.url}/")
        desk.keyboard.press("/")
        desk.keyboard.type("sterling")
        expect(desk.get_by_role("option")).to_have_count(4)
        assert violations(desk) == []

        desk.keyboard.press("ArrowDown")
        desk.keyboard.press("ArrowDown")
        chosen = desk.locator("[role=option][aria-selected=true]")
        expect(chosen).to_contain_text("Stirling")
        expect(desk.get_by_role("combobox")).to_have_attribute("aria-activedescendant", chosen.get_attribute("id"))
        desk.keyboard.press("Enter")
        expect(desk).to_have_url(f"{live_server.url}/#find")

    def test_enter_without_a_choice_asks_the_search_page(self, desk, live_server):
        desk.goto(f"{live_server.url}/")
        desk.keyboard.press("Control+k")
        desk.keyboard.type("xq")
        desk.keyboard.press("Enter")

        expect(desk).to_have_title("Results")

    def test_offers_what_was_opened_lately_until_logout(self, desk, live_server):
        desk.goto(f"{live_server.url}/")
        desk.keyboard.press("/")
        expect(desk.get_by_role("option", name="Order 100423")).to_be_visible()

        desk.get_by_label("Your menu: Maya Okafor").click()
        desk.get_by_role("button", name="Log out").click()
        desk.goto(f"{live_server.url}/style/")
        desk.keyboard.press("/")
        expect(desk.get_by_role("combobox", name="Find anything")).to_be_focused()
        expect(desk.locator("#find-results").get_by_role("option")).to_have_count(0)


class TestShell:
    def test_theme_is_kept(self, desk, live_server):
        desk.emulate_media(color_scheme="light")
        desk.goto(f"{live_server.url}/")
        light = desk.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        desk.get_by_label("Your menu: Maya Okafor").click()
        desk.get_by_role("button", name="Dark").click()
        desk.reload()

        assert desk.evaluate("getComputedStyle(document.documentElement).backgroundColor") != light
        expect(desk.locator("[data-choose-theme=dark]")).to_have_attribute("aria-pressed", "true")

    def test_a_double_press_does_one_thing(self, desk, live_server):
        desk.goto(f"{live_server.url}/")
        desk.get_by_role("button", name="Refund").dblclick()
        expect(desk.get_by_text("done")).to_be_visible()

        assert received == ["form"]

    def test_confirmation_is_ours_and_no_means_no(self, desk, live_server):
        desk.goto(f"{live_server.url}/")
        desk.get_by_role("button", name="Cancel it").click()
        dialog = desk.get_by_role("dialog", name="Cancel order 100423?")
        expect(dialog).to_be_visible()
        dialog.get_by_role("button", name="Not now").click()
        desk.wait_for_timeout(200)
        assert received == []

        desk.get_by_role("button", name="Cancel it").click()
        with desk.expect_response(lambda answer: answer.request.method == "POST"):
            dialog.get_by_role("button", name="Cancel it").click()
        assert received == ["htmx"]

    def test_lost_connection_is_said_and_reading_is_repeated(self, desk, live_server, complaints):
        desk.goto(f"{live_server.url}/")
        desk.context.set_offline(True)
        desk.get_by_role("button", name="Read").click()
        expect(desk.get_by_text("No connection")).to_be_visible()

        desk.context.set_offline(False)
        expect(desk.locator("#answer")).to_contain_text("Sterling")
        expect(desk.get_by_text("No connection")).to_be_hidden()
        complaints.clear()  # the browser reports the failed request itself

    def test_rows_are_walked_by_keys(self, desk, live_server):
        desk.goto(f"{live_server.url}/style/")
        desk.keyboard.press("j")
        desk.keyboard.press("j")
        expect(desk.locator("[data-row]:focus")).to_have_text("100422")
        desk.keyboard.press("k")
        expect(desk.locator("[data-row]:focus")).to_have_text("100423")

    def test_question_mark_shows_the_keys(self, desk, live_server):
        desk.goto(f"{live_server.url}/")
        desk.keyboard.press("?")
        expect(desk.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        desk.keyboard.press("Escape")
        expect(desk.get_by_role("dialog")).to_have_count(0)

    def test_narrow_menu_opens_and_closes_by_key(self, desk, live_server):
        desk.set_viewport_size({"width": 390, "height": 844})
        desk.goto(f"{live_server.url}/")
        expect(desk.locator("#rail")).to_be_hidden()
        desk.get_by_role("button", name="Menu", exact=True).click()
        expect(desk.locator("#rail")).to_be_visible()
        desk.keyboard.press("Escape")
        expect(desk.locator("#rail")).to_be_hidden()

    def test_ended_session_leads_to_the_login_page_and_back(self, desk, live_server):
        desk.goto(f"{live_server.url}/")
        desk.context.clear_cookies()
        desk.get_by_role("button", name="Read").click()

        expect(desk).to_have_url(f"{live_server.url}/login/?next=%2F")

    def test_failed_request_is_said(self, desk, live_server, complaints):
        desk.goto(f"{live_server.url}/counter/")
        desk.get_by_role("button", name="Ask").click()

        expect(desk.get_by_role("status")).to_contain_text(["That did not work. Nothing was changed"])
        complaints.clear()  # the browser reports the failed request itself


class TestCounterParts:
    def test_scan_reaches_its_field_wherever_the_focus_is_and_makes_room_for_the_next(self, desk, live_server):
        desk.goto(f"{live_server.url}/counter/")
        field = desk.get_by_label("Scan")
        for code in ("5012345678900", "5012345678917"):
            field.blur()
            with desk.expect_response(lambda answer: answer.request.method == "POST"):
                desk.keyboard.type(code)
                desk.keyboard.press("Enter")
            expect(field).to_have_value("")
            expect(field).to_be_focused()

        assert received == ["5012345678900", "5012345678917"]

    def test_a_scanner_faster_than_the_answers_loses_nothing(self, desk, live_server):
        desk.goto(f"{live_server.url}/counter/")
        codes = [f"501234567890{n}" for n in range(5)]
        with desk.expect_response(lambda answer: codes[-1] in (answer.request.post_data or "")):
            for code in codes:
                desk.keyboard.type(code)
                desk.keyboard.press("Enter")

        assert received == codes
        expect(desk.get_by_label("Scan")).to_have_value("")

    def test_copies_the_number(self, desk, live_server):
        desk.context.grant_permissions(["clipboard-read", "clipboard-write"])
        desk.goto(f"{live_server.url}/counter/")
        desk.get_by_label("Copy the number").click()

        expect(desk.get_by_label("Copied")).to_be_visible()
        assert desk.evaluate("navigator.clipboard.readText()") == "100423"
