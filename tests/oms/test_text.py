"""Text from outside (M12 to M14): kept, cleaned or refused, and never the cause of a crash."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms import text

FAMILY = "👨‍👩‍👧"  # three people and two zero-width joiners


class TestFree:
    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            (None, ""),
            ("", ""),
            ("  Greg \t\r\n  Sterling\u00a0 ", "Greg Sterling"),
            (f"Ada {FAMILY}", f"Ada {FAMILY}"),
            ("Gre\u202eg Ste\u2066rling\u200b\ufeff", "Greg Sterling"),
            ("Gr\x00eg\x07 Ster\x9fling", "Gr eg Ster ling"),
            ("Ame\u0301lie", "Am\u00e9lie"),
            ("Ame\u200b\u0301lie", "Am\u00e9lie"),
            ("line\u2028break", "line break"),
            (12, "12"),
            ("株式会社", "株式会社"),
        ],
    )
    def test_keeps_what_can_be_read_and_drops_what_deceives(self, given, kept):
        assert text.free(given) == kept

    def test_is_cut_where_the_caller_says(self):
        assert text.free("x" * 4000) == "x" * 500
        assert text.free("Greg Sterling", most=5) == "Greg"

    @pytest.mark.parametrize("half", ["\ud800", "a\udfff", "\udc00\ud800"])
    def test_refuses_half_a_character(self, half):
        with pytest.raises(text.InvalidUnicode) as refused:
            text.free(half)

        assert refused.value.code == "invalid_unicode"
        refused.value.message.encode()

    @given(st.text(), st.integers(1, 40))
    def test_is_done_after_one_pass(self, anything, most):
        try:
            once = text.free(anything, most=most)
        except text.InvalidUnicode:
            return

        assert text.free(once, most=most) == once
        assert len(once) <= most
        assert unicodedata.is_normalized("NFC", once)
        assert not any(unicodedata.category(character) == "Cc" for character in once)


class TestIdentifier:
    @pytest.mark.parametrize("sku", ["T90", "00123", "T 90/b", "Größe-4", "ТАРА", "a" * 80, "e\u0301"])
    def test_is_returned_exactly(self, sku):
        assert text.identifier(sku, what="sku") == sku

    @pytest.mark.parametrize(
        "bad",
        ["", None, 12, True, " T90", "T90 ", "T90\n", "T\n90", "T\r90", "T\t90", "T\u00a090", "T\u202890",
         "T\x0090", "T\u200b90", "T\u202e90", "T\u00ad90", "a" * 81],
    )  # fmt: skip
    def test_is_never_repaired(self, bad):
        with pytest.raises(text.BadIdentifier) as refused:
            text.identifier(bad, what="sku")

        assert refused.value.code == "identifier_invalid"
        assert refused.value.facts["field"] == "sku"

    def test_half_a_character_has_a_code_of_its_own(self):
        with pytest.raises(text.InvalidUnicode):
            text.identifier("T\ud80090", what="sku")


class TestFold:
    @pytest.mark.parametrize(
        ("written", "folded"),
        [
            ("  Ámelie   O'Neill ", "amelie o'neill"),
            ("STRASSE", "strasse"),
            ("Straße", "strasse"),
            ("Łukasz Żółć", "lukasz zolc"),
            ("Bjørn Þór", "bjorn thor"),
            ("Æneas Ħđ", "aeneas hd"),
            ("ＧＲＥＧ", "greg"),
            ("Treadmill™", "treadmilltm"),
            ("№ 5", "no 5"),
        ],
    )
    def test_is_what_names_are_compared_in(self, written, folded):
        assert text.fold(written) == folded

    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def test_is_done_after_one_pass(self, anything):
        assert text.fold(text.fold(anything)) == text.fold(anything)
