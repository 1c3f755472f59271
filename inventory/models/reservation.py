from django.db import models
from django.db.models import Q

from inventory.models.location import Location
from inventory.models.product import Variant


class Reservation(models.Model):
    """Units set aside for someone. `holder` names who, as text: inventory does not know what an order is.

    Without a location it is demand that waits for stock: it holds nothing, but lowers what channels are told.
    Written by `inventory.reservations` only.
    """

    class State(models.TextChoices):
        HELD = "held"
        CONSUMED = "consumed"  # the units left the shelf
        RELEASED = "released"

    location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="+")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="reservations")
    quantity = models.IntegerField()
    holder = models.CharField(max_length=80)  # "order:100423"
    holder_line = models.IntegerField(default=0, db_default=0)
    state = models.CharField(max_length=10, choices=State.choices, default=State.HELD, db_default=State.HELD)
    held_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)  # null: until somebody ends it
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="a_reservation_reserves"),
            models.CheckConstraint(
                condition=Q(state__in=["held", "consumed", "released"]), name="reservation_state_exists"
            ),
            models.CheckConstraint(
                condition=Q(state="held", ended_at__isnull=True) | (~Q(state="held") & Q(ended_at__isnull=False)),
                name="a_held_reservation_has_no_end",
            ),
            models.CheckConstraint(
                condition=~Q(state="consumed") | Q(location__isnull=False), name="only_shelved_units_are_consumed"
            ),
            models.UniqueConstraint(
                "holder",
                "holder_line",
                "variant",
                "location",
                name="one_live_reservation_per_holder_line",
                condition=Q(state="held"),
                nulls_distinct=False,
            ),
        ]
        indexes = [
            models.Index(fields=["variant"], name="waiting_demand", condition=Q(state="held", location__isnull=True)),
            models.Index(fields=["location", "variant"], name="live_on_a_shelf", condition=Q(state="held")),
            models.Index(fields=["expires_at"], name="reservations_to_expire", condition=Q(state="held")),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.variant_id} for {self.holder}"
