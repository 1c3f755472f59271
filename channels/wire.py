"""The guarded way to one channel account: budget first, then a fresh token, then the call. Never in a transaction."""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from django.db import OperationalError
from django.utils import timezone

from channels import budgets, credentials
from channels.connectors.base import Account, Budget, Connector, Credentials, Throttled, Unauthorised, Unavailable
from channels.models import ChannelAccount
from oms import db, http
from oms.transport import Request, Response, Unanswered

RENEW_BEFORE = timedelta(minutes=3)
_UNLISTED = Budget(rate=1, burst=5)
_DEFAULT_WAIT = 20.0  # after a 429 that names no time
_LONGEST_WAIT = 24 * 3600.0
_RATES = (0.0001, 1000.0)  # calls a second that a channel may tell us to make


@dataclass
class AccountWire:
    """Implements `connectors.base.Wire` for one account and one kind of connector."""

    row: ChannelAccount
    kind: type[Connector]
    account: Account

    def send(self, operation: str, request: Request) -> Response:
        """See `connectors.base.Wire.send`."""
        budgets.take(self.row, operation, self._budget(operation))
        response = self._call(self.kind.authorise(request, self._token()))
        if self.kind.token_refused(response):
            stale = self.row.access_token
            response = self._call(self.kind.authorise(request, self._token(stale=bytes(stale))))
        self._learn(operation, response)
        if self.kind.token_refused(response):
            raise Unauthorised(f"{operation}: the channel refuses a token it has just given")
        if response.status == 429:
            raise self._throttled(operation, response)
        if response.status >= 500:
            raise Unavailable(f"{operation}: HTTP {response.status}", code=str(response.status))
        return response

    def _call(self, request: Request) -> Response:
        try:
            return http.send(request)
        except Unanswered as failure:
            raise Unavailable(str(failure)) from failure

    def _budget(self, operation: str) -> Budget:
        """The vendor's default, unless the account's settings say otherwise ("rate.searchOrders": "2/20")."""
        own = self.row.settings.get(f"rate.{operation}")
        if own:
            rate, _, burst = str(own).partition("/")
            return Budget(rate=float(rate), burst=int(burst or 1))
        return self.kind.budgets.get(operation, _UNLISTED)

    def _throttled(self, operation: str, response: Response) -> Throttled:
        told = _number(response.headers.get("retry-after", ""))
        seconds = _DEFAULT_WAIT if told is None else min(told, _LONGEST_WAIT)
        budgets.close(self.row, operation, seconds=seconds)
        return Throttled(f"{operation}: HTTP 429", retry_after=seconds)

    def _learn(self, operation: str, response: Response) -> None:
        rate = _number(response.headers.get("x-amzn-ratelimit-limit", ""))
        if rate is not None and _RATES[0] <= rate <= _RATES[1]:
            budgets.learn(self.row, operation, rate=rate)

    # -- tokens ---------------------------------------------------------------------------------------------------

    def _token(self, *, stale: bytes | None = None) -> str:
        """A token with some life in it; `stale` is one the channel has just refused."""
        if not self._is_fresh(stale):
            with _in_turn(f"token:{self.row.pk}"):
                self.row.refresh_from_db(fields=["secrets", "access_token", "token_expires_at"])
                if not self._is_fresh(stale):
                    self._renew()
        return credentials.unseal(self.row.access_token)

    def _is_fresh(self, stale: bytes | None) -> bool:
        expires, token = self.row.token_expires_at, bytes(self.row.access_token)
        return bool(expires and expires > timezone.now() + RENEW_BEFORE and token and token != stale)

    def _renew(self) -> None:
        """One worker at a time asks for a token; a rotated refresh token is kept before anything uses the new one."""
        held: Credentials = credentials.of(self.row)
        asked_at = timezone.now()
        response = self._call(self.kind.token_request(self.account, held))
        if response.status == 429:
            raise Throttled("the token endpoint: HTTP 429", retry_after=_DEFAULT_WAIT)
        if response.status >= 500:
            raise Unavailable(f"the token endpoint: HTTP {response.status}")
        token = self.kind.read_token(response)
        if token.refresh_token and token.refresh_token != held.refresh_token:
            credentials.keep(self.row, replace(held, refresh_token=token.refresh_token))
        self.row.access_token = credentials.seal(token.access_token)
        self.row.token_expires_at = asked_at + timedelta(seconds=token.lifetime)
        self.row.save(update_fields=["access_token", "token_expires_at"])


def _number(told: str) -> float | None:
    """A header's number, none below zero; None for anything else, such as a date."""
    try:
        number = float(told)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


@contextlib.contextmanager
def _in_turn(name: str) -> Iterator[None]:
    """`db.in_turn`, where waiting in vain for another worker is the channel's passing trouble: that one hangs on it."""
    with contextlib.ExitStack() as turn:
        try:
            turn.enter_context(db.in_turn(name))
        except OperationalError as busy:
            if db.sqlstate(busy) not in db.RETRIABLE:
                raise
            raise Unavailable("another worker waits for the channel's new token", code="token_awaited") from busy
        yield


@contextlib.contextmanager
def stopping_on_refused_credentials(account: ChannelAccount) -> Iterator[None]:
    """When the channel no longer takes our credentials, stop the account until a person has renewed them."""
    try:
        yield
    except Unauthorised as refusal:
        ChannelAccount.objects.filter(pk=account.pk, state=ChannelAccount.State.ACTIVE).update(
            state=ChannelAccount.State.UNAUTHORISED, state_reason=str(refusal)[:300]
        )
        raise
