"""The same request twice has one effect and one answer.

The key, the effect and the answer commit together, so a crash leaves all of them or none. A second request with
the same key waits for the first on the key's row and then gets its answer.
"""

import hashlib
import re
from collections.abc import Callable

from oms import db
from oms.errors import Refused

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class KeyMissing(Refused):
    code = "idempotency_key_required"
    status = 400


class KeyReused(Refused):
    code = "idempotency_key_reused"
    status = 422


def check(key: str | None) -> str:
    """Return the key if it can be one; raise KeyMissing otherwise."""
    if key is None or not _KEY.fullmatch(key):
        raise KeyMissing(
            "Send an Idempotency-Key header of 1 to 255 printable characters, new for each order and the same for"
            " each repetition of it."
        )
    return key


def fingerprint(*parts: bytes) -> bytes:
    """What must be equal for two requests to be the same one."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


@db.transaction
def once(*, scope: str, key: str, print_: bytes, do: Callable[[], tuple[int, str]]) -> tuple[int, str, bool]:
    """Run `do` unless this key was answered before; return (status, body, was replayed).

    `do` runs inside the transaction and returns what to answer. If it raises, nothing is kept and the
    key is free again. Raises KeyReused when the key belongs to a different request.
    """
    claimed = db.fetch(
        "INSERT INTO oms_idempotencykey (scope, key, fingerprint) VALUES (%s, %s, %s)"
        " ON CONFLICT (scope, key) DO NOTHING RETURNING id",
        [scope, key, print_],
        often=True,
    )
    if not claimed:
        return _replay(scope, key, print_)
    status, body = do()
    db.fetch(
        "UPDATE oms_idempotencykey SET status = %s, body = %s WHERE id = %s", [status, body, claimed[0][0]], often=True
    )
    return status, body, False


def _replay(scope: str, key: str, print_: bytes) -> tuple[int, str, bool]:
    ((kept, status, body),) = db.fetch(
        "SELECT fingerprint, status, body FROM oms_idempotencykey WHERE scope = %s AND key = %s", [scope, key]
    )
    if bytes(kept) != print_:
        raise KeyReused("This Idempotency-Key was used for a different request; use a new key for a new order.")
    return status, body, True


def forget(*, older_than_days: int = 7, limit: int = 10_000) -> int:
    """Delete old answers, a bounded number at a time; return how many went."""
    return len(
        db.fetch(
            "DELETE FROM oms_idempotencykey WHERE id IN (SELECT id FROM oms_idempotencykey"
            " WHERE created_at < clock_timestamp() - make_interval(days => %s) LIMIT %s) RETURNING id",
            [older_than_days, limit],
        )
    )
