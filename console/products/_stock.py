"""Where a product is, who holds it, who waits for it, and how it came and went."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from console import shelves
from console.holders import Behind, behind, number_in, numbers_of
from inventory.availability import Availability, Shelf, Term
from inventory.models import Location, Reservation, StockMovement, Variant
from oms.permissions import Reach

SHELVES = 15  # shown unless all are asked for
MOST_SHELVES = 500
TERMS = 12  # places named in a sum
HOLDS = 10  # of those who wait, and of those who hold
MOVEMENTS = 50

MOVED = {
    "receipt": "Received",
    "sale": "Sold",
    "return": "Came back",
    "transfer_out": "Sent elsewhere",
    "transfer_in": "Came from elsewhere",
    "adjustment": "Adjusted",
    "count": "Counted",
    "damage": "Damaged",
    "quarantine": "Set aside",
    "release": "Put back on sale",
    "write_off": "Written off",
}
_CLOSED = "closed, nothing is promised from here"


@dataclass(frozen=True, slots=True)
class Place:
    """A shelf as the table shows it. What is closed adds nothing to what can be sold."""

    shelf: Shelf
    kind: str
    notes: tuple[str, ...] = ()
    is_yours: bool = False
    is_closed: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """The table: what it shows, what it leaves out, and the sums over all open places."""

    shown: list[Place]
    left_out: list[Place]
    bare: list[Shelf]  # open places that have none
    on_hand: int
    reserved: int
    free: int
    offered: int

    @property
    def codes(self) -> set[str]:
        return {place.shelf.code for place in self.shown}

    @property
    def units_left_out(self) -> int:
        return sum(place.shelf.on_hand for place in self.left_out)


@dataclass(frozen=True, slots=True)
class Hold:
    """Units set aside, or waited for when there is no place. `order` lacks where it may not be known."""

    reservation: Reservation
    order: Behind | None
    is_an_order: bool


@dataclass(frozen=True, slots=True)
class Moved:
    movement: StockMovement
    word: str
    left: int  # on hand at that place afterwards
    order: Behind | None
    is_an_order: bool
    is_shown: bool  # whether its place has a row on the page


def places(variant: Variant, stock: Availability, reach: Reach, *, all_of_them: bool) -> Places:
    """The places of the reader first, then those that offer most."""
    lived_in = [_place(shelf, reach) for shelf in stock.shelves if shelf.on_hand]
    lived_in.sort(key=lambda place: (not place.is_yours, -place.shelf.offered, -place.shelf.free, place.shelf.code))
    lived_in += [_place(shelf, reach, is_closed=True) for shelf in shelves.closed([variant.pk])[variant.pk]]
    most = MOST_SHELVES if all_of_them else SHELVES
    return Places(
        lived_in[:most], lived_in[most:], [shelf for shelf in stock.shelves if not shelf.on_hand],
        on_hand=sum(shelf.on_hand for shelf in stock.shelves),
        reserved=sum(shelf.reserved for shelf in stock.shelves),
        free=sum(shelf.free for shelf in stock.shelves),
        offered=sum(shelf.offered for shelf in stock.shelves),
    )  # fmt: skip


def _place(shelf: Shelf, reach: Reach, *, is_closed: bool = False) -> Place:
    notes = [_CLOSED] if is_closed else [words for serves, words in _unserved(shelf) if not serves]
    is_yours = reach.locations is not None and reach.has_location(shelf.code)
    return Place(shelf, Location.Kind(shelf.kind).label, tuple(notes), is_yours, is_closed)


def _unserved(shelf: Shelf) -> list[tuple[bool, str]]:
    """What must hold for channels to be told of it, and the words for when it does not."""
    is_ours = shelf.kind != Location.Kind.SUPPLIER
    return [
        (is_ours, "not ours to promise"),
        (shelf.sells_online, "does not sell online"),
        (shelf.ships, "sends nothing"),
    ]


# -- why the number is what it is -----------------------------------------------------------------------------------


def terms(stock: Availability, where: Places, *, buffer: int, most: int | None) -> list[dict[str, Any]]:
    """The terms of `why` for the screen; small ones of many places are put together. They still add up."""
    named = {shelf.code: shelf.name for shelf in stock.shelves}
    found = stock.why(buffer=buffer, most=most)
    at = sorted((term for term in found if term.kind == "location"), key=lambda term: (-term.units, term.reference))
    shown, rest = at[:TERMS], at[TERMS:]
    together = [_together(rest)] if len(rest) > 1 else [_term(term, named, where) for term in rest]
    return [
        *(_term(term, named, where) for term in shown),
        *together,
        *(_term(term, named, where) for term in found if term.kind != "location"),
    ]


def _term(term: Term, named: dict[str, str], where: Places) -> dict[str, Any]:
    if term.kind == "location":
        name = named[term.reference]
        note = term.label.removeprefix(f"{name}: ")
        row = f"#at-{term.reference}"
        url = row if term.reference in where.codes else f"?places=all{row}"
        return {"label": name, "amount": term.units, "note": note, "url": url}
    anchor = {"waiting": "#waiting"}.get(term.kind, "")
    return {"label": term.label[:1].upper() + term.label[1:], "amount": term.units, "url": anchor}


def _together(rest: Sequence[Term]) -> dict[str, Any]:
    units = sum(term.units for term in rest)
    return {"label": f"{len(rest)} more places", "amount": units, "url": "?places=all#stock",
            "note": "" if units else "all of it reserved or kept as safety stock"}  # fmt: skip


# -- who and when ---------------------------------------------------------------------------------------------------


def holds_and_movements(
    variant: Variant, stock: Availability, where: Places, *, role: str, reach: Reach
) -> tuple[list[Hold], list[Hold], list[Moved]]:
    """Who waits, oldest first; who holds, newest first; and the last movements, newest first."""
    live = Reservation.objects.filter(variant=variant, state=Reservation.State.HELD)
    waiting = list(live.filter(location=None).order_by("held_at", "pk")[:HOLDS]) if stock.waiting else []
    held = live.exclude(location=None).select_related("location").order_by("-held_at", "-pk")[:HOLDS]
    moved = StockMovement.objects.filter(variant=variant).select_related("location").order_by("-pk")
    movements = list(moved[:MOVEMENTS])
    happened_for = numbers_of(movements)
    numbers = [*(number_in(each.holder) for each in (*waiting, *held)), *happened_for.values()]
    orders = behind(numbers, role=role, reach=reach)
    return (
        [_hold(each, orders) for each in waiting],
        [_hold(each, orders) for each in held],
        list(_running(movements, stock, where, happened_for, orders)),
    )


def _hold(reservation: Reservation, orders: dict[int, Behind]) -> Hold:
    number = number_in(reservation.holder)
    return Hold(reservation, orders.get(number or 0), is_an_order=number is not None)


def _running(
    movements: Iterable[StockMovement], stock: Availability, where: Places, happened_for: dict[int, int],
    orders: dict[int, Behind],
) -> Iterable[Moved]:  # fmt: skip
    """Each movement with what it left there: from what is there now back in time."""
    now = [*stock.shelves, *(place.shelf for place in (*where.shown, *where.left_out) if place.is_closed)]
    left = {shelf.location_id: shelf.on_hand for shelf in now}
    codes = where.codes
    for move in movements:
        after = left.get(move.location_id, 0)
        left[move.location_id] = after - move.quantity
        number = happened_for.get(move.pk)
        yield Moved(
            move, MOVED.get(move.kind, move.kind), after, orders.get(number or 0), is_an_order=number is not None,
            is_shown=move.location.code in codes,
        )  # fmt: skip
