"""An order and what stands around it, read in a fixed number of statements."""

from dataclasses import dataclass, field

from django.db.models import Case, Q, QuerySet, When

from channels.order_import import source_of
from oms.models import AuditEntry, InboxMessage
from oms.permissions import Reach
from orders import reading
from orders.models import Allocation, Order, OrderHold, OrderLine, Payment, SalesChannel

NEWEST, WHOLE = (20, 8), (400, 100)  # entries and messages read for a story, and for all of it
# Entries that change nothing, and so are no news to somebody who is about to change something.
LOOKS = ("order.raw_read",)


@dataclass(frozen=True, slots=True)
class Record:
    order: Order
    lines: list[OrderLine]
    allocations: list[Allocation]
    payments: list[Payment]
    holds: list[OrderHold]  # oldest first, released ones too
    messages: list[InboxMessage] = field(default_factory=list)  # of its channel about it, oldest first, without raw
    entries: list[AuditEntry] = field(default_factory=list)  # about it and its messages, oldest first
    is_cut: bool = False  # older entries or messages were not read

    @property
    def version(self) -> int:
        """Grows with every change that leaves an entry; what somebody saw, to compare with later."""
        return max((entry.pk for entry in self.entries), default=0)

    @property
    def open_hold(self) -> OrderHold | None:
        return next((hold for hold in self.holds if hold.released_at is None), None)

    @property
    def places(self) -> dict[str, str]:
        """Names of the locations it has to do with, by code and by id."""
        found = [allocation.fulfilment.location for allocation in self.allocations]
        found += [self.order.sold_at] if self.order.sold_at else []
        return {key: place.name for place in found for key in (place.code, str(place.pk))}


def read(number: int, *, reach: Reach, whole: bool = False) -> Record:
    """The order within reach, with the newest of what was said about it. Raises reading.NoSuchOrder."""
    most_entries, most_messages = WHOLE if whole else NEWEST
    order = reading.find(number, reach=reach)
    lines = order.lines.select_related("variant__product", "pickup_at").order_by("position")
    allocations = Allocation.objects.filter(fulfilment__order=order).select_related("fulfilment__location")
    stuck_first = Case(When(state=InboxMessage.State.QUARANTINED, then=0), default=1)
    newest = letters(order).defer("raw").order_by(stuck_first, "-pk")[:most_messages]
    messages = sorted(newest, key=lambda message: message.pk)
    about = Q(object_kind="order", object_id=str(order.number))
    if messages:
        about |= Q(object_kind="message", object_id__in=[str(message.pk) for message in messages])
    entries = AuditEntry.objects.filter(about).exclude(action__in=LOOKS).order_by("-pk")[:most_entries]
    return Record(
        order=order,
        lines=list(lines),
        allocations=list(allocations.order_by("pk")),
        payments=list(order.payments.order_by("pk")),
        holds=list(order.holds.order_by("placed_at", "pk")),
        messages=messages,
        entries=list(entries)[::-1],
        is_cut=len(entries) == most_entries or len(messages) == most_messages,
    )


def letters(order: Order) -> QuerySet[InboxMessage]:
    """What the order's channel sent about it; nothing for channels that place orders themselves."""
    if order.channel.kind != SalesChannel.Kind.MARKETPLACE:
        return InboxMessage.objects.none()
    return InboxMessage.objects.filter(source=source_of(order.channel.code), object_id=order.external_number)
