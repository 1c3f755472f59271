"""What may be done with an order by this person now: asked of `orders.lifecycle`, narrowed by role and reach."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse

from console.context import StaffRequest
from console.order_words import hold_words, units
from console.orders._forms import AllocateForm, CancelForm, DeedForm, ShipForm, Waiting
from console.orders._record import Record
from console.templatetags.show import money
from oms.permissions import Reach, staff_may
from orders import lifecycle
from orders.models import SalesChannel

SHIP, ALLOCATE, CANCEL = "shipment", "allocation", "cancellation"
ACTIONS = {SHIP: "ship", ALLOCATE: "allocate", CANCEL: "cancel"}  # our route → the action of orders.lifecycle


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing to do: its button, and the dialog behind it with its consequences."""

    name: str
    label: str
    reason: str  # why it is not possible now, or ""
    url: str
    title: str
    press: str  # what the button in the dialog says
    consequences: tuple[tuple[str, str], ...]  # (icon, words)
    form: DeedForm
    danger: bool = False

    @property
    def button(self) -> dict[str, Any]:
        icons = {SHIP: "truck", ALLOCATE: "package-search", CANCEL: "ban"}
        return {"label": self.label, "opens": self.name, "icon": icons[self.name], "danger": self.danger}


@dataclass(frozen=True, slots=True)
class Offers:
    now: list[Offer] = field(default_factory=list)  # most likely first
    never: list[Offer] = field(default_factory=list)

    @property
    def buttons(self) -> list[dict[str, Any]]:
        return [{**offer.button, "primary": place == 0 and not offer.danger} for place, offer in enumerate(self.now)]


def of(record: Record, request: StaffRequest) -> Offers:
    reasons = lifecycle.actions(record.order, record.lines)
    found = [
        offer(record, request, given={}, reason=reasons[action])
        for name, action in ACTIONS.items()
        if staff_may(request.staff.role, f"order.{action}")
        for offer in (_OFFERS[name],)
    ]
    asked = record.order.cancel_requested
    likely = sorted((each for each in found if not each.reason), key=lambda each: asked and each.name != CANCEL)
    return Offers(likely, [each for each in found if each.reason])


def one(name: str, record: Record, request: StaffRequest, *, given: Mapping[str, Any]) -> Offer:
    """The offer with its form filled from what was sent, whether it is possible now or not."""
    reason = lifecycle.actions(record.order, record.lines)[ACTIONS[name]]
    return _OFFERS[name](record, request, given=given, reason=reason)


def waiting(record: Record, reach: Reach) -> dict[str, Waiting]:
    """Where units of the order wait to leave, within reach, by code of the location."""
    pending: dict[str, int] = defaultdict(int)
    shipped_from: dict[str, bool] = defaultdict(bool)
    names: dict[str, str] = {}
    for allocation in record.allocations:
        place = allocation.fulfilment.location
        if allocation.pending and reach.has_location(place.code):
            pending[place.code] += allocation.pending
            shipped_from[place.code] |= allocation.fulfilment.method == "ship"
            names[place.code] = place.name
    return {code: Waiting(code, names[code], count, not shipped_from[code]) for code, count in pending.items()}


def _common(record: Record, name: str, form: DeedForm) -> dict[str, Any]:
    return {"name": name, "url": reverse(f"console:order-{name}", args=[record.order.number]), "form": form}


def _filled(record: Record, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"data": given or None, "auto_id": f"{name}_%s", "initial": {"seen": record.version}}


def _ship(record: Record, request: StaffRequest, *, given: Mapping[str, Any], reason: str) -> Offer:
    places = waiting(record, request.reach)
    if not reason and record.open_hold:
        reason = f"It is on hold: {hold_words(record.open_hold)}."
    elif not reason and not places:
        reason = "It leaves from a place outside your stores."
    collected = bool(places) and all(place.is_collected for place in places.values())
    form = ShipForm(waiting=places, **_filled(record, SHIP, given))
    count = units(sum(place.units for place in places.values()))
    what = "Hand over" if collected else "Ship"
    channel = record.order.channel
    told = ("radio-tower", f"{channel.name} is told the tracking number and passes it on to the buyer.")
    return Offer(
        label=f"{what} {count}…" if places else f"{what}…", reason=reason,
        title=f"{what} order {record.order.number}", press=what,
        consequences=(
            ("package-minus", "Everything of this order that is kept at the place leaves its shelf and its books."),
            *((told,) if channel.kind == SalesChannel.Kind.MARKETPLACE and not collected else ()),
            ("undo-2", "It cannot be undone here: what left comes back as a return."),
        ),
        **_common(record, SHIP, form),
    )  # fmt: skip


def _allocate(record: Record, request: StaffRequest, *, given: Mapping[str, Any], reason: str) -> Offer:
    count = lifecycle.count(record.lines)["backordered"]
    return Offer(
        label=f"Find stock for {units(count)}" if count else "Find stock", reason=reason,
        title=f"Find stock for order {record.order.number}", press="Find stock",
        consequences=(
            ("package-search", "Free units anywhere are held for this order, as many as there are."),
            ("arrow-down-narrow-wide", "It goes ahead of older orders that wait for the same."),
        ),
        **_common(record, ALLOCATE, AllocateForm(**_filled(record, ALLOCATE, given))),
    )  # fmt: skip


def _cancel(record: Record, request: StaffRequest, *, given: Mapping[str, Any], reason: str) -> Offer:
    counted = lifecycle.count(record.lines)
    here = sum(counted[bucket] for bucket in lifecycle.STILL_HERE)
    whole = here == sum(counted.values()) - counted["cancelled"]
    what = f"Cancel order {record.order.number}" if whole else f"Cancel {units(here)} of order {record.order.number}"
    return Offer(
        label="Cancel order…" if whole else f"Cancel {units(here)}…", reason=reason, danger=True,
        title=f"{what}?", press=f"Cancel {units(here)}", consequences=tuple(_cancelling(record, here)),
        **_common(record, CANCEL, CancelForm(**_filled(record, CANCEL, given))),
    )  # fmt: skip


def _cancelling(record: Record, here: int) -> list[tuple[str, str]]:
    order, counted = record.order, lifecycle.count(record.lines)
    said = []
    if counted["allocated"]:
        said.append(("package-plus", f"{units(counted['allocated'])} held for it can be sold again at once."))
    if counted["backordered"]:
        said.append(("hourglass", f"{units(counted['backordered'])} leave the queue for stock."))
    if here < sum(counted.values()) - counted["cancelled"]:
        said.append(("truck", "What was picked or has left already is not touched."))
    if kept := sum(payment.captured - payment.refunded for payment in record.payments):
        said.append(("banknote", f"No money moves: {money(kept, order.currency)} stays paid until it is refunded."))
    if order.channel.kind == SalesChannel.Kind.MARKETPLACE:
        said.append(("radio-tower", f"{order.channel.name} is not told: cancel it on its own pages as well."))
    return [*said, ("undo-2", "It cannot be undone; the buyer would have to order again.")]


_OFFERS = {SHIP: _ship, ALLOCATE: _allocate, CANCEL: _cancel}
