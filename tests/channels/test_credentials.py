"""Secrets of channel accounts, in a database that does not hold their key."""

from typing import Any

import pytest
from cryptography.fernet import InvalidToken
from django.db import connection

from channels import credentials
from channels.connectors.base import Credentials
from channels.models import ChannelAccount
from tests import factories

OURS = Credentials(client_id="demo-client", client_secret="demo-secret", refresh_token="demo-refresh")


@pytest.fixture
def account(db: None) -> ChannelAccount:
    return factories.account("ebay")


def stored() -> str:
    """All of the account, as it lies in the table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT convert_from(secrets, 'LATIN1'), a::text FROM channels_channelaccount a")
        return str(cursor.fetchall())


class TestKeep:
    def test_can_be_read_back_and_not_in_the_table(self, account: ChannelAccount) -> None:
        assert credentials.of(ChannelAccount.objects.get()) == OURS
        assert not any(secret in stored() for secret in ("demo-secret", "demo-refresh", "demo-client"))

    def test_the_same_secret_looks_different_each_time(self) -> None:
        assert credentials.seal("x") != credentials.seal("x")

    def test_new_ones_end_the_old_access_token(self, account: ChannelAccount) -> None:
        ChannelAccount.objects.update(access_token=credentials.seal("t"), token_expires_at=factories.NOW)
        credentials.keep(account, Credentials(client_id="a", client_secret="b", refresh_token="c"))

        kept = ChannelAccount.objects.get()
        assert (bytes(kept.access_token), kept.token_expires_at) == (b"", None)


class TestKeys:
    def test_a_new_key_in_front_writes_and_the_old_one_still_reads(
        self, account: ChannelAccount, settings: Any
    ) -> None:
        settings.OMS_FIELD_KEYS = ["new", "only-for-tests"]
        assert credentials.of(account) == OURS

        credentials.keep(account, OURS)
        settings.OMS_FIELD_KEYS = ["new"]
        assert credentials.of(ChannelAccount.objects.get()) == OURS

    def test_without_the_key_nothing_can_be_read(self, account: ChannelAccount, settings: Any) -> None:
        settings.OMS_FIELD_KEYS = ["another"]

        with pytest.raises(InvalidToken):
            credentials.of(account)

    def test_a_byte_changed_in_the_table_is_noticed(self, account: ChannelAccount) -> None:
        sealed = bytearray(account.secrets)
        sealed[40] ^= 1

        with pytest.raises(InvalidToken):
            credentials.unseal(bytes(sealed))
