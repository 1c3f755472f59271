"""What we offer where, and what still has to be told."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from channels.models.account import ChannelAccount
from inventory.models import Variant
from orders.models import Parcel


class Listing(models.Model):
    """One variant on one channel account, under the channel's own SKU."""

    class State(models.TextChoices):
        LIVE = "live"
        ENDED = "ended"

    account = models.ForeignKey(ChannelAccount, on_delete=models.PROTECT, related_name="listings")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="listings")
    sku = models.CharField(max_length=80)  # the channel's
    external_id = models.CharField(max_length=80, blank=True, default="")  # listing, offer or ASIN
    product_type = models.CharField(max_length=80, blank=True, default="")
    title = models.CharField(max_length=300, blank=True, default="")
    currency = models.CharField(max_length=3)
    price = models.BigIntegerField()  # minor units
    state = models.CharField(max_length=6, choices=State.choices, default=State.LIVE)
    most_offered = models.PositiveIntegerField(null=True, blank=True)  # never offer more than this
    # What the channel was last told, and whether it has been seen to show it.
    told = models.IntegerField(null=True)
    told_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "sku", name="one_listing_per_channel_sku"),
            models.CheckConstraint(condition=Q(price__gte=0), name="listing_price_is_not_negative"),
            models.CheckConstraint(condition=Q(told__isnull=True) | Q(told__gte=0), name="told_is_not_negative"),
        ]
        indexes = [models.Index(fields=["variant", "account"], name="listings_of_a_variant")]

    def __str__(self) -> str:
        return f"{self.sku} on account {self.account_id}"


class StockPush(models.Model):
    """The wish to tell a channel its stock anew, once however often it was uttered.

    `wanted` counts utterances, `done` how many of them the last finished push had heard. One worker at a time speaks
    for an account, so an older number cannot overtake a newer one.
    """

    listing = models.OneToOneField(Listing, on_delete=models.CASCADE, primary_key=True, related_name="push")
    account = models.ForeignKey(ChannelAccount, on_delete=models.PROTECT, related_name="+")  # listing's, for the queue
    wanted = models.BigIntegerField(default=1)
    done = models.BigIntegerField(default=0)
    wanted_since = models.DateTimeField()  # of the oldest utterance not yet heard
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(db_default=Now())
    error_code = models.CharField(max_length=60, blank=True, default="", db_default="")
    error = models.CharField(max_length=300, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(done__lte=F("wanted")), name="no_push_hears_the_future"),
        ]
        indexes = [models.Index(fields=["account", "next_at"], name="pushes_due", condition=Q(wanted__gt=F("done")))]

    def __str__(self) -> str:
        return f"push of listing {self.listing_id}: {self.done} of {self.wanted}"


class ShipmentPush(models.Model):
    """A parcel the channel has to hear of."""

    class State(models.TextChoices):
        PENDING = "pending"
        DONE = "done"
        REJECTED = "rejected"

    account = models.ForeignKey(ChannelAccount, on_delete=models.PROTECT, related_name="shipment_pushes")
    parcel = models.OneToOneField(Parcel, on_delete=models.PROTECT, related_name="push")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING, db_default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    next_at = models.DateTimeField(db_default=Now())
    error_code = models.CharField(max_length=60, blank=True, default="", db_default="")
    error = models.CharField(max_length=300, blank=True, default="", db_default="")
    done_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["account", "next_at"], name="shipments_to_tell", condition=Q(state="pending"))]

    def __str__(self) -> str:
        return f"parcel {self.parcel_id} {self.state}"
