"""What can be sold, and for how much."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q


class Product(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft"
        ACTIVE = "active"
        DISCONTINUED = "discontinued"

    code = models.CharField(max_length=60, unique=True)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    brand = models.CharField(max_length=80, blank=True, default="")
    category = models.CharField(max_length=200, blank=True, default="")  # path: "Fitness / Treadmills"
    image_url = models.URLField(max_length=500, blank=True, default="")  # shown, never fetched
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVE)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(code="") & ~Q(title=""), name="a_product_has_a_code_and_a_title"),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "active", "discontinued"]), name="product_status_exists"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class VariantQuerySet(models.QuerySet["Variant"]):
    def titled(self) -> "VariantQuerySet":
        return self.select_related("product")


class Variant(models.Model):
    """The unit of stock: one size and colour of a product."""

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="variants")
    sku = models.CharField(max_length=60, unique=True)
    name = models.CharField(max_length=120, blank=True, default="")  # "black, 2 m"; empty for a product of one kind
    gtin = models.CharField(max_length=14, null=True, blank=True, unique=True)  # unique when present
    weight_grams = models.PositiveIntegerField(null=True, blank=True)

    objects = VariantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(sku__regex=r"^\S(.*\S)?$"), name="a_sku_has_no_blanks_around_it"),
            # 14 digits, the last of which is the GS1 check digit. The function comes with the first migration.
            models.CheckConstraint(
                condition=Q(gtin__isnull=True)
                | Q(Func(F("gtin"), function="gtin_is_valid", output_field=models.BooleanField())),
                name="a_gtin_passes_its_check_digit",
            ),
        ]

    def __str__(self) -> str:
        return self.sku

    @property
    def title(self) -> str:
        return f"{self.product.title}, {self.name}" if self.name else self.product.title


class Price(models.Model):
    """What a variant costs the buyer in a channel during a time. An empty channel means every own channel."""

    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="prices")
    channel = models.CharField(max_length=40, blank=True, default="")
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()  # minor units
    valid = DateTimeRangeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="a_price_is_not_negative"),
            models.CheckConstraint(condition=Q(currency__regex="^[A-Z]{3}$"), name="a_price_has_a_currency"),
            ExclusionConstraint(
                name="one_price_at_a_time",
                expressions=[
                    ("variant", RangeOperators.EQUAL),
                    ("channel", RangeOperators.EQUAL),
                    ("currency", RangeOperators.EQUAL),
                    ("valid", RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.variant_id} {self.amount} {self.currency} {self.channel}"
