"""The one outgoing client: what it may call, how long it listens, how much it takes in."""

import gzip
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from django.db import transaction

from oms import db, http
from oms.transport import Request, Unanswered

pytestmark = pytest.mark.django_db  # to ask whether a transaction is open


BOMB = gzip.compress(bytes(2**20)) * 400  # 400 KB that unpack to 400 MB


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: ClassVar[list["Server"]] = []
    body: bytes = b""

    def do_GET(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append(self)
        ANSWERS.get(self.path.partition("?")[0], plain)(self)

    def do_POST(self) -> None:
        self.do_GET()

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def plain(request: Server) -> None:
    request.answer(200, b'{"ok":true}', X_Rate="5")


def too_large(request: Server) -> None:
    request.answer(200, b"x" * (http.LARGEST + 1))


def bomb(request: Server) -> None:
    request.answer(200, BOMB, Content_Encoding="gzip")


def cut_short(request: Server) -> None:
    request.answer(200, b'{"half":', Content_Length="5000")
    request.close_connection = True


def silence(request: Server) -> None:
    time.sleep(0.5)
    request.close_connection = True


def noise(request: Server) -> None:
    request.wfile.write(b"\x00\x01\x02 not http at all\r\n\r\n")
    request.close_connection = True


ANSWERS: dict[str, Callable[[Server], None]] = {
    "/broken": lambda request: request.answer(503, b"<html>", Retry_After="7"),
    "/redirect": lambda request: request.answer(302, b"", Location="/secret"),
    "/gzip": lambda request: request.answer(200, gzip.compress(b'{"ok":true}'), Content_Encoding="gzip"),
    "/largest": lambda request: request.answer(200, b"x" * http.LARGEST),
    "/too-large": too_large,
    "/bomb": bomb,
    "/cut-short": cut_short,
    "/silence": silence,
    "/noise": noise,
}


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server(running, settings):
    """Address of a server on this machine which the operator allowed."""
    settings.OMS_ALLOWED_PRIVATE_HOSTS = [running]
    Server.seen.clear()
    return f"http://{running}"


class TestSend:
    def test_answers_with_what_came(self, server):
        answer = http.send(Request(method="GET", url=f"{server}/"))

        assert (answer.status, answer.body, answer.ok) == (200, b'{"ok":true}', True)
        assert answer.headers["x-rate"] == "5"

    def test_sends_what_was_asked(self, server):
        http.send(
            Request.with_json(
                "POST", f"{server}/orders?a=1", {"name": "Å"}, params=(("b", "x y"), ("b", "&")),
                headers={"Authorization": "Bearer s"},
            )
        )  # fmt: skip
        (seen,) = Server.seen

        assert (seen.command, seen.path) == ("POST", "/orders?a=1&b=x+y&b=%26")
        assert seen.body == '{"name":"Å"}'.encode()
        assert seen.headers["Authorization"] == "Bearer s"
        assert seen.headers["Content-Type"] == "application/json"
        assert seen.headers["Host"] == server.removeprefix("http://")
        assert seen.headers["User-Agent"] == http.USER_AGENT

    def test_an_answer_of_any_status_is_an_answer(self, server):
        answer = http.send(Request(method="GET", url=f"{server}/broken"))

        assert (answer.status, answer.headers["retry-after"], answer.ok) == (503, "7", False)

    def test_does_not_follow_redirects(self, server):
        answer = http.send(Request(method="GET", url=f"{server}/redirect"))

        assert (answer.status, answer.headers["location"]) == (302, "/secret")
        assert len(Server.seen) == 1

    def test_unpacks_what_came_packed(self, server):
        assert http.send(Request(method="GET", url=f"{server}/gzip")).body == b'{"ok":true}'

    def test_takes_in_only_so_much(self, server):
        assert len(http.send(Request(method="GET", url=f"{server}/largest")).body) == http.LARGEST
        with pytest.raises(Unanswered, match="larger than"):
            http.send(Request(method="GET", url=f"{server}/too-large"))

    def test_is_not_filled_up_by_a_small_answer_that_unpacks_to_a_large_one(self, server):
        tracemalloc.start()
        with pytest.raises(Unanswered, match="larger than"):
            http.send(Request(method="GET", url=f"{server}/bomb"))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert peak < 8 * http.LARGEST

    @pytest.mark.parametrize("path", ["/cut-short", "/silence", "/noise"])
    def test_half_an_answer_is_none(self, server, path):
        with pytest.raises(Unanswered, match=path):
            http.send(Request(method="GET", url=f"{server}{path}"), read_seconds=0.2)

    def test_nobody_there(self, settings):
        settings.OMS_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1:1"]
        with pytest.raises(Unanswered, match=r"^GET 127\.0\.0\.1:1/orders: "):
            http.send(Request(method="GET", url="http://127.0.0.1:1/orders?secret=1"))

    def test_refuses_to_be_called_with_locks_held(self, server):
        with transaction.atomic(), pytest.raises(db.InsideTransaction):
            http.send(Request(method="GET", url=f"{server}/"))

        assert not Server.seen


class TestForbidden:
    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "127.0.0.1.", "①②⑦.⓪.⓪.①",
            "localhost", "LOCALHOST", "localhost.", "0.0.0", "0", "10.0.0.1", "172.16.0.1", "192.168.0.1",
            "169.254.169.254", "100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1",
            "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
            "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:0:0:0:0:80ff:fffe]",
            "[fc00::1]", "[fe80::1]", "[fe80::1%25lo]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[100::1]",
        ],
    )  # fmt: skip
    def test_is_every_spelling_of_an_address_that_is_not_public(self, host):
        with pytest.raises(Unanswered) as refused:
            http.send(Request(method="GET", url=f"https://{host}/"))

        # A spelling that this machine's resolver does not take leads nowhere either.
        assert isinstance(refused.value, http.Forbidden) or "cannot be resolved" in str(refused.value)

    @pytest.mark.parametrize(
        "url",
        [
            "http://8.8.8.8/", "https://8.8.8.8:8443/", "https://8.8.8.8:22/", "ftp://8.8.8.8/", "file:///etc/passwd",
            "gopher://8.8.8.8/", "//8.8.8.8/", "8.8.8.8", "", "https://", "https:///path", "javascript:alert(1)",
            "https://user:password@8.8.8.8/", "https://user@8.8.8.8/", "https://@8.8.8.8/", "https://8.8.8.8\\@127.0.0.1/",
            "https://8.8.8.8:99999/", "https://8.8.8.8:x/", "https://[::1/", "https://[8.8.8.8]/",
            f"https://{'a' * 64}.example/", "https://.example/", "https://a..b/", "https://\ud800/",
        ],
    )  # fmt: skip
    def test_is_every_address_that_is_not_plain_https(self, url):
        with pytest.raises(Unanswered):
            http.send(Request(method="GET", url=url))

    def test_what_the_operator_allowed_is_one_host_on_one_port(self, running, settings):
        host, _, port = running.partition(":")
        settings.OMS_ALLOWED_PRIVATE_HOSTS = [running]
        for other in (
            f"localhost:{port}",
            f"{host}:1",
            f"127.1:{port}",
            host,
            f"{host}:{port}.example",
            f"x@{running}",
        ):
            with pytest.raises(Unanswered):
                http.send(Request(method="GET", url=f"http://{other}/"))

    def test_nothing_is_allowed_by_itself(self, settings):
        assert settings.OMS_ALLOWED_PRIVATE_HOSTS == []


class TestIsPublic:
    @pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
    def test_yes(self, address):
        assert http.is_public(address)
