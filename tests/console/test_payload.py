"""A message as it came: nobody in it is shown to whom they are none of the business."""

import json

import pytest

from console import payload
from tests.channels.connectors.payloads import ebay_order


class TestPayload:
    def test_a_field_nobody_has_heard_of_is_covered(self):
        raw = json.dumps(
            {"sku": "A", "shoeSize": "Greg Sterling", "deep": [{"nickname": ["Greg"]}], "n": 610555}
        ).encode()
        shown = payload.shown(raw, with_people=False)

        assert "Greg" not in shown
        assert "610555" not in shown
        assert '"sku": "A"' in shown
        assert '"shoeSize": •••' in shown

    def test_amounts_and_moments_are_open_where_they_are_such(self):
        told = {"value": "19.98", "amount": "Greg Sterling", "placed": "2026-10-02T09:14:27.000Z", "on": "2 October"}
        shown = payload.shown(json.dumps(told).encode(), with_people=False)

        assert "19.98" in shown
        assert "2026-10-02T09:14:27.000Z" in shown
        assert "Greg" not in shown
        assert "October" not in shown

    @pytest.mark.parametrize("name", ["paid", "people_gone", "shipping_partner", "pickup", "cancelled"])
    def test_of_a_whole_order_no_person_is_left(self, name):
        told = ebay_order(name)
        shown = payload.shown(json.dumps(told).encode(), with_people=False)

        def people(part, key=""):
            if isinstance(part, dict):
                for inner, held in part.items():
                    yield from people(held, inner)
            elif isinstance(part, list):
                for held in part:
                    yield from people(held, key)
            elif isinstance(part, str) and key in {
                "fullName",
                "email",
                "phoneNumber",
                "addressLine1",
                "username",
                "city",
            }:
                yield part

        found = set(people(told))
        assert {person for person in found if f'"{person}"' in shown} == set()

    def test_shows_a_key_twice_when_it_came_twice(self):
        assert payload.shown(b'{"sku": "A", "sku": "B"}', with_people=False).count('"sku"') == 2

    @pytest.mark.parametrize("raw", [b"\xff", b"Greg", b"[" * 100_000, b"{", b'{"name": "Greg"'])
    def test_what_cannot_be_read_is_shown_to_those_only_who_may_see_people(self, raw):
        assert payload.shown(raw, with_people=False) == ""
        assert payload.shown(raw, with_people=True) != ""

    def test_characters_that_steer_the_text_are_written_out(self):
        shown = payload.shown('{"sku": "a\u202eb\\u0000c\\ud800"}'.encode(), with_people=False)

        assert "\u202e" not in shown
        assert "\\u202e" in shown
        assert shown.replace("\n", "").isprintable()

    def test_a_huge_one_is_cut(self):
        assert len(payload.shown(json.dumps({"sku": "x" * 1_000_000}).encode(), with_people=True)) == payload.MOST
