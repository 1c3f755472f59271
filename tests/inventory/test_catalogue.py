import pytest
from django.db import IntegrityError
from hypothesis import given
from hypothesis import strategies as st

from inventory import catalogue
from inventory.catalogue import Article, BadGtin
from inventory.models import Product, Variant
from oms import db, search
from tests import factories
from tests.inventory.shelves import no_deadlocks
from tests.oms.threads import Step, together, wait_until_blocked

# Real barcodes: a GTIN-8, a UPC, an EAN and a case code.
GOOD = {
    "96385074": "00000096385074",
    "036000291452": "00036000291452",
    "4006381333931": "04006381333931",
    "10614141000415": "10614141000415",
}
MISTYPED = ["96385075", "036000291453", "4006381333932", "10614141000416"]
NONE_AT_ALL = ["", "1234567", "123456789", "1234567890", "400638133393X", "９６３８５０７４", "1.0e13", "9638507\x00"]


class TestNormaliseGtin:
    @pytest.mark.parametrize(("code", "fourteen"), GOOD.items())
    def test_takes_8_12_13_and_14_digits(self, code, fourteen):
        assert catalogue.normalise_gtin(code) == fourteen

    def test_forgives_blanks_and_hyphens(self):
        assert catalogue.normalise_gtin(" 0-36000-29145 2 ") == "00036000291452"

    @pytest.mark.parametrize("code", MISTYPED)
    def test_says_that_a_digit_was_mistyped(self, code):
        with pytest.raises(BadGtin, match="mistyped"):
            catalogue.normalise_gtin(code)

    @pytest.mark.parametrize("code", NONE_AT_ALL)
    def test_refuses_what_is_no_barcode(self, code):
        with pytest.raises(BadGtin, match="8, 12, 13 or 14 digits"):
            catalogue.normalise_gtin(code)

    def test_refuses_nothing_but_zeros(self):
        with pytest.raises(BadGtin):
            catalogue.normalise_gtin("00000000000000")

    @given(st.from_regex(r"[0-9]{13}", fullmatch=True).filter(int), st.integers(1, 9))
    def test_notices_any_wrong_check_digit(self, digits, off):
        check = -sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits)) % 10

        assert catalogue.normalise_gtin(f"{digits}{check}") == f"{digits}{check}"
        with pytest.raises(BadGtin):
            catalogue.normalise_gtin(f"{digits}{(check + off) % 10}")


@pytest.mark.django_db
class TestGtinInTheDatabase:
    """The same rule where no code can get past it."""

    def test_agrees_on_every_check_digit(self):
        codes = [f"{body}{last}" for body in ("0000009638507", "0400638133393", "1061414100041") for last in range(10)]

        rows = db.fetch("SELECT code, gtin_is_valid(code) FROM unnest(%s::text[]) AS code", [codes])

        assert {code for code, valid in rows if valid} == {"00000096385074", "04006381333931", "10614141000415"}

    @pytest.mark.parametrize(
        "code", ["", "96385074", "00000000000000", "0000009638507x", "０0000096385074", " 000009638507"]
    )
    def test_knows_only_fourteen_digits(self, code):
        assert db.fetch("SELECT gtin_is_valid(%s)", [code]) == [(False,)]

    def test_refuses_a_barcode_that_would_not_scan(self):
        product = Product.objects.create(code="P", title="Treadmill")

        with pytest.raises(IntegrityError, match="a_gtin_passes_its_check_digit"):
            Variant.objects.create(product=product, sku="T90", gtin="00036000291453")


@pytest.mark.django_db
class TestAdd:
    def test_takes_in_articles_and_makes_them_findable(self):
        ids = catalogue.add(articles=[Article(sku="T90", title="Treadmill T90", gtin="036000291452")])

        variant = Variant.objects.get(pk=ids["T90"])
        assert (variant.sku, variant.gtin, variant.title) == ("T90", "00036000291452", "Treadmill T90")
        for said in ("t90", "036000291452", "treadmill"):
            (hit,) = search.look_up(search.read(said), channels=None)
            assert (hit.entity_kind, hit.entity_id) == ("variant", variant.pk)

    def test_updates_what_is_known(self):
        first = catalogue.add(articles=[Article(sku="T90", title="Treadmil", gtin="036000291452")])
        again = catalogue.add(articles=[Article(sku="T90", title="Treadmill", brand="Sole", gtin="036000291452")])

        assert first == again
        assert Product.objects.get().brand == "Sole"

    def test_takes_the_last_of_two_articles_of_one_sku(self):
        catalogue.add(articles=[Article(sku="T90", title="Treadmil"), Article(sku="T90", title="Treadmill")])

        assert Product.objects.get().title == "Treadmill"

    def test_refuses_a_bad_barcode_before_anything_is_written(self):
        with pytest.raises(BadGtin):
            catalogue.add(articles=[Article(sku="A", title="A"), Article(sku="B", title="B", gtin="036000291453")])

        assert not Product.objects.exists()

    def test_says_whose_barcode_it_is_when_another_sku_has_it(self):
        factories.variant("T90", gtin="036000291452")

        with pytest.raises(catalogue.GtinTaken) as refusal:
            catalogue.add(articles=[Article(sku="T91", title="Other", gtin="036000291452")])

        assert refusal.value.facts == {"gtin": "00036000291452", "skus": ["T90", "T91"]}

    def test_says_which_articles_share_a_barcode(self):
        articles = [Article(sku=sku, title=sku, gtin="036000291452") for sku in ("B", "A")]

        with pytest.raises(catalogue.GtinTaken) as refusal:
            catalogue.add(articles=articles)

        assert refusal.value.facts["skus"] == ["A", "B"]

    def test_costs_as_many_statements_for_fifty_as_for_two(self, django_assert_max_num_queries):
        articles = [Article(sku=f"S{n}", title=f"Thing {n}") for n in range(50)]

        with django_assert_max_num_queries(9):
            catalogue.add(articles=articles)


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def test_take_in_the_same_articles_in_any_order(self):
        """A third one holds the article in the middle until both have come so far."""
        first, middle, last = (Article(sku=sku, title=sku) for sku in "ABC")
        is_written = Step()

        @db.transaction
        def write_the_middle() -> None:
            Product.objects.create(code="B", title="B")
            is_written.reached()
            wait_until_blocked(2)

        def take_in(*articles: Article) -> dict[str, int]:
            is_written.wait()
            return catalogue.add(articles=articles)

        with no_deadlocks():
            _, one, other = together(
                [write_the_middle, lambda: take_in(first, middle, last), lambda: take_in(last, middle, first)]
            )

        assert one == other
        assert Variant.objects.count() == 3
