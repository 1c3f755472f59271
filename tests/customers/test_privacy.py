import pytest

from customers import privacy
from oms.models import AuditEntry
from tests import factories

pytestmark = pytest.mark.django_db


def reveal(purpose: str) -> None:
    privacy.reveal(customer_id=7, fields=["phone", "email"], purpose=purpose, actor=factories.ACTOR, now=factories.NOW)


class TestReveal:
    @pytest.mark.parametrize("purpose", privacy.PURPOSES)
    def test_writes_down_who_saw_what_and_what_for(self, purpose):
        reveal(purpose)

        entry = AuditEntry.objects.get()
        assert (entry.action, entry.object_kind, entry.object_id) == ("customer.revealed", "customer", "7")
        assert (entry.actor, entry.happened_at) == ("system:tests", factories.NOW)
        assert entry.reason == privacy.PURPOSES[purpose]
        assert entry.facts == {"fields": ["email", "phone"], "purpose": purpose}

    @pytest.mark.parametrize("purpose", ["", "because", "Identify", "To make sure who is calling"])
    def test_wants_a_purpose_from_the_list(self, purpose):
        with pytest.raises(privacy.PurposeMissing):
            reveal(purpose)

        assert not AuditEntry.objects.exists()
