"""Money: integers that survive every journey, and shares that add up to the whole."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from oms import money

# Digits after the point as ISO 4217 has them.
DIGITS = {"GBP": 2, "EUR": 2, "USD": 2, "SEK": 2, "JPY": 0, "KRW": 0, "KWD": 3, "TND": 3}
currencies = st.sampled_from(sorted(DIGITS))
amounts = st.integers(-(10**12), 10**12)


class TestCurrency:
    @pytest.mark.parametrize("code", ["GBP", "EUR", "USD", "JPY", "KWD", "INR", "PLN"])
    def test_in_use(self, code):
        assert money.check_currency(code) == code

    @pytest.mark.parametrize(
        "code", ["XXX", "XTS", "XAU", "HRK", "DEM", "gbp", "GB", "GBP ", "£", "", None, 826, "USN", "USD\x00", "\ud800"]
    )
    def test_not_in_use(self, code):
        with pytest.raises(money.UnknownCurrency) as refused:
            money.check_currency(code)

        assert refused.value.code == "currency_unknown"

    @pytest.mark.parametrize(("code", "digits"), DIGITS.items())
    def test_has_the_digits_of_the_standard(self, code, digits):
        assert money.exponent(code) == digits


class TestParse:
    @pytest.mark.parametrize(
        ("amount", "currency", "minor"),
        [
            ("19.98", "GBP", 1998),
            ("19.9", "GBP", 1990),
            ("19", "GBP", 1900),
            ("-0.01", "GBP", -1),
            ("-0", "GBP", 0),
            ("0019.98", "GBP", 1998),
            ("19.9800", "GBP", 1998),
            ("1200", "JPY", 1200),
            ("1200.00", "JPY", 1200),
            ("1.234", "KWD", 1234),
        ],
    )
    def test_gives_minor_units(self, amount, currency, minor):
        assert money.parse(amount, currency) == minor

    @pytest.mark.parametrize(
        ("amount", "currency"),
        [
            *(
                (bad, "GBP")
                for bad in ["1.234,56", "1,234.56", "1e3", "١٢", "１２", " 10 ", "10\n", "+10", "10.", ".5"]
            ),
            *(
                (bad, "GBP")
                for bad in ["", "-", "NaN", "Infinity", "1e400", "0x10", "1_000", "1.00000", "£5", "\ud800"]
            ),
            *((bad, "GBP") for bad in [10, 10.5, True, None, Decimal(10), ["10"], "1" * 14, "1" * 5000]),
            ("19.985", "GBP"),
            ("0.5", "JPY"),
            ("1.2345", "KWD"),
        ],
    )
    def test_guesses_nothing(self, amount, currency):
        with pytest.raises(money.BadAmount) as refused:
            money.parse(amount, currency)

        assert refused.value.code == "bad_amount"
        assert len(refused.value.message.encode()) < 250

    def test_needs_a_currency(self):
        with pytest.raises(money.UnknownCurrency):
            money.parse("10", "XXX")

    @given(amounts, currencies)
    def test_reads_back_what_was_written(self, minor, currency):
        written = money.to_decimal(minor, currency)

        assert money.parse(written, currency) == minor
        assert Decimal(written) * 10 ** DIGITS[currency] == minor
        assert len(written.partition(".")[2]) == DIGITS[currency]


class TestShow:
    @pytest.mark.parametrize(
        ("minor", "currency", "shown"),
        [(1998, "GBP", "£19.98"), (-1998, "GBP", "-£19.98"), (1200, "JPY", "JP¥1,200"), (1234567, "GBP", "£12,345.67")],
    )
    def test_is_what_people_read(self, minor, currency, shown):
        assert money.show(minor, currency) == shown


class TestShare:
    @pytest.mark.parametrize(
        ("total", "weights", "parts"),
        [
            (100, [1, 1, 1], [34, 33, 33]),
            (-100, [1, 1, 1], [-34, -33, -33]),
            (100, [0, 0], [100, 0]),
            (0, [3, 4], [0, 0]),
            (1, [1, 1000], [0, 1]),
            (5, [], []),
            (10, [0, 5, 0], [0, 10, 0]),
        ],
    )
    def test_leaves_no_remainder(self, total, weights, parts):
        assert money.share(total, weights) == parts

    @given(amounts, st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
    def test_adds_up_and_is_fair(self, total, weights):
        parts = money.share(total, weights)

        assert sum(parts) == total
        assume(sum(weights))
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part - Decimal(total) * weight / sum(weights)) < 1
            assert part * total >= 0
