"""Where stock can be: stores, warehouses, somebody else's warehouse, a supplier's shelf."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from oms.permissions import Reach


class LocationQuerySet(models.QuerySet["Location"]):
    def within(self, reach: Reach) -> "LocationQuerySet":
        return self if reach.locations is None else self.filter(code__in=reach.locations)


class Location(models.Model):
    class Kind(models.TextChoices):
        STORE = "store", "Store"
        WAREHOUSE = "warehouse", "Warehouse"
        THIRD_PARTY = "3pl", "Third-party warehouse"
        SUPPLIER = "supplier", "Supplier"

    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    line1 = models.CharField(max_length=120, blank=True, default="")
    line2 = models.CharField(max_length=120, blank=True, default="")
    city = models.CharField(max_length=80, blank=True, default="")
    region = models.CharField(max_length=40, blank=True, default="")
    postcode = models.CharField(max_length=12, blank=True, default="")
    country = models.CharField(max_length=2, default="US")
    phone = models.CharField(max_length=30, blank=True, default="")
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    zone = models.CharField(max_length=40, default="UTC")  # IANA name; opening hours are wall clock here
    is_open = models.BooleanField(default=True)  # false: closed for good or for now, nothing is promised from here
    sells_online = models.BooleanField(default=True)  # counts towards what channels are told
    ships = models.BooleanField(default=True)
    offers_pickup = models.BooleanField(default=False)
    services = ArrayField(models.CharField(max_length=60), default=list, blank=True)

    objects = LocationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9][A-Z0-9-]*$"), name="location_codes_are_plain"),
            models.CheckConstraint(
                condition=Q(kind__in=["store", "warehouse", "3pl", "supplier"]), name="location_kind_exists"
            ),
            models.CheckConstraint(condition=Q(country__regex="^[A-Z]{2}$"), name="location_country_is_iso"),
            models.CheckConstraint(
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                | Q(
                    latitude__isnull=False,
                    latitude__range=(-90, 90),
                    longitude__isnull=False,
                    longitude__range=(-180, 180),
                ),
                name="location_lies_on_the_globe",
            ),
            models.CheckConstraint(
                condition=Q(offers_pickup=False) | Q(kind__in=["store", "3pl"]), name="only_stores_and_3pl_offer_pickup"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class OpeningHours(models.Model):
    """One stretch of a weekday, on the location's own clock. Stretches past midnight are two rows."""

    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="hours")
    weekday = models.PositiveSmallIntegerField()  # Monday is 0
    opens = models.TimeField()
    closes = models.TimeField()

    class Meta:
        verbose_name_plural = "opening hours"
        constraints = [
            models.CheckConstraint(condition=Q(weekday__lte=6), name="weeks_have_seven_days"),
            models.CheckConstraint(condition=Q(opens__lt=F("closes")), name="stores_open_before_they_close"),
            models.UniqueConstraint("location", "weekday", "opens", name="one_stretch_per_opening"),
        ]

    def __str__(self) -> str:
        return f"{self.location_id} {self.weekday} {self.opens}-{self.closes}"
