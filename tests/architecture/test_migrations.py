"""The history of the tables: one line per app, none of it in code that moves on, and it ends where the models stand."""

import ast
import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import connection, models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from tests.architecture.source import APPS, PROJECT, imports

FILES = sorted(file for app in APPS for file in (PROJECT / app).glob("migrations/[0-9]*.py"))
WITH_TABLES = sorted({file.parts[-3] for file in FILES})


@pytest.fixture(scope="module")
def history() -> MigrationLoader:
    return MigrationLoader(None)


@pytest.mark.parametrize("app", WITH_TABLES)
def test_are_one_line(history, app):
    mine = sorted(key for key in history.disk_migrations if key[0] == app)
    parents = [[key for key in history.disk_migrations[each].dependencies if key[0] == app] for each in mine]

    assert len(history.graph.leaf_nodes(app)) == 1
    assert parents == [[], *([each] for each in mine[:-1])]
    assert [name[:4] for _, name in mine] == [f"{number:04}" for number in range(1, len(mine) + 1)]


@pytest.mark.parametrize("app", WITH_TABLES)
def test_the_last_one_is_written_down(history, app):
    """Two branches that both add one then meet as a conflict of files, not as two heads."""
    ((_, last),) = history.graph.leaf_nodes(app)

    assert (PROJECT / app / "migrations/max_migration.txt").read_text() == f"{last}\n"


def test_end_where_the_models_stand(history):
    changes = MigrationAutodetector(history.project_state(), ProjectState.from_apps(apps)).changes(history.graph)

    assert {app: found for app, found in changes.items() if app in APPS} == {}


@pytest.mark.parametrize("app", WITH_TABLES)
def test_can_be_taken_back(history, app):
    for (label, name), migration in history.disk_migrations.items():
        if label == app:
            assert [operation for operation in migration.operations if not operation.reversible] == [], name


def borrowed(tree: ast.Module) -> list[str]:
    """What a migration imports from our apps: code that will have moved on when the migration runs again."""
    return [name for name in imports(tree) if name.split(".")[0] in APPS]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parts[-3]}.{file.stem}")
def test_use_nothing_of_ours(file):
    assert borrowed(ast.parse(file.read_text())) == []


def test_a_borrowed_model_is_seen():
    planted = "from django.db import migrations\nfrom orders.models import Order\nimport oms.money\n"

    assert borrowed(ast.parse(planted)) == ["orders.models.Order", "oms.money"]


def promised(model: type[models.Model]) -> Iterator[str]:
    """Names of what the model's Meta says stands in the database."""
    for each in [*model._meta.constraints, *model._meta.indexes]:
        yield each.name


@pytest.mark.django_db
def test_leave_in_the_database_what_the_models_promise():
    ours = [model for model in apps.get_models() if model._meta.app_label in APPS]
    missing = {}
    with connection.cursor() as cursor:
        for model in ours:
            stands = set(connection.introspection.get_constraints(cursor, model._meta.db_table))
            cursor.execute("SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass", [model._meta.db_table])
            stands |= {name for (name,) in cursor}
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND tgenabled = 'O'", [model._meta.db_table]
            )
            triggers = {re.sub(r"^pgtrigger_|_[0-9a-f]{5}$", "", name) for (name,) in cursor}
            wanted = {trigger.name for trigger in getattr(model._meta, "triggers", [])}
            if lacking := {*promised(model)} - stands | wanted - triggers:
                missing[model.__name__] = lacking

    assert missing == {}
