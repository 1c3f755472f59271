"""Is this process alive, and is what it needs there? For the proxy and the orchestrator; says no more than that."""

import time
from collections.abc import Callable

import structlog
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

LARGEST_CLOCK_SKEW = 5.0  # seconds; leases and schedules compare our clock with the database's

log = structlog.get_logger(__name__)
_migrated = False


class NotReady(Exception):
    """A check that ran and found something wrong."""


@never_cache
@require_safe
@login_not_required
def alive(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
@login_not_required
def ready(_request: HttpRequest) -> HttpResponse:
    found = examine()
    return JsonResponse(found, status=200 if set(found.values()) == {"ok"} else 503)


def examine() -> dict[str, str]:
    """Every check with "ok" or "failed". The reason goes to the log, because anybody may ask."""
    return {name: _outcome(name, check) for name, check in CHECKS.items()}


def check_database_and_clock() -> None:
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        theirs = float(cursor.fetchone()[0])
    skew = theirs - (before + time.time()) / 2
    if abs(skew) > LARGEST_CLOCK_SKEW:
        raise NotReady(f"the database's clock differs by {skew:.1f} s")


def check_migrations() -> None:
    """Asked until the answer is yes; a later release starts new processes, which ask again."""
    global _migrated
    if _migrated:
        return
    executor = MigrationExecutor(connection)
    if waiting := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotReady(f"{len(waiting)} migrations are not applied")
    _migrated = True


def check_cache() -> None:
    cache.set("oms:ready", "yes", timeout=60)
    if cache.get("oms:ready") != "yes":
        raise NotReady("the cache does not keep what it is given")


CHECKS: dict[str, Callable[[], None]] = {
    "database": check_database_and_clock,
    "migrations": check_migrations,
    "cache": check_cache,
}


def _outcome(name: str, check: Callable[[], None]) -> str:
    try:
        check()
    except Exception as error:  # whatever is wrong, the answer is "not ready", never a 500
        log.warning("not_ready", check=name, reason=type(error).__name__, exc_info=not isinstance(error, NotReady))
        return "failed"
    return "ok"
