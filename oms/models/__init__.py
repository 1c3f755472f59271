"""The kernel's tables: messages in and out, answers kept, deeds kept, who may what, what can be found."""

from oms.models.access import ALL, ApiClient, Role, Scope, StaffMember
from oms.models.audit import AuditEntry, append_only
from oms.models.messages import AggregateSequence, IdempotencyKey, InboxMessage, OutboxEvent
from oms.models.search import SearchKey

__all__ = [
    "ALL",
    "AggregateSequence",
    "ApiClient",
    "AuditEntry",
    "IdempotencyKey",
    "InboxMessage",
    "OutboxEvent",
    "Role",
    "Scope",
    "SearchKey",
    "StaffMember",
    "append_only",
]
