"""People, what identifies them, and where they live. Written by `customers.identity`."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class Customer(models.Model):
    """One person as far as we know. A merged customer points to the one who stays."""

    name = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    first_channel = models.CharField(max_length=40, blank=True, default="")  # where we met
    merged_into = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="merged")
    note = models.TextField(blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(merged_into=F("id")), name="nobody_is_merged_into_themselves"),
        ]

    def __str__(self) -> str:
        return self.name or f"customer {self.pk}"


class Identity(models.Model):
    """Something that tells a person apart, in the form it is compared in."""

    class Kind(models.TextChoices):
        EMAIL = "email", "e-mail"
        RELAY_EMAIL = "relay", "marketplace e-mail"  # reaches the person, recognises nobody
        PHONE = "phone", "phone"  # shared in families: recognises only together with the name
        BUYER = "buyer", "channel buyer"  # "ebay-us:galaxy_shopper"
        LOYALTY = "loyalty", "loyalty number"

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="identities")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    value = models.CharField(max_length=200)
    shown = models.CharField(max_length=200)  # as the customer wrote it
    channel = models.CharField(max_length=40, blank=True, default="")  # where we learnt it
    learnt_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "identities"
        constraints = [
            models.UniqueConstraint(
                "kind",
                "value",
                name="an_identity_names_one_person",
                condition=Q(kind__in=["email", "buyer", "loyalty"]),
            ),
            models.UniqueConstraint("customer", "kind", "value", name="an_identity_is_kept_once"),
            models.CheckConstraint(condition=~Q(value=""), name="an_identity_says_something"),
            models.CheckConstraint(
                condition=Q(kind__in=["email", "relay", "phone", "buyer", "loyalty"]), name="identity_kind_exists"
            ),
        ]
        indexes = [models.Index(fields=["kind", "value"], name="identity_lookup")]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


class Address(models.Model):
    """A place a customer had something sent to."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="addresses")
    fingerprint = models.CharField(max_length=64)  # of the folded text, so that one place is kept once
    name = models.CharField(max_length=200, blank=True, default="")
    line1 = models.CharField(max_length=200, blank=True, default="")
    line2 = models.CharField(max_length=200, blank=True, default="")
    city = models.CharField(max_length=120, blank=True, default="")
    region = models.CharField(max_length=80, blank=True, default="")
    postcode = models.CharField(max_length=20, blank=True, default="")
    country = models.CharField(max_length=2)
    phone = models.CharField(max_length=40, blank=True, default="")
    last_used_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "addresses"
        constraints = [
            models.UniqueConstraint("customer", "fingerprint", name="an_address_is_kept_once"),
            models.CheckConstraint(condition=Q(country__regex="^[A-Z]{2}$"), name="address_country_is_iso"),
        ]

    def __str__(self) -> str:
        return f"{self.line1}, {self.postcode} {self.city}"
