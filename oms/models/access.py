from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

ALL = "*"


class Role(models.TextChoices):
    ASSOCIATE = "associate", "Store associate"
    STORE_MANAGER = "store_manager", "Store manager"
    AGENT = "agent", "Call-centre agent"
    SUPERVISOR = "supervisor", "Supervisor"
    FINANCE = "finance", "Finance"
    MERCHANDISER = "merchandiser", "Merchandiser"
    INVENTORY_MANAGER = "inventory_manager", "Inventory manager"
    INTEGRATION_ADMIN = "integration_admin", "Integration admin"
    PRIVACY_OFFICER = "privacy_officer", "Privacy officer"
    AUDITOR = "auditor", "Auditor"
    PLATFORM_ADMIN = "platform_admin", "Platform admin"


class Scope(models.TextChoices):
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    STOCK_READ = "stock:read"
    STOCK_ADJUST = "stock:adjust"
    FULFILMENT_WRITE = "fulfilment:write"
    CUSTOMERS_PII = "customers:pii"


class StaffMember(models.Model):
    """What a user of the console may do and where. No row, no rights."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="staff_member")
    role = models.CharField(max_length=20, choices=Role.choices)
    # Codes, not keys: the kernel does not know locations or channels. ["*"] means all of them.
    locations = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    channels = ArrayField(models.CharField(max_length=40), default=list, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(role__in=Role.values), name="staff_role_exists"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"


class ApiClient(models.Model):
    """A program that may call the API: a web shop, a till, an ERP."""

    name = models.SlugField(max_length=60, unique=True)
    key_id = models.CharField(max_length=16, unique=True)
    key_hash = models.CharField(max_length=64)  # SHA-256 of the secret, which has 256 random bits
    scopes = ArrayField(models.CharField(max_length=30, choices=Scope.choices), default=list)
    locations = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    channels = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("created_at")), name="api_client_expires_after_it_is_made"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def has_expired(self) -> bool:
        return self.expires_at <= timezone.now()

    @property
    def is_authenticated(self) -> bool:
        """A client that got this far has shown its key."""
        return True
