import pgtrigger
from django.db import models
from django.db.models.functions import Now


def append_only() -> list[pgtrigger.Trigger]:
    """Triggers by which Postgres itself refuses to change or empty a table, whoever asks."""
    return [
        pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        pgtrigger.Trigger(
            name="never_emptied",
            operation=pgtrigger.Truncate,
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            func="RAISE EXCEPTION 'This table only grows; it cannot be emptied';",
        ),
    ]


class AuditEntry(models.Model):
    """Who did what to what, and why. Added in the transaction of the deed; a trigger refuses every change.

    The timeline of an order or a customer is read from here: one fact, kept once.
    """

    recorded_at = models.DateTimeField(db_default=Now())
    happened_at = models.DateTimeField()  # may lie before: late news from a channel
    actor = models.CharField(max_length=80)  # "staff:grace", "client:web-shop", "channel:ebay-us", "system:relay"
    role = models.CharField(max_length=30, default="", db_default="")
    action = models.CharField(max_length=60)  # "order.accepted"
    object_kind = models.CharField(max_length=30)
    object_id = models.CharField(max_length=80)
    reason = models.CharField(max_length=300, default="", db_default="")
    facts = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, default="", db_default="")

    class Meta:
        indexes = [models.Index(fields=["object_kind", "object_id", "id"], name="audit_by_object")]
        triggers = append_only()
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.action} {self.object_kind}:{self.object_id} by {self.actor}"
