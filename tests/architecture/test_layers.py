"""Foreign keys are imports too: they point down the layers, and import-linter cannot see them."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models
from django.test.utils import isolate_apps

from tests.architecture.source import LEVELS, PROJECT

HEIGHT = {app: height for height, level in enumerate(LEVELS) for app in level}


def upward(found: Iterable[type[models.Model]]) -> list[str]:
    """ "Model.field → Model" of every relation that does not stay in its app or point down."""
    return [
        f"{model.__name__}.{field.name} → {field.related_model.__name__}"
        for model in found
        for field in [*model._meta.get_fields(), *model._meta.private_fields]
        if field.is_relation and not field.auto_created
        if _points_up(model._meta.app_label, field.related_model)
    ]


def _points_up(app: str, target: type[models.Model] | None) -> bool:
    if target is None:
        return True  # a generic relation points anywhere
    theirs = target._meta.app_label
    return theirs != app and HEIGHT.get(theirs, -1) >= HEIGHT[app]  # what is not ours lies below everything


def test_every_relation_points_down():
    ours = [model for model in apps.get_models(include_auto_created=True) if model._meta.app_label in HEIGHT]

    assert len(ours) > 20
    assert upward(ours) == []


def test_every_app_of_ours_has_a_level():
    ours = {config.name for config in apps.get_app_configs() if Path(config.path).parent == PROJECT}

    assert ours <= set(HEIGHT)
    assert {app for app in HEIGHT if not (PROJECT / app).is_dir()} == set()


@isolate_apps("oms", "customers", "inventory", "orders", "channels")
@pytest.mark.parametrize("kind", [models.ForeignKey, models.OneToOneField, models.ManyToManyField])
@pytest.mark.parametrize(
    ("app", "target", "caught"),
    [
        ("oms", "orders", True),
        ("inventory", "orders", True),
        ("inventory", "customers", True),
        ("customers", "inventory", True),
        ("orders", "channels", True),
        ("orders", "inventory", False),
        ("orders", "orders", False),
        ("channels", "oms", False),
    ],
)
def test_a_relation_that_points_up_is_seen(kind, app, target, caught):
    class Target(models.Model):
        class Meta:
            app_label = target

    more = {} if kind is models.ManyToManyField else {"on_delete": models.PROTECT}

    class Source(models.Model):
        found = kind(Target, **more)

        class Meta:
            app_label = app

    assert bool(upward([Source])) is caught
