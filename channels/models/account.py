"""Accounts on marketplaces, what we may ask of them and how far we have read."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orders.models import SalesChannel


class ChannelAccount(models.Model):
    class State(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"  # by a person
        UNAUTHORISED = "unauthorised"  # the channel no longer takes our credentials; a person must renew them

    channel = models.OneToOneField(SalesChannel, on_delete=models.PROTECT, related_name="account")
    connector = models.CharField(max_length=20)  # "ebay", "amazon": a kind the registry knows
    settings = models.JSONField(default=dict)  # addresses, marketplace and seller ids: nothing secret
    zone = models.CharField(max_length=40, default="UTC")
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE)
    state_reason = models.CharField(max_length=300, blank=True, default="")
    # Encrypted with the field keys of the settings; read and written by `channels.credentials` only.
    secrets = models.BinaryField(default=bytes)
    access_token = models.BinaryField(default=bytes)
    token_expires_at = models.DateTimeField(null=True)
    buffer = models.PositiveIntegerField(default=0)  # units never offered on this channel, per listing

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["active", "paused", "unauthorised"]), name="account_state_exists"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.connector} account of {self.channel_id}"


class SyncCursor(models.Model):
    """How far one kind of news of an account has been read and stored. Never moves back by itself."""

    account = models.ForeignKey(ChannelAccount, on_delete=models.PROTECT, related_name="cursors")
    resource = models.CharField(max_length=20)  # "orders"
    read_to = models.DateTimeField()  # by the channel's own stamps: the next look starts here, less the overlap
    fresh_to = models.DateTimeField()  # by our clock: everything the channel showed up to here is in our inbox
    last_started_at = models.DateTimeField(null=True)
    last_finished_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0, db_default=0)  # in a row
    error = models.CharField(max_length=300, blank=True, default="", db_default="")
    next_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint("account", "resource", name="one_cursor_per_resource")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.resource} to {self.read_to}"


class CallBudget(models.Model):
    """A bucket of calls to one operation of one account; refills by the clock of the database."""

    account = models.ForeignKey(ChannelAccount, on_delete=models.PROTECT, related_name="budgets")
    operation = models.CharField(max_length=60)
    rate = models.FloatField()  # calls a second
    burst = models.IntegerField()
    tokens = models.FloatField()
    counted_at = models.DateTimeField(db_default=Now())
    closed_until = models.DateTimeField(null=True)  # the channel said: not before

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "operation", name="one_budget_per_operation"),
            models.CheckConstraint(condition=Q(rate__gt=0, burst__gte=1), name="a_budget_refills"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.operation}: {self.tokens:.1f} of {self.burst}"
