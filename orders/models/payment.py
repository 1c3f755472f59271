from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from orders.models.order import Order


class Payment(models.Model):
    """Money for an order, in minor units of its currency."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payments")
    method = models.CharField(max_length=30)  # "card", "cash", "marketplace"
    reference = models.CharField(max_length=120, blank=True, default="", db_default="")
    currency = models.CharField(max_length=3)
    collected_by_channel = models.BooleanField(default=False, db_default=False)  # a marketplace pays us out later
    authorised = models.BigIntegerField()
    captured = models.BigIntegerField(default=0, db_default=0)
    refunded = models.BigIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(authorised__gte=0, captured__gte=0, refunded__gte=0), name="payments_are_not_negative"
            ),
            models.CheckConstraint(condition=Q(captured__lte=F("authorised")), name="no_more_is_captured_than_allowed"),
            models.CheckConstraint(condition=Q(refunded__lte=F("captured")), name="no_more_is_refunded_than_captured"),
            models.CheckConstraint(condition=Q(currency__regex="^[A-Z]{3}$"), name="a_payment_has_a_currency"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.authorised} {self.currency}"
