"""What is where. `inventory.ledger` is the only module that writes these tables."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory.models.location import Location
from inventory.models.product import Variant
from oms.models import append_only


class StockLevel(models.Model):
    """The running totals of one variant at one location: lock and guard. Their history is `StockMovement`."""

    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="stock_levels")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="stock_levels")
    on_hand = models.IntegerField(default=0, db_default=0)  # sellable units on the shelf
    reserved = models.IntegerField(default=0, db_default=0)  # of these, promised
    safety = models.IntegerField(default=0, db_default=0)  # of these, never promised to channels

    class Meta:
        constraints = [
            models.UniqueConstraint("location", "variant", name="one_level_per_location_and_variant"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="reserved_is_not_negative"),
            models.CheckConstraint(condition=Q(reserved__lte=F("on_hand")), name="never_promise_what_is_not_there"),
            models.CheckConstraint(condition=Q(safety__gte=0), name="safety_is_not_negative"),
        ]
        indexes = [models.Index(fields=["variant", "location"], name="stock_by_variant")]

    def __str__(self) -> str:
        return f"{self.variant_id}@{self.location_id}: {self.on_hand} on hand, {self.reserved} reserved"

    @property
    def free(self) -> int:
        return self.on_hand - self.reserved


COMES_IN = ["receipt", "return", "transfer_in", "release"]
GOES_OUT = ["sale", "transfer_out", "damage", "quarantine", "write_off"]


class StockMovement(models.Model):
    """One line of the stock ledger. Rows are added, never changed or deleted: a trigger refuses it."""

    class Kind(models.TextChoices):
        RECEIPT = "receipt"
        SALE = "sale"
        RETURN = "return"
        TRANSFER_OUT = "transfer_out"
        TRANSFER_IN = "transfer_in"
        ADJUSTMENT = "adjustment"
        COUNT = "count"
        DAMAGE = "damage"
        QUARANTINE = "quarantine"
        RELEASE = "release"
        WRITE_OFF = "write_off"

    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="+")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    quantity = models.IntegerField()  # units: positive in, negative out
    # Why, in a form that stops the same cause from counting twice: ("order", "100423", line 2).
    cause = models.CharField(max_length=40)
    cause_id = models.CharField(max_length=80)
    cause_line = models.IntegerField(default=0, db_default=0)
    reason = models.CharField(max_length=120, blank=True, default="", db_default="")
    actor = models.CharField(max_length=80)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(quantity=0), name="a_movement_moves"),
            models.CheckConstraint(
                condition=Q(kind__in=[*COMES_IN, *GOES_OUT, "adjustment", "count"]), name="movement_kind_exists"
            ),
            models.UniqueConstraint(
                "cause", "cause_id", "cause_line", "location", "variant", name="one_movement_per_cause"
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=COMES_IN) | Q(quantity__gt=0),
                name="what_comes_in_is_positive",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=GOES_OUT) | Q(quantity__lt=0),
                name="what_goes_out_is_negative",
            ),
        ]
        indexes = [models.Index(fields=["variant", "location", "-id"], name="movements_of_a_shelf")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.kind} {self.quantity:+} of {self.variant_id}@{self.location_id}"
