"""Where the local services keep their files, and as which user they run."""

import fcntl
import hashlib
import json
import os
import pwd
import secrets
import stat
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
LONGEST_SOCKET_FOLDER = 80  # a socket's whole path must stay below about 100 bytes


class CannotStart(Exception):
    """A local service does not come up; the message says what to do."""


@dataclass(frozen=True)
class Place:
    var: Path

    @classmethod
    def current(cls) -> "Place":
        return cls(Path(os.environ.get("OMS_VAR") or PROJECT / "var").resolve())

    @cached_property
    def account(self) -> pwd.struct_passwd | None:
        """The user Postgres runs as when we are root, which it refuses to be; None when we are somebody already."""
        if os.geteuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise CannotStart("Postgres does not run as root and there is neither a user 'postgres' nor 'nobody' here.")

    @cached_property
    def home(self) -> Path:
        """The data of both services: under var, or beside it when root's checkout is closed to everybody else."""
        if self.account is None or reachable_by_all(self.var):
            return self.var
        return Path("/var/tmp") / f"oms-{self._digest}"  # noqa: S108 (made 0711 and checked to be root's in prepare)

    @cached_property
    def sockets(self) -> Path:
        folder = self.home / "sockets"
        if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER:
            return folder
        return Path(tempfile.gettempdir()) / f"oms-{os.geteuid()}-{self._digest}"

    @property
    def pgdata(self) -> Path:
        return self.home / "postgres"

    @property
    def valkey_data(self) -> Path:
        return self.home / "valkey"

    @property
    def _digest(self) -> str:
        return hashlib.sha256(os.fsencode(self.var)).hexdigest()[:10]

    def prepare(self) -> None:
        """Make the folders, closed to others, and refuse any that somebody else made first."""
        for folder in (self.var, self.home):
            folder.mkdir(mode=0o711, parents=True, exist_ok=True)
            require_own(folder, os.geteuid())
        self.valkey_data.mkdir(mode=0o700, exist_ok=True)
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        owner = self.account.pw_uid if self.account else os.geteuid()
        if self.account and self.sockets.lstat().st_uid == 0:
            os.chown(self.sockets, self.account.pw_uid, self.account.pw_gid)
        require_own(self.sockets, owner)
        self.sockets.chmod(0o700)

    def secret(self, name: str) -> str:
        """A random value made at the first question for it and kept in the var folder."""
        path = self.var / "secrets.json"
        known = _read_secrets(path)
        if name in known:
            return known[name]
        self.var.mkdir(mode=0o711, parents=True, exist_ok=True)
        with (self.var / "secrets.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = _read_secrets(path)
            if name not in known:
                known[name] = secrets.token_urlsafe(32)
                handle, draft = tempfile.mkstemp(dir=self.var)  # mode 0600
                with os.fdopen(handle, "w") as file:
                    json.dump(known, file)
                Path(draft).replace(path)
        return known[name]


def _read_secrets(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return {}


def reachable_by_all(path: Path) -> bool:
    """Could an unrelated user walk to this folder? Folders that do not exist yet do not count."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in [path, *path.parents] if parent.exists())


def require_own(folder: Path, uid: int) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid:
        raise CannotStart(f"{folder} belongs to another user; set OMS_VAR to a folder of your own.")
