"""Postgres and Valkey from their wheels, for a machine on which nobody installed either.

`ensure()` starts or joins them and puts their addresses into the environment; the last process that leaves, in
whatever way it leaves, takes them down with it. DATABASE_URL or REDIS_URL set by the operator wins: that service is
then somebody else's and is never touched.
"""

from oms.embedded.services import (
    OURS,
    CannotStart,
    Services,
    addresses,
    ensure,
    kill_postgres,
    kill_valkey,
    outage,
    release,
    running,
    secret,
    stop,
)

__all__ = [
    "OURS",
    "CannotStart",
    "Services",
    "addresses",
    "ensure",
    "kill_postgres",
    "kill_valkey",
    "outage",
    "release",
    "running",
    "secret",
    "stop",
]
