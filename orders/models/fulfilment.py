"""Who sends what, and what has left. A fulfilment order is the plan for one location, a parcel is the fact."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory.models import Location, Reservation
from orders.models.order import Order, OrderLine


class FulfilmentOrder(models.Model):
    class State(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"  # everything left or was taken off
        CANCELLED = "cancelled"

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fulfilments")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="fulfilments")
    method = models.CharField(max_length=10)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN, db_default=State.OPEN)
    why = models.CharField(max_length=200, blank=True, default="", db_default="")  # the plain reason for this place
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(method__in=["ship", "pickup", "carry_out"]), name="fulfilment_method_exists"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "closed", "cancelled"]), name="fulfilment_state_exists"
            ),
            models.UniqueConstraint(
                "order", "location", "method", name="one_open_fulfilment_per_place", condition=Q(state="open")
            ),
        ]
        indexes = [models.Index(fields=["location", "id"], name="open_work_of_a_place", condition=Q(state="open"))]

    def __str__(self) -> str:
        return f"{self.order_id} from {self.location_id}"


class Allocation(models.Model):
    """Units of a line that a location is to send, and the reservation that keeps them there."""

    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="allocations")
    fulfilment = models.ForeignKey(FulfilmentOrder, on_delete=models.PROTECT, related_name="allocations")
    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, null=True, related_name="+")
    quantity = models.IntegerField()  # as planned
    sent = models.IntegerField(default=0, db_default=0)
    dropped = models.IntegerField(default=0, db_default=0)  # cancelled or moved elsewhere

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="an_allocation_allocates"),
            models.CheckConstraint(
                condition=Q(sent__gte=0, dropped__gte=0, quantity__gte=F("sent") + F("dropped")),
                name="no_more_leaves_than_was_allocated",
            ),
            models.UniqueConstraint("line", "fulfilment", name="one_allocation_per_line_and_place"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of line {self.line_id}"

    @property
    def pending(self) -> int:
        return self.quantity - self.sent - self.dropped


class Parcel(models.Model):
    """Something that physically left. Its number is what we call it to carriers and channels."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="parcels")
    fulfilment = models.ForeignKey(FulfilmentOrder, on_delete=models.PROTECT, null=True, related_name="parcels")
    external_id = models.CharField(max_length=80, blank=True, default="", db_default="")  # when the channel told us
    carrier = models.CharField(max_length=40, blank=True, default="", db_default="")
    tracking_number = models.CharField(max_length=60, blank=True, default="", db_default="")
    shipped_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "order", "external_id", name="a_told_parcel_is_kept_once", condition=~Q(external_id="")
            ),
        ]

    def __str__(self) -> str:
        return self.tracking_number or f"parcel {self.pk}"


class ParcelLine(models.Model):
    parcel = models.ForeignKey(Parcel, on_delete=models.PROTECT, related_name="lines")
    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="parcel_lines")
    quantity = models.IntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="a_parcel_line_holds_something"),
            models.UniqueConstraint("parcel", "line", name="a_line_is_in_a_parcel_once"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of line {self.line_id}"
