"""What was sold without stock: which products, who waits, who holds what they would need, and what would help."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Min, QuerySet, Sum, Window
from django.db.models.functions import RowNumber

from console import shelves
from console.holders import Behind, behind, number_in, numbers_of, tell
from inventory import availability
from inventory.availability import Availability, Shelf
from inventory.models import Location, Reservation, StockMovement
from oms.permissions import EVERYWHERE, Reach
from orders.models import Order, OrderLine

WAITING, HOLDING, PLACES = 20, 8, 12  # named for each product
SUPPLIER = Location.Kind.SUPPLIER


@dataclass(frozen=True, slots=True)
class Waiting:
    """A line that waits. `fillable` units could be given to it this moment."""

    order: Behind
    units: int
    collected_at: Location | None
    fillable: int


@dataclass(frozen=True, slots=True)
class Holding:
    """An order that has what others wait for; `has_left` when it took the last unit with it."""

    order: Behind
    units: int
    place: str
    since: datetime
    has_left: bool = False


@dataclass(frozen=True, slots=True)
class Remedy:
    """Something that would help, or the reason why nothing here does."""

    text: str
    tone: str = "calm"


@dataclass(slots=True)
class Shortage:
    """One product that accepted orders wait for. Figures count only orders within reach."""

    stock: Availability
    units: int
    orders: int
    since: datetime
    waiting: list[Waiting] = field(default_factory=list)
    holding: list[Holding] = field(default_factory=list)
    held_by_others: int = 0  # units held by orders that are not named
    places: list[tuple[Shelf, bool]] = field(default_factory=list)  # where most of it lies, and whether that is open
    more_places: int = 0
    remedies: list[Remedy] = field(default_factory=list)

    @property
    def unnamed(self) -> int:
        return self.orders - len({each.order.number for each in self.waiting})


def waiting_count(reach: Reach) -> int:
    """How many products have orders within reach that wait for stock. One look at a partial index: cheap."""
    return _lines(reach).aggregate(products=Count("variant", distinct=True))["products"]


def by_variant(reach: Reach) -> QuerySet[OrderLine, Any]:
    """{variant, units, orders, since} for each product somebody waits for. To be sorted by WORST_FIRST."""
    return _lines(reach).values("variant").annotate(
        units=Sum("backordered"), orders=Count("order", distinct=True), since=Min("order__placed_at")
    )  # fmt: skip


WORST_FIRST = ("-units", "since", "variant")


def totals(reach: Reach) -> dict[str, Any]:
    """{products, orders, units, since} over everything that waits."""
    return _lines(reach).aggregate(
        products=Count("variant", distinct=True), orders=Count("order", distinct=True), units=Sum("backordered"),
        since=Min("order__placed_at"),
    )  # fmt: skip


def _lines(reach: Reach) -> QuerySet[OrderLine]:
    lines = OrderLine.objects.filter(backordered__gt=0)
    return lines if reach == EVERYWHERE else lines.filter(order__in=Order.objects.within(reach).values("pk"))


def describe(rows: Sequence[Mapping[str, Any]], *, role: str, reach: Reach) -> list[Shortage]:
    """The products of `by_variant` rows in full and in their order, in as many statements for one as for many."""
    ids = [row["variant"] for row in rows]
    stock, closed = availability.of(ids), shelves.closed(ids)
    lines = _waiting_lines(ids, reach)
    found = {}
    for row in rows:
        variant = row["variant"]
        shortage = Shortage(stock[variant], row["units"], row["orders"], row["since"])
        shortage.waiting = list(_waiting(lines[variant], stock[variant], role))
        lying = [(shelf, True) for shelf in stock[variant].shelves if shelf.on_hand]
        lying += [(shelf, False) for shelf in closed[variant]]
        shortage.places = sorted(lying, key=lambda place: -place[0].on_hand)[:PLACES]
        shortage.more_places = len(lying) - len(shortage.places)
        shortage.remedies = remedies(stock[variant], closed[variant], lines[variant])
        found[variant] = shortage
    _name_holders(found, role=role, reach=reach)
    return list(found.values())


# -- who waits ------------------------------------------------------------------------------------------------------


def _waiting_lines(variants: Sequence[int], reach: Reach) -> dict[int, list[OrderLine]]:
    """The oldest lines that wait for each product."""
    place = Window(RowNumber(), partition_by=[F("variant")], order_by=[F("order__placed_at").asc(), F("pk").asc()])
    lines = _lines(reach).filter(variant__in=variants).annotate(place=place).filter(place__lte=WAITING)
    found: dict[int, list[OrderLine]] = defaultdict(list)
    for line in lines.select_related("order__channel", "pickup_at").order_by("variant", "place"):
        found[line.variant_id].append(line)
    return found


def _waiting(lines: Iterable[OrderLine], stock: Availability, role: str) -> Iterable[Waiting]:
    free = {shelf.location_id: shelf.free for shelf in stock.shelves if shelf.serves_anybody}
    at = {shelf.location_id: shelf.free for shelf in stock.shelves}
    for line in lines:
        reachable = sum(free.values()) if line.pickup_at_id is None else at.get(line.pickup_at_id, 0)
        yield Waiting(tell(line.order, role), line.backordered, line.pickup_at, min(line.backordered, reachable))


# -- who holds ------------------------------------------------------------------------------------------------------


def _name_holders(found: Mapping[int, Shortage], *, role: str, reach: Reach) -> None:
    """Those who took theirs last come first: they raced with those who wait."""
    held = _held(found)
    gone = _last_sold([variant for variant in found if variant not in {each.variant_id for each in held}])
    sold_for = numbers_of(gone)
    orders = behind([*(number_in(each.holder) for each in held), *sold_for.values()], role=role, reach=reach)
    for each in held:
        shortage, order = found[each.variant_id], orders.get(number_in(each.holder) or 0)
        if order and each.location and each.place <= HOLDING:
            shortage.holding.append(Holding(order, each.quantity, each.location.name, each.held_at))
    for shortage in found.values():
        reserved = sum(shelf.reserved for shelf in shortage.stock.shelves)
        shortage.held_by_others = max(0, reserved - sum(each.units for each in shortage.holding))
    for sale in gone:
        if order := orders.get(sold_for.get(sale.pk, 0)):
            last = Holding(order, -sale.quantity, sale.location.name, sale.occurred_at, has_left=True)
            found[sale.variant_id].holding.append(last)


def _held(variants: Iterable[int]) -> list[Any]:
    place = Window(RowNumber(), partition_by=[F("variant")], order_by=[F("held_at").desc(), F("pk").desc()])
    live = Reservation.objects.filter(variant__in=list(variants), state=Reservation.State.HELD, location__isnull=False)
    newest = live.annotate(place=place).filter(place__lte=HOLDING)
    return list(newest.select_related("location").order_by("variant", "place"))


def _last_sold(variants: Sequence[int]) -> list[StockMovement]:
    """The sale that took the last unit of each product nobody holds any more."""
    if not variants:
        return []
    sales = StockMovement.objects.filter(variant__in=variants, kind=StockMovement.Kind.SALE)
    return list(sales.select_related("location").order_by("variant", "-pk").distinct("variant"))


# -- what would help ------------------------------------------------------------------------------------------------


def remedies(stock: Availability, closed: Sequence[Shelf], lines: Iterable[OrderLine]) -> list[Remedy]:
    """What would fix a shortage, the nearest first. Asks nothing of the database."""
    lines = list(lines)
    wanted: dict[int | None, int] = defaultdict(int)  # place of collection, or None to be sent → units
    for line in lines:
        wanted[line.pickup_at_id] += line.backordered
    free = [shelf for shelf in stock.shelves if shelf.free > 0]
    givers = [shelf for shelf in free if shelf.location_id in wanted or (wanted[None] and shelf.serves_anybody)]
    others = [shelf for shelf in free if shelf not in givers and shelf.kind != SUPPLIER]
    suppliers = [shelf for shelf in free if shelf not in givers and shelf.kind == SUPPLIER]
    found = [
        *(Remedy(f"{_free(shelf)}: allocate now.", "good") for shelf in givers),
        *(Remedy(f"{_free(shelf)}, {_why_not(wanted)}.", "warn") for shelf in others),
        *(Remedy(f"{_free(shelf)}, a supplier: order it from there.", "warn") for shelf in suppliers),
        *(Remedy(f"{shelf.on_hand:,} on hand at {_named(shelf)}, which is closed.", "warn") for shelf in closed),
    ]
    promised = sum(shelf.reserved for shelf in stock.shelves)
    if promised:
        found.append(Remedy(f"{promised:,} on hand {'is' if promised == 1 else 'are'} promised to other orders."))
    if not (free or closed):
        found.append(Remedy(f"Nothing {'else ' if promised else ''}anywhere: buy or cancel.", "bad"))
    return found


def _free(shelf: Shelf) -> str:
    spare = ", its safety stock" if shelf.free <= shelf.safety else ""
    return f"{shelf.free:,} free at {_named(shelf)}{spare}"


def _named(shelf: Shelf) -> str:
    return f"{shelf.name} ({shelf.code})"


def _why_not(wanted: Mapping[int | None, int]) -> str:
    """Why what is free elsewhere does not go to those who wait by itself."""
    if wanted.get(None):
        return "which sends nothing: move it, or let the buyer collect it there"
    return "but the buyer collects elsewhere: move it, or send it instead"
