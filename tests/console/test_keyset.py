"""Keyset pages walk every row once, in any order, both ways, and take no cursor but their own."""

from datetime import timedelta

import pytest
from django.core import signing
from django.db.models import Count
from django.http import QueryDict

from console import keyset
from inventory.models import Variant
from oms.models import AuditEntry
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def entries():
    """Seven entries of which several happened at one moment."""
    for place in range(7):
        AuditEntry.objects.create(
            happened_at=factories.NOW - timedelta(seconds=place // 3, microseconds=place // 3), actor="tests",
            action="a" if place % 2 else "b", object_kind="x", object_id=str(place),
        )  # fmt: skip
    return AuditEntry.objects.all()


def ask(found, by, query="", *, size=2, name="entries"):
    return keyset.page(found, by=by, size=size, asked=QueryDict(query), name=name)


@pytest.mark.parametrize(
    "by",
    [
        ("-happened_at", "-pk"),
        ("happened_at", "-pk"),
        ("-happened_at", "pk"),
        ("action", "-happened_at", "pk"),
        ("pk",),
    ],
)
class TestOrders:
    def test_shows_every_row_once_and_in_order(self, entries, by):
        seen, query = [], ""
        while True:
            page = ask(entries, by, query)
            seen += page.rows
            if not (query := page.older):
                break

        assert seen == list(entries.order_by(*by))

    def test_goes_back_the_way_it_came(self, entries, by):
        pages, query = [], ""
        while True:
            pages.append(page := ask(entries, by, query))
            if not (query := page.older):
                break
        back = [page.rows]
        while page.newer:
            page = ask(entries, by, page.newer)
            back.append(page.rows)

        assert back[::-1] == [page.rows for page in pages]
        assert page.newer == ""


class TestPage:
    BY = ("-happened_at", "-pk")

    def test_takes_groups_as_well_as_rows(self, entries):
        groups = entries.values("action").annotate(number=Count("pk"))

        first = ask(groups, ("-number", "action"), size=1)
        second = ask(groups, ("-number", "action"), first.older, size=1)

        assert (first.rows, second.rows) == ([{"action": "b", "number": 4}], [{"action": "a", "number": 3}])
        assert second.older == ""

    def test_keeps_what_else_was_asked(self, entries):
        older = ask(entries, self.BY, "q=x&q=y&before=nonsense").older

        assert older.startswith("q=x&q=y&after=")
        assert "before" not in older

    @pytest.mark.parametrize("cursor", ["nonsense", "a:b:c", "", "%FF"])
    def test_starts_from_the_top_for_a_cursor_that_is_not_ours(self, entries, cursor):
        first = ask(entries, self.BY)

        assert ask(entries, self.BY, f"after={cursor}").rows == first.rows
        assert ask(entries, self.BY, f"before={cursor}").rows == first.rows

    def test_takes_no_cursor_of_another_list_order_or_length(self, entries):
        first = ask(entries, self.BY)
        short = signing.dumps([1], salt="page:entries:-happened_at,-pk")

        assert ask(entries, self.BY, first.older, name="others").rows == first.rows
        assert ask(entries, ("-pk",), first.older).rows == ask(entries, ("-pk",)).rows
        assert ask(entries, self.BY, f"after={short}").rows == first.rows

    def test_shows_the_first_page_when_nothing_is_left_before(self, entries):
        last = ask(entries, ("pk",), size=6)
        before = ask(entries, ("pk",), last.older, size=6).newer
        gone = Variant.objects.none()

        assert ask(entries.filter(pk__gt=last.rows[-1].pk), ("pk",), before, size=6).rows == [entries.latest("pk")]
        assert ask(gone, ("sku",)).rows == []


def test_a_query_leaves_out_what_is_empty():
    assert keyset.query(q="a&b", sort="", view="x") == "q=a%26b&view=x"
