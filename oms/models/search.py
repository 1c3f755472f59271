from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Reverse


class SearchKey(models.Model):
    """One thing a caller might say, and the record it leads to. Written by `oms.search` only."""

    class Kind(models.TextChoices):
        NUMBER = "number", "order number"
        EXTERNAL = "external", "channel's number"
        EMAIL = "email", "e-mail"
        PHONE = "phone", "phone"  # digits of the international form
        NAME = "name", "name"  # folded: lower case, no accents
        SKU = "sku", "SKU"
        GTIN = "gtin", "barcode"
        TRACKING = "tracking", "tracking number"
        POSTCODE = "postcode", "postcode"
        BUYER = "buyer", "channel's buyer"
        LOYALTY = "loyalty", "loyalty number"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    value = models.CharField(max_length=200)
    entity_kind = models.CharField(max_length=12)  # "order", "customer", "variant"
    entity_id = models.BigIntegerField()
    # Text codes of the record's channel and place, so that a scope narrows before the limit cuts. "" = not scoped.
    channel = models.CharField(max_length=40, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint("entity_kind", "entity_id", "kind", "value", name="one_search_key_per_meaning"),
            models.CheckConstraint(condition=~Q(value=""), name="search_key_says_something"),
        ]
        indexes = [
            models.Index(fields=["value", "kind"], name="search_exact"),
            models.Index(fields=["kind", "value"], name="search_prefix", opclasses=["", "varchar_pattern_ops"]),
            models.Index(
                OpClass(Reverse("value"), name="text_pattern_ops"), name="search_ending", condition=Q(kind="phone")
            ),
            GinIndex(fields=["value"], name="search_names", opclasses=["gin_trgm_ops"], condition=Q(kind="name")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value} → {self.entity_kind} {self.entity_id}"
