"""Secrets of channel accounts: written once, never shown again, encrypted with keys the database does not hold."""

import base64
import hashlib
import json
from dataclasses import asdict

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings

from channels.connectors.base import Credentials
from channels.models import ChannelAccount


def _box() -> MultiFernet:
    """The first key encrypts, all of them decrypt: put a new key in front to rotate."""
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())) for key in settings.OMS_FIELD_KEYS]
    )


def seal(text: str) -> bytes:
    return _box().encrypt(text.encode())


def unseal(sealed: bytes | memoryview) -> str:
    return _box().decrypt(bytes(sealed)).decode()


def keep(account: ChannelAccount, credentials: Credentials) -> None:
    """Store new credentials; the old access token dies with the old ones."""
    account.secrets = seal(json.dumps(asdict(credentials)))
    account.access_token = b""
    account.token_expires_at = None
    account.save(update_fields=["secrets", "access_token", "token_expires_at"])


def of(account: ChannelAccount) -> Credentials:
    return Credentials(**json.loads(unseal(account.secrets)))
