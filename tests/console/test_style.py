"""The look: what every part promises whatever a screen puts into it."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import include, path
from django.utils import timezone

from console import style, vocabulary
from console.context import PLACES
from console.templatetags import parts, show
from oms.models import Role, StaffMember

PROJECT = Path(__file__).resolve().parents[2]
STATIC = PROJECT / "console/static/console"
PAGES = PROJECT / "templates/console"
NOW = datetime(2026, 11, 4, 10, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)>{{ 7|add:7 }}\"'"


def blank(request: HttpRequest) -> HttpResponse:
    return render(request, "console/base.html")


# The frame links to these names; their screens are tested elsewhere.
places = [place.name for place in PLACES if place.name != "home"]
names = [path(f"{name}/", blank, name=name) for name in ("search", "login", "logout", *places)]
names += [path("", blank, name="home"), path("style/", style.page, name="style")]
urlpatterns = [path("", include((names, "console")))]


@pytest.fixture
def staff(client, db):
    user = get_user_model().objects.create_user("maya", first_name="Maya", last_name="Okafor")
    StaffMember.objects.create(user=user, role=Role.AGENT)
    client.force_login(user)
    return client


class Markup(HTMLParser):
    """Everything a strict content policy would refuse, and ids that are not unique."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.refused: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "style" or (tag == "script" and not given.get("src")) or "style" in given:
            self.refused.append(self.get_starttag_text())
        self.refused += [name for name in given if name.startswith("on")]


@pytest.mark.urls(__name__)
class TestStylePage:
    def test_shows_every_component(self, staff):
        answer = staff.get("/style/")

        shown = {template.name for template in answer.templates if template.name}
        ours = {f"components/{file.name}" for file in (PROJECT / "templates/components").glob("*.html")}
        assert ours
        assert ours - shown == set()

    def test_shows_every_state_we_have_a_word_for(self, staff):
        page = staff.get("/style/").content.decode()

        assert [word for word, _ in vocabulary.STATUSES.values() if word not in page] == []

    def test_lives_under_the_strict_content_policy(self, staff):
        markup = Markup(staff.get("/style/").content.decode())

        assert markup.refused == []
        assert sorted({name for name in markup.ids if markup.ids.count(name) > 1}) == []

    def test_is_for_staff_only(self, client, db):
        assert client.get("/style/").status_code == 302

    def test_sorting_keeps_the_filters_and_starts_paging_anew(self, staff):
        page = staff.get("/style/?status=open&sort=total&after=100").content.decode()

        assert "?status=open&amp;sort=-total" in page
        assert 'aria-sort="ascending"' in page


def linked(page: str | Path) -> set[str]:
    """The style sheets a template links, below the static folder."""
    return set(re.findall(r"console/(css/[\w/-]+\.css)", (PAGES / page).read_text()))


@pytest.mark.urls(__name__)
class TestBudgets:
    def test_an_empty_page_is_small(self, staff):
        assert len(staff.get("/").content) < 15_000

    def test_styles_are_small_on_every_page(self):
        frame = linked("_head.html") | linked("base.html")
        for page in PAGES.rglob("*.html"):
            styles = frame | linked(page)
            assert 0 < sum((STATIC / style).stat().st_size for style in styles) < 60_000, page

    def test_scripts_are_small(self):
        assert 0 < sum(file.stat().st_size for file in STATIC.glob("js/*.js")) < 25_000

    def test_every_style_sheet_is_linked_and_lies_in_a_layer(self):
        used = {style for page in PAGES.rglob("*.html") for style in linked(page)}
        for file in STATIC.glob("css/**/*.css"):
            assert str(file.relative_to(STATIC)) in used, file
            assert "@layer" in file.read_text(), file


class TestErrorPages:
    @pytest.mark.parametrize("page", ["403", "404", "429", "500"])
    def test_stand_without_request_user_or_database(self, page):
        html = render_to_string(f"{page}.html")

        assert page in html
        assert Markup(html).refused == []

    def test_a_refusal_is_said_in_its_own_words(self):
        refusal = {"code": "shipped", "message": f"The parcel has left. {HOSTILE}"}

        html = render_to_string("refused.html", {"refusal": refusal})

        assert "The parcel has left." in html
        assert "img" not in Markup(html).tags


@pytest.mark.urls(__name__)
class TestLogin:
    def test_offers_demo_logins_only_when_given(self, rf):
        request = rf.get("/login/")
        login = {"role": "Store associate", "username": "sam", "password": "pw-1", "sees": "the counter"}

        assert "pw-1" in render_to_string("console/login.html", {"demo_logins": [login]}, request)
        assert "demo" not in render_to_string("console/login.html", {}, request).lower()

    def test_says_how_long_it_is_locked(self, rf):
        html = render_to_string("console/login.html", {"cooloff_timedelta": timedelta(minutes=15)}, rf.get("/login/"))

        assert "15 minutes" in html


class TestHostileText:
    """Whatever the outside world calls itself, it stays text."""

    @pytest.mark.parametrize(
        ("template", "context"),
        [
            ("page-header", {"title": HOSTILE, "story": HOSTILE, "copy": HOSTILE, "above": [{"label": HOSTILE}]}),
            ("timeline", {"entries": [{"at": NOW, "text": HOSTILE, "actor": HOSTILE, "icon": HOSTILE}]}),
            ("search-results", {"q": HOSTILE, "groups": []}),
            ("search-results", {"groups": [{"label": HOSTILE, "items": [{"title": HOSTILE, "status": HOSTILE}]}]}),
            ("data-list", {"items": [{"label": HOSTILE, "value": HOSTILE, "copies": HOSTILE}]}),
            ("toast", {"tone": "error", "text": HOSTILE}),
            ("person", {"name": HOSTILE}),
            ("why", {"caption": HOSTILE, "terms": [{"label": HOSTILE, "amount": 1, "note": HOSTILE}], "total": 1}),
            ("actions", {"now": [{"label": HOSTILE}], "never": [{"label": HOSTILE, "reason": HOSTILE}]}),
            ("filter-bar", {"q": HOSTILE, "q_label": HOSTILE, "chips": [{"label": HOSTILE}]}),
        ],
    )  # fmt: skip
    def test_is_escaped(self, template, context):
        html = render_to_string(f"components/{template}.html", context)

        assert "onerror" in html  # it was shown, not dropped
        assert "img" not in Markup(html).tags
        assert Markup(html).refused == []
        assert "{{ 7|add:7 }}" in html

    def test_is_escaped_in_badges_and_bars(self):
        for html in (parts.status(HOSTILE), parts.buckets({HOSTILE: 2}), parts.sparkline([1, 2], label=HOSTILE)):
            assert "img" not in Markup(html).tags


class TestBuckets:
    def test_bar_adds_up_to_the_whole_line_in_the_order_of_the_journey(self):
        segments = parts._segments({"shipped": 1, "reserved": 2, "backordered": 1, "picked": 0})

        assert [segment["word"] for segment in segments] == ["backordered", "reserved", "shipped"]
        assert [segment["x"] for segment in segments] == ["0.00", "25.00", "75.00"]
        assert sum(float(segment["width"]) for segment in segments) == 100

    def test_words_say_what_the_bar_shows(self):
        bar = parts.buckets({"reserved": 2, "backordered": 1}, legend=False)

        assert 'aria-label="1 backordered, 2 reserved"' in bar

    def test_unknown_bucket_is_named_as_it_is_spelt(self):
        assert "held for call" in parts.buckets({"held_for_call": 1})

    def test_no_units_is_said(self):
        assert "no units" in parts.buckets({})


class TestShow:
    @pytest.mark.parametrize(
        ("minor", "currency", "text"),
        [
            (89900, "GBP", "£899.00"),
            (4500, "JPY", "JP¥4,500"),
            (-250, "EUR", f"{show.MINUS}€2.50"),
            (None, "GBP", show.DASH),
            (1, "", show.DASH),
        ],
    )
    def test_money(self, minor, currency, text):
        assert show.money(minor, currency) == text

    @pytest.mark.parametrize(
        ("text", "shown"),
        [("greg@example.com", "g•••@e•••.com"), ("+442079460958", "••• 958"), ("12345", "•••"), ("", show.DASH)],
    )
    def test_masked_hides_what_could_be_used(self, text, shown):
        assert show.masked(text) == shown

    @pytest.mark.parametrize(
        ("name", "letters"),
        [("Greg Sterling", "GS"), ("Sterling, Greg", "SG"), ("Cher", "C"), ("נועה לוי", "נל"), ("", "?"), ("<b>", "?")],
    )
    def test_initials(self, name, letters):
        assert show.initials(name) == letters

    @pytest.mark.parametrize(
        ("age", "text"),
        [
            (timedelta(seconds=5), "just now"),
            (timedelta(minutes=12), "12 min ago"),
            (timedelta(hours=5), "5 h ago"),
            (timedelta(minutes=-30), "in 30 min"),
            (timedelta(days=2), "2 Nov 10:00"),
            (timedelta(days=500), "22 Jun 2025"),
        ],
    )
    def test_when_is_relative_under_a_day(self, time_machine, age, text):
        time_machine.move_to(NOW, tick=False)

        assert f">{text}</time>" in show.when(NOW - age)

    def test_when_gives_the_exact_time_with_its_zone_on_hover(self):
        moment = datetime(2026, 7, 3, 13, 2, 10, tzinfo=UTC)

        with timezone.override("Europe/London"):
            html = show.when(moment)

        assert 'title="Friday 3 July 2026, 14:02:10 BST"' in html
        assert 'datetime="2026-07-03T13:02:10+00:00"' in html

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(45, "45 seconds"), (60, "1 minute"), (900, "15 minutes"), (7200, "2 hours"), (259200, "3 days")],
    )
    def test_span(self, seconds, text):
        assert show.span(timedelta(seconds=seconds)) == text

    @pytest.mark.parametrize(("number", "text"), [(1284, "+1,284"), (-19, f"{show.MINUS}19"), (0, "0")])
    def test_signed(self, number, text):
        assert show.signed(number) == text
