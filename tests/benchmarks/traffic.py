"""Buyers over HTTP: keep-alive connections in a process of their own, each sending its next order when answered."""

import json
import selectors
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from django.db import connections

from orders.incoming import IncomingOrder
from tests.benchmarks import goods
from tests.benchmarks.measure import FORK, Timing

PATH = "/api/v1/orders"
BUSY = 503  # "send the same request again"
WARM_UP = 60  # requests, so that every worker has loaded everything


@dataclass(slots=True)
class Answers:
    timing: Timing = field(default_factory=Timing)  # of the requests that were answered as wanted
    statuses: dict[int, int] = field(default_factory=dict)
    said: dict[int, str] = field(default_factory=dict)  # the first body of each status

    def count(self, *statuses: int) -> int:
        return sum(self.statuses.get(status, 0) for status in statuses)


def request(order: IncomingOrder, *, key: str) -> bytes:
    body = json.dumps(goods.as_json(order)).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nIdempotency-Key: {order.external_number}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def send(
    port: int, requests: list[bytes], *, clients: int, seconds: float, until: int | None = None, warm_up: int = WARM_UP
) -> Answers:
    """Send the requests over `clients` connections, for `seconds` at most, and return what was answered.

    A buyer who gets the status `until` goes home. Busy answers are followed by the same request.
    """
    connections.close_all()
    receiver, sender = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_send, args=(port, requests, clients, seconds, until, warm_up, sender), daemon=True)
    process.start()
    sender.close()
    try:
        found: Answers = receiver.recv()
    except EOFError:
        raise RuntimeError("the client process died; its traceback stands above") from None
    process.join()
    return found


def _send(
    port: int, requests: list[bytes], clients: int, seconds: float, until: int | None, warm_up: int, pipe: Connection
) -> None:
    _Crowd(port, requests[:warm_up], until=None).run(clients, seconds)
    pipe.send(_Crowd(port, requests[warm_up:], until=until).run(clients, seconds))


@dataclass(slots=True)
class _Buyer:
    socket: socket.socket
    request: bytes = b""
    began: float = 0.0  # of the first try
    answer: bytes = b""


class _Crowd:
    def __init__(self, port: int, requests: Iterable[bytes], *, until: int | None) -> None:
        self._port = port
        self._left: Iterator[bytes] = iter(requests)
        self._until = until
        self._answers = Answers()
        self._selector = selectors.DefaultSelector()

    def run(self, clients: int, seconds: float) -> Answers:
        buyers = [_Buyer(socket.create_connection(("127.0.0.1", self._port))) for _ in range(clients)]
        began = time.perf_counter()
        busy = 0
        for buyer in buyers:
            if self._next(buyer):
                self._selector.register(buyer.socket, selectors.EVENT_READ, buyer)
                busy += 1
        while busy:
            for key, _ in self._selector.select(timeout=30):
                busy -= self._receive(key.data, began + seconds)
        self._answers.timing.wall = time.perf_counter() - began
        for buyer in buyers:
            buyer.socket.close()
        return self._answers

    def _next(self, buyer: _Buyer) -> bool:
        buyer.request = next(self._left, b"")
        if buyer.request:
            buyer.began = time.perf_counter()
            buyer.socket.sendall(buyer.request)
        return bool(buyer.request)

    def _receive(self, buyer: _Buyer, deadline: float) -> bool:
        """Read what has come; return whether this buyer is done."""
        part = buyer.socket.recv(65536)
        if not part:
            raise RuntimeError("the server hung up on a kept connection")
        buyer.answer += part
        status, body = _whole(buyer.answer)
        if not status:
            return False
        now, buyer.answer = time.perf_counter(), b""
        self._answers.statuses[status] = self._answers.statuses.get(status, 0) + 1
        self._answers.said.setdefault(status, body.decode()[:300])
        if status == BUSY and now < deadline:
            buyer.socket.sendall(buyer.request)
            return False
        if status in (200, 201):
            self._answers.timing.times.append(now - buyer.began)
        elif status != self._until:
            self._answers.timing.errors += 1
        if status == self._until or now > deadline or not self._next(buyer):
            self._selector.unregister(buyer.socket)
            return True
        return False


def _whole(answer: bytes) -> tuple[int, bytes]:
    """Status and body once all of it has come; (0, b"") before."""
    head, ended, body = answer.partition(b"\r\n\r\n")
    if not ended:
        return 0, b""
    lines = (line.lower() for line in head.split(b"\r\n"))
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
    return (int(head[9:12]), body) if len(body) >= length else (0, b"")
