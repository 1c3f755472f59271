"""The smallest way to a simulated marketplace: real HTTP, a token, and the refusals that mean the same everywhere."""

from collections.abc import Callable
from typing import Any

import urllib3

from channels.connectors.base import Account, Credentials, Throttled, Unauthorised, Unavailable
from oms.transport import Request, Response
from tests.channels.connectors.contract import full_url

CREDENTIALS = Credentials(client_id="demo-client", client_secret="demo-secret", refresh_token="demo-refresh")


def over_http(timeout: float = 5.0) -> Callable[[Request], Response]:
    pool = urllib3.PoolManager(retries=False, timeout=timeout)

    def send(request: Request) -> Response:
        answer = pool.request(
            request.method, full_url(request), body=request.body or None, headers=dict(request.headers), retries=False
        )
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(status=answer.status, headers=headers, body=answer.data)

    return send


class TestWire:
    """Keeps `operations`, the names a connector asked with, for the budgets' sake."""

    __test__ = False

    def __init__(self, kind: type[Any], account: Account, send: Callable[[Request], Response]) -> None:
        self.kind, self.account, self.transport = kind, account, send
        self.operations: list[str] = []
        self._token = ""

    def send(self, operation: str, request: Request) -> Response:
        self.operations.append(operation)
        response = self._authorised(request)
        if self.kind.token_refused(response):
            self._token = ""
            response = self._authorised(request)
            if self.kind.token_refused(response):
                raise Unauthorised("refused twice")
        if response.status == 429:
            wait = response.headers.get("retry-after")
            raise Throttled("slower", retry_after=float(wait) if wait else None)
        if response.status >= 500:
            raise Unavailable(f"status {response.status}")
        return response

    def _authorised(self, request: Request) -> Response:
        if not self._token:
            asked = self.kind.token_request(self.account, CREDENTIALS)
            self._token = self.kind.read_token(self._answer(asked)).access_token
        return self._answer(self.kind.authorise(request, self._token))

    def _answer(self, request: Request) -> Response:
        try:
            return self.transport(request)
        except urllib3.exceptions.HTTPError as failed:
            raise Unavailable(str(failed)) from failed


class ScriptedWire:
    """Answers by rote and keeps the requests: for answers no marketplace would give on purpose."""

    def __init__(self, account: Account, *answers: Response) -> None:
        self.account = account
        self._answers = list(answers)
        self.requests: list[tuple[str, Request]] = []

    def send(self, operation: str, request: Request) -> Response:
        self.requests.append((operation, request))
        return self._answers.pop(0)
