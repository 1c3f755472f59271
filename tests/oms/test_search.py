"""Whatever a caller says leads to the record, exactly when it names one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms import db, search
from oms.models import SearchKey
from oms.search import K, Key

GREG, ADA, TREADMILL = ("order", 1), ("customer", 2), ("variant", 3)
KEYS = [
    Key(K.NUMBER, "100423", *GREG, channel="ebay"),
    Key(K.EXTERNAL, "14-58600-35777", *GREG, channel="ebay"),
    Key(K.EMAIL, "Greg.Sterling@Example.com", *GREG, channel="ebay"),
    Key(K.PHONE, "+1 610-555-0100", *GREG, channel="ebay"),
    Key(K.NAME, "Greg Sterling", *GREG, channel="ebay"),
    Key(K.POSTCODE, "SW1A 1AA", *GREG, channel="ebay"),
    Key(K.TRACKING, "1Z 999 AA1 01 2345 6784", *GREG, channel="ebay"),
    Key(K.NAME, "Ámelie Müller-Łoś", *ADA),
    Key(K.BUYER, "galaxy_shopper", *ADA),
    Key(K.LOYALTY, "L-0099", *ADA),
    Key(K.PHONE, "+44 20 7946 0958", *ADA),
    Key(K.EMAIL, "ada@relay.marketplace.example", *ADA),
    Key(K.SKU, "T90-blk", *TREADMILL),
    Key(K.GTIN, "00012345678905", *TREADMILL),
    Key(K.NAME, "Treadmill T90™ folding", *TREADMILL),
]


@pytest.fixture
def filled(db):
    search.index(KEYS)


def found(typed: str, channels: frozenset[str] | None = None) -> list[tuple[str, int]]:
    return [(hit.entity_kind, hit.entity_id) for hit in search.look_up(search.read(typed), channels=channels)]


def exact(typed: str, channels: frozenset[str] | None = None) -> list[tuple[str, int]]:
    hits = search.look_up(search.read(typed), channels=channels)
    return [(hit.entity_kind, hit.entity_id) for hit in hits if hit.exact]


@pytest.mark.usefixtures("filled")
class TestIdentifiers:
    @pytest.mark.parametrize(
        ("typed", "record"),
        [
            ("100423", GREG),
            (" 100423 ", GREG),
            ("#100423", GREG),
            ("14-58600-35777", GREG),
            ("greg.sterling@example.com", GREG),
            ("GREG.STERLING@EXAMPLE.COM", GREG),
            ("Greg Sterling <greg.sterling@example.com>", GREG),
            ("mailto:greg.sterling@example.com", GREG),
            ("1Z999AA10123456784", GREG),
            ("1z 999 aa1 01 2345 6784", GREG),
            ("SW1A1AA", GREG),
            ("sw1a 1aa", GREG),
            ("Galaxy_Shopper", ADA),
            ("l-0099", ADA),
            ("T90-BLK", TREADMILL),
            ("t90-blk", TREADMILL),
            ("00012345678905", TREADMILL),
            ("012345678905", TREADMILL),
            ("0 12345 67890 5", TREADMILL),
            ("0-12345-67890-5", TREADMILL),
        ],
    )
    def test_are_found_however_they_are_written(self, typed, record):
        assert exact(typed) == [record]

    @pytest.mark.parametrize(
        "typed",
        [
            "+1 610 555 0100", "+16105550100", "6105550100", "610-555-0100", "(610) 555-0100", "1 (610) 555 0100",
            "610.555.0100", "610/555-0100", "001 610 555 0100", "+1 610 555 0100 x12", "(610) 555-0100 ext. 12",
            "tel:+1-610-555-0100", "tel 610 555 0100", "６１０５５５０１００", "+1\u00a0610\u2011555\u20110100",
        ],
    )  # fmt: skip
    def test_phones_are_found_in_any_format(self, typed):
        assert found(typed) == [GREG]

    @pytest.mark.parametrize(
        "typed",
        ["+44 20 7946 0958", "+44 (0)20 7946 0958", "0044 20 7946 0958", "011 44 20 7946 0958", "020 7946 0958",
         "(020) 7946-0958", "7946 0958", "0958"],
    )  # fmt: skip
    def test_phones_of_other_countries_are_found_as_their_people_say_them(self, typed):
        assert found(typed) == [ADA]

    @pytest.mark.parametrize(
        ("typed", "record"),
        [("1004", GREG), ("14-586", GREG), ("t90-", TREADMILL), ("1z999", GREG), ("555 0100", GREG),
         ("greg.sterling@", GREG), ("greg.sterling@exam", GREG), ("greg.st@", None)],
    )  # fmt: skip
    def test_are_found_by_their_beginning_or_a_phone_by_its_end(self, typed, record):
        assert found(typed) == ([record] if record else [])

    @pytest.mark.parametrize("typed", ["999999", "nobody@example.com", "+1 610 555 0199", "99999", "B00NONE"])
    def test_that_nobody_has_find_nothing(self, typed):
        assert found(typed) == []

    @pytest.mark.parametrize(
        "typed", ["%", "____", "%%%%", "100_23", "1004%", "T90\\-blk", "\\", "_ala%", "1%", "%@%", "%9%%"]
    )
    def test_wildcards_are_letters(self, typed):
        assert found(typed) == []


@pytest.mark.usefixtures("filled")
class TestNames:
    @pytest.mark.parametrize(
        "typed",
        ["Greg Sterling", "greg sterling", "Sterling", "GREG", "Sterling, Greg", "Greg Sterlin", "Greg Stirling",
         "Gregg Sterling", "stirling", "sterlng", "ster", "Mr Greg Sterling"],
    )  # fmt: skip
    def test_are_found_also_misspelt(self, typed):
        assert GREG in found(typed)
        assert GREG not in exact(typed)

    @pytest.mark.parametrize("typed", ["Amelie", "amélie muller", "MÜLLER", "Mueller Łoś", "loś", "łoś"])
    def test_are_found_without_their_accents(self, typed):
        assert ADA in found(typed)

    @pytest.mark.parametrize("typed", ["treadmill t90", "T90 treadmill", "tredmill", "treadmill t90™"])
    def test_of_products_too(self, typed):
        assert TREADMILL in found(typed)

    @pytest.mark.parametrize("typed", ["Zbigniew", "Abcde", "Kowalski"])
    def test_that_nobody_bears_find_nothing(self, typed):
        assert found(typed) == []

    @pytest.mark.parametrize(("typed", "name"), [("A-000014116", ""), ("Sterling 19601", "sterling"), ("T90", "t90")])
    def test_have_no_codes_in_them(self, typed, name):
        """A code would be compared with every name there is."""
        assert search.read(typed).name == name

    @pytest.mark.parametrize("typed", ["a", "gr", "é", "x1"])
    def test_of_two_letters_are_too_little_to_go_by(self, typed):
        assert "three letters" in search.read(typed).hint
        assert search.read(typed).name == ""


PASTED = """Hello, this is about my order 14-58600-35777 (tracking 1Z999AA10123456784) which should have been here by
last Friday. Call me at (610) 555-0100 or write to greg.sterling@example.com. Thank you! The treadmill is a T90-BLK."""


@pytest.mark.usefixtures("filled")
class TestPasted:
    def test_text_leads_to_what_it_names(self):
        assert exact(PASTED) == [TREADMILL, GREG]

    @pytest.mark.parametrize(
        "part", ["14-58600-35777", "1Z999AA10123456784", "(610) 555-0100", "greg.sterling@example.com"]
    )
    def test_each_identifier_counts(self, part):
        assert exact("Please have a look at this one for me, would you be so kind: " + part) == [GREG]

    def test_text_without_an_identifier_says_so(self):
        reading = search.read("Please have a look at this one for me, would you be so kind and answer soon")

        assert (reading.exact, reading.hint) == ((), "No number, e-mail or phone was found in that text.")

    def test_a_wall_of_text_is_cut(self, django_assert_num_queries):
        wall = " ".join(f"ORD-{n:06}" for n in range(100_000))
        with django_assert_num_queries(1):
            assert found(wall) == []
        assert len(search.read(wall).exact) <= 60


@pytest.mark.usefixtures("filled")
class TestScope:
    def test_narrows_to_the_channels_somebody_reaches(self):
        for typed in ("100423", "1004", "0100", "Greg Sterling", PASTED):
            assert GREG in found(typed, frozenset({"ebay", "web"})), typed
            assert GREG not in found(typed, frozenset({"amazon"})), typed
            assert GREG not in found(typed, frozenset()), typed

    def test_does_not_hide_what_belongs_to_no_channel(self):
        assert found("T90-BLK", frozenset()) == [TREADMILL]

    def test_narrows_before_the_limit_cuts(self):
        search.index(Key(K.NAME, "Greg Sterling", "order", 100 + n, channel="amazon") for n in range(70))

        assert found("Greg Sterling", frozenset({"ebay"})) == [GREG]


@pytest.mark.usefixtures("filled")
class TestLookUp:
    @pytest.mark.parametrize("typed", ["100423", "Greg Sterling", "0100", "greg.sterling@example.com", PASTED, "", "%"])
    def test_is_one_statement(self, typed, django_assert_num_queries):
        with django_assert_num_queries(1):
            found(typed)

    def test_puts_exact_hits_first_and_the_newest_first_among_equals(self):
        search.index([Key(K.NUMBER, "1004231", "order", 7), Key(K.NUMBER, "1004232", "order", 9)])
        search.index([Key(K.EXTERNAL, "100423", "order", 5), Key(K.EXTERNAL, "100423", "order", 6)])

        assert found("100423") == [("order", 6), ("order", 5), GREG, ("order", 9), ("order", 7)]

    def test_names_each_record_once_and_says_why_it_matched(self):
        search.index([Key(K.EXTERNAL, "100423", *GREG, channel="ebay")])

        (hit,) = search.look_up(search.read("100423"), channels=None)

        assert (hit.kind in {K.NUMBER, K.EXTERNAL}, hit.value, hit.exact) == (True, "100423", True)

    def test_gives_no_more_than_asked_for(self):
        search.index(Key(K.NAME, "John Smith", "customer", 1000 + n) for n in range(300))

        hits = search.look_up(search.read("John Smith"), channels=None, limit=20)

        assert [hit.entity_id for hit in hits] == list(range(1299, 1279, -1))

    @settings(max_examples=60)
    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=90))
    def test_survives_whatever_is_typed(self, typed):
        search.look_up(search.read(typed), channels=None)


@pytest.mark.django_db
class TestIndex:
    def test_is_one_statement_and_safe_to_repeat(self, django_assert_num_queries):
        with django_assert_num_queries(1):
            search.index(KEYS * 3)
        search.index(KEYS)

        assert SearchKey.objects.count() == len(KEYS)

    def test_leaves_out_what_says_nothing(self, django_assert_num_queries):
        with django_assert_num_queries(0):
            search.index(Key(kind, value, *GREG) for kind in K.values for value in ("", "  ", "\u200b\u202e"))
            search.index([])

    @settings(max_examples=60)
    @given(st.sampled_from(K.values), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300))
    def test_finds_again_whatever_it_was_given(self, kind, value):
        search.index([Key(kind, value, "order", 77)])
        stored = search.normalise(kind, value)

        assert db.fetch("SELECT value FROM oms_searchkey WHERE kind = %s", [kind]) == ([(stored,)] if stored else [])
        SearchKey.objects.all().delete()
