"""Who did what and why: kept with the deed or not at all, and never changed afterwards."""

from datetime import UTC, datetime

import pytest
from django.db import InternalError, connection, transaction

from inventory.models import StockMovement
from oms import audit, db
from oms.audit import Actor, Deed
from oms.models import AuditEntry
from tests import factories

NOW = datetime(2026, 11, 3, 14, 2, tzinfo=UTC)
GRACE = Actor("staff", "grace", "supervisor", "r-1")


def deed(object_id: str = "100423", **more: object) -> Deed:
    about = {"action": "order.cancelled", "object_kind": "order", "object_id": object_id, "happened_at": NOW}
    return Deed(**{**about, **more})  # type: ignore[arg-type]


@pytest.mark.django_db
class TestRecord:
    def test_keeps_who_what_when_and_why(self):
        with transaction.atomic():
            audit.record(GRACE, [deed(reason="The buyer asked.", facts={"units": 2, "name": "Å"})])

        entry = AuditEntry.objects.get()
        assert (entry.actor, entry.role, entry.request_id) == ("staff:grace", "supervisor", "r-1")
        assert (entry.action, entry.object_kind, entry.object_id) == ("order.cancelled", "order", "100423")
        assert (entry.happened_at, entry.reason, entry.facts) == (NOW, "The buyer asked.", {"units": 2, "name": "Å"})
        assert entry.recorded_at > NOW

    def test_is_one_statement_for_any_number_of_deeds(self, django_assert_num_queries):
        with transaction.atomic(), django_assert_num_queries(1):
            audit.record(GRACE, (deed(str(number)) for number in range(300)))
        with transaction.atomic(), django_assert_num_queries(0):
            audit.record(GRACE, [])

        assert list(AuditEntry.objects.order_by("id").values_list("object_id", flat=True)) == list(map(str, range(300)))

    def test_belongs_to_the_transaction_of_the_deed(self):
        def do_and_break() -> None:
            with transaction.atomic():
                audit.record(GRACE, [deed()])
                raise ValueError("undone")

        with pytest.raises(ValueError, match="undone"):
            do_and_break()
        with pytest.raises(db.OutsideTransaction):
            audit.record(GRACE, [deed()])

        assert not AuditEntry.objects.exists()

    def test_a_long_name_is_cut_and_not_refused(self):
        with transaction.atomic():
            audit.record(Actor("client", "n" * 200), [deed()])

        assert AuditEntry.objects.get().actor == "client:" + "n" * 73


@pytest.fixture
def entry(db) -> str:
    with transaction.atomic():
        audit.record(GRACE, [deed()])
    return AuditEntry._meta.db_table


@pytest.fixture
def movement(db) -> str:
    factories.stock(factories.variant(), 5)
    return StockMovement._meta.db_table


@pytest.mark.parametrize("ledger", ["entry", "movement"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET actor = 'nobody'", "DELETE FROM {}", "TRUNCATE {}", "TRUNCATE {} CASCADE"]
)
def test_what_only_grows_is_guarded_by_the_database_itself(request, ledger, statement):
    table = request.getfixturevalue(ledger)
    connection.check_constraints()  # rows with checks outstanding could not be emptied anyway

    with pytest.raises(InternalError, match=r"Cannot update or delete|only grows"), transaction.atomic():
        db.fetch(statement.format(table))

    assert db.fetch(f"SELECT count(*) FROM {table} WHERE actor <> 'nobody'") == [(1,)]  # noqa: S608  # a model's table


@pytest.mark.django_db
def test_the_orm_is_refused_as_well(entry, movement):
    for model in (AuditEntry, StockMovement):
        row = model.objects.get()
        for change in (row.save, row.delete, model.objects.all().delete):
            with pytest.raises(InternalError, match="Cannot update or delete"), transaction.atomic():
                change()
