"""Reads a channel's payload field by field, strictly: what is odd but harmless is repaired and named, the rest refused.

Pure. One `Reading` serves one order; its `warnings` tell which repairs were made.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from channels.connectors.base import Account
from oms import clock, money, text
from oms.errors import Refused
from orders.incoming import MOST_LINES, MOST_UNITS, BadOrder, Line


@contextmanager
def told_safely() -> Iterator[None]:
    """Refusals quote foreign values: make those fit for every store and screen, and short."""
    try:
        yield
    except Refused as refused:
        refused.message = _shown(refused.message)
        refused.facts = {name: _shown(fact) if isinstance(fact, str) else fact for name, fact in refused.facts.items()}
        refused.args = (refused.message,)
        raise


def _shown(words: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words[:200])


class Reading:
    def __init__(self, account: Account) -> None:
        self.account = account
        self._warnings: dict[str, None] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self._warnings)

    def warn(self, code: str) -> None:
        self._warnings[code] = None

    # shape

    def part(self, value: object, what: str) -> Mapping[str, Any]:
        """An object; missing and null are an empty one."""
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise BadOrder("shape_invalid", f"{what} should be an object.", field=what)
        return value

    def parts(self, value: object, what: str) -> Sequence[Mapping[str, Any]]:
        """A list of objects; missing and null are an empty one."""
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
            raise BadOrder("shape_invalid", f"{what} should be a list of objects.", field=what)
        return value

    def word(self, value: object, what: str) -> str:
        """A word of the channel's own vocabulary; missing and null are ""."""
        if value is None:
            return ""
        if not isinstance(value, str):
            raise BadOrder("shape_invalid", f"{what} should be text.", field=what)
        return value

    # text

    def text(self, value: object, what: str, *, most: int = 200) -> str:
        """Free text made safe to keep and print. Warns when more than blanks had to change."""
        if isinstance(value, bool) or not isinstance(value, str | int | None):
            raise BadOrder("shape_invalid", f"{what} should be text.", field=what)
        kept = text.free(value, most=most)
        if kept != " ".join(unicodedata.normalize("NFC", "" if value is None else str(value)).split()):
            self.warn("text_cleaned")
        return kept

    def identifier(self, value: object, *, what: str) -> str:
        """An identifier, never repaired. Raises oms.text.BadIdentifier."""
        return text.identifier(value, what=what)

    def email(self, value: object, what: str, *, relay_prefix: str) -> tuple[str, bool]:
        """Return the address and whether it only forwards. What no mail server could take is left out."""
        address = self.text(value, what, most=1000)
        local, at, domain = address.rpartition("@")
        if not address:
            return "", False
        if not at or not local or not domain or len(address) > 254 or " " in domain or "\n" in str(value):
            self.warn("email_invalid")
            return "", False
        return address, self._is_relay(domain.casefold(), relay_prefix)

    def _is_relay(self, domain: str, prefix: str) -> bool:
        named = (relay.casefold() for relay in self.account.relay_domains)
        return domain.startswith(prefix) or any(domain == relay or domain.endswith("." + relay) for relay in named)

    # time

    def moment(self, value: object, *, what: str) -> datetime:
        """A moment; without an offset it is a wall clock of the account's zone.

        Warns where that clock shows a time twice or never.
        """
        if value is None:
            raise BadOrder("timestamp_invalid", f"{what} is missing.", field=what)
        zone = ZoneInfo(self.account.zone)
        moment = clock.parse(value, zone=zone)
        if self._is_wall_clock(str(value)):
            wall = moment.astimezone(zone).replace(tzinfo=None)
            earlier, later = (wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
            if earlier != later or wall.strftime("%H:%M") != str(value)[11:16]:
                self.warn("time_ambiguous")
        return moment

    @staticmethod
    def _is_wall_clock(stamp: str) -> bool:
        return not stamp.endswith("Z") and "+" not in stamp and "-" not in stamp[11:]

    # numbers

    def units(self, value: object, *, what: str, least: int = 1) -> int:
        """A count of units, as a JSON integer. Text, fractions and what would not fit a column are refused."""
        if type(value) is not int or not least <= value <= MOST_UNITS:
            raise BadOrder(
                "quantity_invalid",
                f"{what} must be a whole number from {least} to {MOST_UNITS}.",
                field=what,
                quantity=str(value)[:40],
            )
        return value

    def signed(self, value: object, currency: object, *, what: str) -> int:
        """Minor units of the account's currency, of either sign."""
        if money.check_currency(currency) != self.account.currency:
            raise BadOrder(
                "currency_mismatch",
                f"{what} is in {currency}, but the channel sells in {self.account.currency}.",
                field=what,
                currency=str(currency),
                expected=self.account.currency,
            )
        return money.parse(value, self.account.currency)

    def price(self, value: object, currency: object, *, what: str) -> int:
        """Minor units of the account's currency, not below zero."""
        minor = self.signed(value, currency, what=what)
        if minor < 0:
            raise BadOrder("price_negative", f"{what} is below zero.", field=what, amount=minor)
        return minor

    def line_ids(self, ids: Sequence[str]) -> None:
        """Raises BadOrder when there is no line, too many of them, or one id twice."""
        if not ids:
            raise BadOrder("no_lines", "The order has no lines.")
        if len(ids) > MOST_LINES:
            raise BadOrder("too_large", f"The order has more than {MOST_LINES} lines.", lines=len(ids))
        if len(set(ids)) != len(ids):
            twice = next(one for place, one in enumerate(ids) if one in ids[:place])
            raise BadOrder("duplicate_line", f"The line id {twice} stands twice in the order.", line=twice)

    def not_for_nothing(self, lines: Sequence[Line]) -> None:
        """Raises BadOrder for a line whose price before discounts is zero, unless the account takes such orders."""
        if self.account.settings.get("zero_price") == "accept":
            return
        for line in lines:
            if line.unit_price == 0:
                raise BadOrder("price_zero", f"The line with SKU {line.sku} costs nothing.", sku=line.sku)

    def total(self, *, stated: int, expected: int, lines: int, lenient: bool = False) -> int:
        """Compare the channel's total with the sum of its parts, and return the one to go by.

        Up to one minor unit a line may be lost in the channel's rounding: then its total stands. More is refused,
        but `lenient` goes by the parts: of a cancelled order channels blank some amounts and leave others.
        """
        difference = abs(stated - expected)
        if difference > lines and not lenient:
            raise BadOrder(
                "totals_differ",
                "The order's total is not the sum of its parts.",
                stated=stated,
                expected=expected,
                currency=self.account.currency,
            )
        if difference:
            self.warn("total_differs")
        return stated if difference <= lines else expected

    def unit_price(self, cost: int, quantity: int) -> tuple[int, int]:
        """Split a line's cost into a unit price and the rounding that must go off again as discount."""
        each = -(-cost // quantity)
        rounding = each * quantity - cost
        if rounding:
            self.warn("unit_price_rounded")
        return each, rounding
