"""An order and its lines. Buckets and status are written by `orders.lifecycle` only."""

from functools import reduce
from operator import add

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from customers.models import Customer
from inventory.models import Location, Variant
from oms.db import LockingQuerySet
from oms.permissions import Reach
from orders.models.channel import SalesChannel


class OrderQuerySet(LockingQuerySet["Order"]):
    def within(self, reach: Reach) -> "OrderQuerySet":
        """Orders of the channels, and sold at or sent from the locations, that lie within reach."""
        found = self
        if reach.channels is not None:
            found = found.filter(channel__code__in=reach.channels)
        if reach.locations is not None:
            here = Q(sold_at__code__in=reach.locations) | Q(fulfilments__location__code__in=reach.locations)
            found = found.filter(here).distinct()
        return found


class Order(models.Model):
    class Status(models.TextChoices):
        """Derived from the line quantities, stored for lists."""

        AWAITING_PAYMENT = "awaiting_payment", "Awaiting payment"
        OPEN = "open", "Open"
        BACKORDERED = "backordered", "Backordered"
        ALLOCATED = "allocated", "Allocated"
        PARTIALLY_SHIPPED = "partially_shipped", "Partially shipped"
        SHIPPED = "shipped", "Shipped"
        COMPLETED = "completed", "Completed"
        CANCELLED = "cancelled", "Cancelled"

    number = models.BigIntegerField(
        unique=True, db_default=models.Func(models.Value("order_numbers"), function="nextval")
    )
    channel = models.ForeignKey(SalesChannel, on_delete=models.PROTECT, related_name="orders")
    external_number = models.CharField(max_length=80)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, null=True, blank=True, related_name="orders")
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.OPEN)
    currency = models.CharField(max_length=3)
    placed_at = models.DateTimeField()  # the buyer's moment
    accepted_at = models.DateTimeField(db_default=Now())  # ours
    external_updated_at = models.DateTimeField(null=True, blank=True)  # version of the channel's story we hold
    external_fingerprint = models.CharField(max_length=64, blank=True, default="", db_default="")
    awaiting_payment = models.BooleanField(default=False, db_default=False)
    cancel_requested = models.BooleanField(default=False, db_default=False)
    fulfilled_by_channel = models.BooleanField(default=False, db_default=False)
    sold_at = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    sold_by = models.CharField(max_length=80, blank=True, default="", db_default="")
    # The words of the order as sent; never edited, and copied so that a customer's later changes do not rewrite it.
    buyer_name = models.CharField(max_length=200, blank=True, default="", db_default="")
    ship_to = models.JSONField(null=True, blank=True)
    items_total = models.BigIntegerField()  # minor units, like every amount here
    shipping_total = models.BigIntegerField(default=0)
    discount_total = models.BigIntegerField(default=0)
    tax_total = models.BigIntegerField(default=0)
    tax_included = models.BooleanField(default=True)
    total = models.BigIntegerField()
    note = models.TextField(blank=True, default="", db_default="")
    warnings = models.JSONField(default=list)

    objects = OrderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("channel", "external_number", name="an_order_enters_once"),
            models.CheckConstraint(condition=~Q(external_number=""), name="an_order_has_an_external_number"),
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "awaiting_payment",
                        "open",
                        "backordered",
                        "allocated",
                        "partially_shipped",
                        "shipped",
                        "completed",
                        "cancelled",
                    ]
                ),
                name="order_status_exists",
            ),
            models.CheckConstraint(condition=Q(currency__regex="^[A-Z]{3}$"), name="an_order_has_a_currency"),
            models.CheckConstraint(
                condition=Q(items_total__gte=0, shipping_total__gte=0, discount_total__gte=0, tax_total__gte=0),
                name="order_amounts_are_not_negative",
            ),
            models.CheckConstraint(condition=Q(total__gte=0), name="order_total_is_not_negative"),
        ]
        indexes = [
            models.Index(fields=["-placed_at", "-id"], name="orders_newest_first"),
            models.Index(fields=["channel", "-placed_at", "-id"], name="orders_of_a_channel"),
            models.Index(fields=["status", "-placed_at", "-id"], name="orders_by_status"),
            models.Index(fields=["customer", "-placed_at"], name="orders_of_a_customer"),
        ]

    def __str__(self) -> str:
        return str(self.number)

    @property
    def holder(self) -> str:
        """How reservations name this order."""
        return f"order:{self.number}"


BUCKETS = (
    "open",
    "backordered",
    "allocated",
    "picked",
    "packed",
    "shipped",
    "delivered",
    "cancelled",
    "returning",
    "returned",
)


class OrderLineQuerySet(LockingQuerySet["OrderLine"]):
    """Lines, and the way to lock them."""


class OrderLine(models.Model):
    """One line. Each of its units is in exactly one bucket; a constraint adds them up at every commit."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()  # from 1, as sent
    external_id = models.CharField(max_length=80)
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="order_lines")
    sku = models.CharField(max_length=80)  # as the channel wrote it
    title = models.CharField(max_length=300, blank=True, default="")
    method = models.CharField(max_length=10)  # ship, pickup, carry_out
    pickup_at = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    unit_price = models.BigIntegerField()
    discount = models.BigIntegerField(default=0)
    tax = models.BigIntegerField(default=0)
    total = models.BigIntegerField()
    quantity = models.IntegerField()
    open = models.IntegerField(default=0, db_default=0)
    backordered = models.IntegerField(default=0, db_default=0)
    allocated = models.IntegerField(default=0, db_default=0)
    picked = models.IntegerField(default=0, db_default=0)
    packed = models.IntegerField(default=0, db_default=0)
    shipped = models.IntegerField(default=0, db_default=0)
    delivered = models.IntegerField(default=0, db_default=0)
    cancelled = models.IntegerField(default=0, db_default=0)
    returning = models.IntegerField(default=0, db_default=0)
    returned = models.IntegerField(default=0, db_default=0)

    objects = OrderLineQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("order", "position", name="one_line_per_position"),
            models.UniqueConstraint("order", "external_id", name="one_line_per_external_id"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="a_line_orders_something"),
            models.CheckConstraint(
                condition=Q(quantity=reduce(add, map(F, BUCKETS))), name="every_unit_is_in_one_bucket"
            ),
            models.CheckConstraint(
                condition=Q(**{f"{bucket}__gte": 0 for bucket in BUCKETS}), name="no_bucket_is_negative"
            ),
            models.CheckConstraint(
                condition=Q(unit_price__gte=0, discount__gte=0, tax__gte=0, total__gte=0),
                name="line_amounts_are_not_negative",
            ),
            models.CheckConstraint(condition=Q(method__in=["ship", "pickup", "carry_out"]), name="line_method_exists"),
            models.CheckConstraint(
                condition=Q(method="ship") | Q(pickup_at__isnull=False), name="a_collected_line_says_where"
            ),
        ]
        indexes = [
            models.Index(fields=["variant", "-id"], name="lines_of_a_variant"),
            models.Index(fields=["variant", "order"], name="lines_backordered", condition=Q(backordered__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.position}"


class OrderHold(models.Model):
    """A reason not to go on yet, with somebody who owns it. An order with an open hold is not sent."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="holds")
    reason = models.CharField(max_length=40)  # "address_warning", "awaiting_payment", "manual"
    note = models.CharField(max_length=300, blank=True, default="", db_default="")
    owner = models.CharField(max_length=80, blank=True, default="", db_default="")  # role or staff member
    placed_at = models.DateTimeField()
    placed_by = models.CharField(max_length=80)
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.CharField(max_length=80, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "order", "reason", name="one_open_hold_per_reason", condition=Q(released_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id} held: {self.reason}"
