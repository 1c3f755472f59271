"""HTTP around a marketplace: parses a call, lets it be answered, and breaks the wire when a fault says so."""

import json
import socket
import struct
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from demo.marketplaces.faults import Fault


@dataclass(frozen=True, kw_only=True)
class Call:
    method: str
    path: str  # as sent, still quoted
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""

    def json(self) -> Any:
        """The body's JSON. Raises ValueError."""
        return json.loads(self.body or b"{}")


@dataclass(frozen=True, kw_only=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    fault: Fault | None = None  # how the wire breaks while this is sent

    @classmethod
    def of(cls, payload: Any, status: int = 200, **headers: str) -> "Reply":
        body = json.dumps(payload, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return cls(status=status, body=body, headers=headers)


class Answering(Protocol):
    def answer(self, call: Call) -> Reply: ...


class Running:
    """A marketplace that answers at `url` until it is stopped."""

    def __init__(self, marketplace: Answering, port: int = 0) -> None:
        self._server = _Server(port, marketplace)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def __init__(self, port: int, marketplace: Answering) -> None:
        self.marketplace = marketplace
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that hang up are everyday life here; a fault of our own still shows itself."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # one packet for head and body, or the peer's delayed acknowledgement costs 40 ms
    timeout = 120
    server: _Server

    def _serve(self) -> None:
        reply = self.server.marketplace.answer(self._call())
        if reply.fault is None:
            self._send(reply)
        else:
            self._break(reply, reply.fault)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815  # names are the library's

    def _call(self) -> Call:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        return Call(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length) if length else b"",
        )

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        if reply.body:
            self.send_header("Content-Type", reply.content_type)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def _break(self, reply: Reply, fault: Fault) -> None:
        if fault.kind in ("hang", "slow"):
            self.server.stopping.wait(fault.seconds)
        if fault.kind == "slow":
            self._send(reply)
            return
        self.close_connection = True
        if fault.kind in ("reset", "lost_answer"):
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """The marketplace keeps its own log of calls."""
