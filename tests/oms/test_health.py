import time

import pytest
from django.db import connection

from oms import health


@pytest.fixture(autouse=True)
def asked_for_the_first_time(monkeypatch):
    monkeypatch.setattr(health, "_migrated", False)


def test_alive_needs_nothing(client):
    answer = client.get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
class TestReady:
    def test_all_there(self, client):
        answer = client.get("/readyz")

        assert answer.status_code == 200
        assert answer.json() == {"database": "ok", "migrations": "ok", "cache": "ok"}

    def test_cache_away(self, client, settings):
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": "unix://:hidden@/nonexistent.sock",
            }
        }
        answer = client.get("/readyz")

        assert answer.status_code == 503
        assert answer.json() == {"database": "ok", "migrations": "ok", "cache": "failed"}
        assert b"hidden" not in answer.content

    def test_migration_not_applied(self, client):
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")

        answer = client.get("/readyz")

        assert answer.status_code == 503
        assert answer.json()["migrations"] == "failed"

    def test_clocks_differ(self, client, monkeypatch):
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() - 60)

        assert client.get("/readyz").json()["database"] == "failed"

    def test_only_reading_is_answered(self, client):
        assert client.post("/readyz").status_code == 405
