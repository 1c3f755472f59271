"""What the codes and typed remarks of the invoice file mean: declared tables, every row falls in exactly one class.

A row is, in this order of asking:
  BAD_DEBT     on an invoice whose number starts with A
  SERVICE      its code is in CHARGES: postage on a sale becomes the order's shipping, everything else a Charge
  CANCELLED    on an invoice whose number starts with C
  ADJUSTMENT   on an invoice without customer where every line is at price 0: stock written off or found
  SOLD         anything else; price 0 there is a gift or a replacement and stays on its order
"""

from enum import StrEnum
from functools import cache

from demo.world.shapes import ChargeKind, Reason

CHARGES = {
    "POST": ChargeKind.POSTAGE,
    "DOT": ChargeKind.POSTAGE,
    "C2": ChargeKind.POSTAGE,
    "23444": ChargeKind.POSTAGE,  # "Next Day Carriage"
    "M": ChargeKind.MANUAL,
    "PADS": ChargeKind.MANUAL,  # "to match all cushions" at a tenth of a penny: a note, not a stock code
    "D": ChargeKind.DISCOUNT,
    "S": ChargeKind.SAMPLES,
    "AMAZONFEE": ChargeKind.MARKETPLACE_FEE,
    "BANK CHARGES": ChargeKind.BANK_FEE,
    "CRUK": ChargeKind.CHARITY,
    "B": ChargeKind.BAD_DEBT,
    "22016": ChargeKind.GIFT_VOUCHER,  # £100.00
    **{f"GIFT_0001_{pounds}": ChargeKind.GIFT_VOUCHER for pounds in (10, 20, 30, 40, 50)},
}

# Fragments of what staff typed, tried from top to bottom.
_REMARKS: tuple[tuple[Reason, tuple[str, ...]], ...] = (
    (Reason.SOLD_AS_SET, ("as set", "sold set", "sold in set", "sold in 6", "sets", "sold as 1", "dotcom set")),
    (Reason.MISLABELLED, ("wrong", "barcode", "label", "mix up", "coded as", "sold as 22467", "incorrectly put")),
    (Reason.SAMPLE, ("sample", "showroom", "display", "mailout", "given away")),
    (
        Reason.DAMAGED,
        ("damage", "thrown", "throw", "wet", "rust", "mould", "broken", "crack", "crush", "smash", "faulty", "smudge"),
    ),
    (Reason.RETURNED, ("credit", "return")),
    (Reason.OTHER_CHANNEL, ("dotcom", "amazon", "ebay", "fba")),
    (Reason.FOUND, ("found",)),
    (Reason.LOST, ("lost", "missing", "mia", "mystery", "not rcvd")),
    (Reason.COUNTED, ("adjust", "count", "check", "cargo", "rcvd", "push order", "cant mamage", "stock", "taig")),
)


class Row(StrEnum):
    SOLD = "sold"
    CANCELLED = "cancelled"
    ADJUSTMENT = "adjustment"
    SERVICE = "service"
    BAD_DEBT = "bad_debt"


@cache
def normal(code: str) -> str:
    """The catalogue's spelling: 85123a and 85123A are one product, typed by different hands."""
    return code.strip().upper()


def row_class(number: str, sku: str, *, stock_only: bool) -> Row:
    """`stock_only`: the invoice has no customer and no price on any line."""
    if number.startswith("A"):
        return Row.BAD_DEBT
    if sku in CHARGES:
        return Row.SERVICE
    if number.startswith("C"):
        return Row.CANCELLED
    return Row.ADJUSTMENT if stock_only else Row.SOLD


def reason(remark: str, *, is_name: bool) -> Reason:
    """Read a remark. The product's own name, a bare question mark or nothing at all explains nothing."""
    if is_name:
        return Reason.UNEXPLAINED
    text = remark.lower().replace("dotcomgiftshop", "")  # the retailer's own name, also printed on goods
    for found, fragments in _REMARKS:
        if any(fragment in text for fragment in fragments):
            return found
    return Reason.UNEXPLAINED
