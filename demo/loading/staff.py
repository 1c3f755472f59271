"""Who may sign in and which programs may call: a login for every role, a key for the web shop and one for the tills."""

import json
import os
import secrets
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import check_password, make_password
from django.core.management import call_command

from demo.world import buyers, opening, people, places
from oms.models import ALL, ApiClient, Role, Scope, StaffMember

CLIENTS = {buyers.WEB: "web-shop", buyers.TILL: "tills"}
_AT_ONE_STORE = {Role.ASSOCIATE, Role.STORE_MANAGER}
_WORDS = (
    "amber",
    "basil",
    "cedar",
    "clover",
    "coral",
    "fern",
    "hazel",
    "indigo",
    "juniper",
    "maple",
    "olive",
    "willow",
)


@dataclass(frozen=True, slots=True)
class Login:
    role: str  # in words
    username: str
    password: str
    sees: str


class Secrets:
    """Password and keys, in a file nobody else may read. They outlive the processes, not the folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def get(self, name: str) -> str:
        return self._known.get(name, "")

    def keep(self, name: str, value: str) -> str:
        self._known[name] = value
        draft = self._path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self._known, file)
        draft.replace(self._path)
        return value


def logins(kept: Secrets) -> list[Login]:
    """One login per role, named after people of the world; all have the same password."""
    password = kept.get("password") or kept.keep("password", _new_password())
    users = _users(password)
    store = places.stores()[opening.STORES_WITH_TREADMILL[0]]
    found = []
    for role, user in zip(Role, users, strict=True):
        is_local = role in _AT_ONE_STORE
        StaffMember.objects.update_or_create(
            user=user,
            defaults={"role": role, "locations": [store.code] if is_local else [ALL], "channels": [ALL]},
        )
        sees = f"{store.name} ({store.code})" if is_local else "everything"
        found.append(Login(str(role.label), user.get_username(), password, sees))
    return found


def _new_password() -> str:
    return "-".join([*(secrets.choice(_WORDS) for _ in range(2)), str(secrets.randbelow(9000) + 1000)])


def _users(password: str) -> list[Any]:
    """Hashing is slow on purpose, so the one password is hashed once for all of them."""
    model = get_user_model()
    names = _names(len(Role))
    known = {user.get_username(): user for user in model.objects.filter(username__in=names)}
    hashes = {user.password for user in known.values()}
    one = hashes.pop() if len(hashes) == 1 and len(known) == len(names) else ""
    if not one or not check_password(password, one):
        one = make_password(password)
        for name, (given, surname) in names.items():
            known[name], _ = model.objects.update_or_create(
                username=name, defaults={"first_name": given, "last_name": surname, "password": one}
            )
    return [known[name] for name in names]


def _names(count: int) -> dict[str, tuple[str, str]]:
    """{user name: (given name, surname)} of the first people whose given names are all different."""
    found: dict[str, tuple[str, str]] = {}
    for person in people.everybody():
        given, surname = person.spellings[0]
        if given.isascii() and given.isalpha() and surname:
            found.setdefault(given.lower(), (given, surname))
        if len(found) == count:
            break
    return found


def keys(kept: Secrets) -> dict[str, str]:
    """{channel: key} of the programs that place orders; a key that is lost or dead is replaced."""
    return {channel: _key(kept, channel, name) for channel, name in CLIENTS.items()}


def _key(kept: Secrets, channel: str, name: str) -> str:
    known = kept.get(f"key of {name}")
    if known and ApiClient.objects.filter(name=name, key_id=known.split("_")[1], revoked_at=None).exists():
        return known
    shown = StringIO()
    scopes = [
        scope for each in (Scope.ORDERS_WRITE, Scope.ORDERS_READ, Scope.STOCK_READ) for scope in ("--scope", each)
    ]
    call_command("api_client", name, *scopes, "--channel", channel, "--location", ALL, "--renew", stdout=shown)
    return kept.keep(f"key of {name}", shown.getvalue().strip())
