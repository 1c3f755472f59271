from django.db import models
from django.db.models import Q


class SalesChannel(models.Model):
    """Where orders come from, as far as an order needs to know. How we talk to it is `channels`' business."""

    class Kind(models.TextChoices):
        MARKETPLACE = "marketplace", "Marketplace"  # its orders are sold already: taken even when stock is short
        WEB_SHOP = "web_shop", "Web shop"
        TILL = "till", "Store tills"
        PHONE = "phone", "Call centre"

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    currency = models.CharField(max_length=3)
    allows_zero_price = models.BooleanField(default=False)  # gifts and replacements

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(currency__regex="^[A-Z]{3}$"), name="a_channel_has_a_currency"),
            models.CheckConstraint(
                condition=Q(kind__in=["marketplace", "web_shop", "till", "phone"]), name="channel_kind_exists"
            ),
        ]

    def __str__(self) -> str:
        return self.code
