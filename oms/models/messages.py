from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class OutboxEvent(models.Model):
    """One fact on its way to one destination. Written in the transaction that made it true, by `oms.outbox` only."""

    class State(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        QUARANTINED = "quarantined"

    destination = models.CharField(max_length=60)
    topic = models.CharField(max_length=80)  # "orders.order-accepted"
    aggregate_kind = models.CharField(max_length=30)
    aggregate_id = models.CharField(max_length=80)
    # Place within (destination, aggregate). Null: only the newest state matters, any order will do.
    sequence = models.BigIntegerField(null=True)
    payload = models.JSONField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING, db_default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    next_at = models.DateTimeField(db_default=Now())  # also the end of a lease
    error = models.TextField(default="", db_default="")
    happened_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "destination", "aggregate_kind", "aggregate_id", "sequence", name="outbox_one_place_per_event"
            ),
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False) | (~Q(state="sent") & Q(sent_at__isnull=True)),
                name="outbox_sent_events_say_when",
            ),
        ]
        indexes = [
            models.Index(fields=["next_at", "id"], name="outbox_due", condition=Q(state="pending")),
            models.Index(
                fields=["destination", "aggregate_kind", "aggregate_id", "sequence"],
                name="outbox_head",
                condition=~Q(state="sent"),
            ),
            models.Index(fields=["sent_at"], name="outbox_sent", condition=Q(state="sent")),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.topic} → {self.destination}"


class AggregateSequence(models.Model):
    """The last place given out per destination and aggregate; its row lock makes place order the commit order."""

    destination = models.CharField(max_length=60)
    kind = models.CharField(max_length=30)
    aggregate_id = models.CharField(max_length=80)
    last = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint("destination", "kind", "aggregate_id", name="one_sequence_per_aggregate")
        ]

    def __str__(self) -> str:
        return f"{self.destination} {self.kind}:{self.aggregate_id} at {self.last}"


class InboxMessage(models.Model):
    """Something the outside told us, kept as it came. Written by `oms.inbox` only."""

    class State(models.TextChoices):
        RECEIVED = "received"
        DONE = "done"
        IGNORED = "ignored"
        QUARANTINED = "quarantined"

    source = models.CharField(max_length=60)  # "channel:ebay-us"
    event_id = models.CharField(max_length=200)  # the sender's id of this event, unique per source
    topic = models.CharField(max_length=40)  # "order"
    object_id = models.CharField(max_length=100)  # the sender's id of the thing it is about
    version_at = models.DateTimeField(null=True)  # the sender's time of change
    raw = models.BinaryField()
    fingerprint = models.BinaryField(max_length=32)  # SHA-256 of raw
    state = models.CharField(max_length=12, choices=State.choices, default=State.RECEIVED, db_default=State.RECEIVED)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    received_at = models.DateTimeField(db_default=Now())
    next_at = models.DateTimeField(db_default=Now())  # also the end of a lease
    finished_at = models.DateTimeField(null=True)
    code = models.CharField(max_length=60, default="", db_default="")
    message = models.TextField(default="", db_default="")
    facts = models.JSONField(default=dict)
    outcome = models.CharField(max_length=80, default="", db_default="")  # what it became: "order:100423"

    class Meta:
        constraints = [
            models.UniqueConstraint("source", "event_id", name="one_message_per_event"),
            models.CheckConstraint(
                condition=~Q(state="quarantined") | ~Q(code=""), name="quarantined_messages_say_why"
            ),
        ]
        indexes = [
            models.Index(fields=["next_at", "id"], name="inbox_due", condition=Q(state="received")),
            models.Index(fields=["source", "id"], name="inbox_stuck", condition=Q(state="quarantined")),
            models.Index(fields=["source", "object_id", "id"], name="inbox_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.topic} {self.object_id}"


class IdempotencyKey(models.Model):
    """An answer kept, so that the same request twice has one effect. Written by `oms.idempotency` only."""

    scope = models.CharField(max_length=160)  # client and route
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)  # null: started, not finished
    body = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint("scope", "key", name="one_answer_per_key"),
            models.CheckConstraint(condition=~Q(key=""), name="idempotency_key_not_empty"),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"
