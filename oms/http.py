"""The one outgoing client: time limits, size caps, no redirects, no private addresses, never inside a transaction."""

import ipaddress
import socket
import urllib.parse
from typing import Any

import urllib3
from django.conf import settings
from urllib3.util import Timeout

from oms import db
from oms.transport import Request, Response, Unanswered

CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
LARGEST = 10 * 2**20
USER_AGENT = "OMS/1.0 (Language=Python; Platform=Django)"


# Ranges whose last 32 bits are an IPv4 address (NAT64, IPv4-compatible), and ranges that are private without
# every Python saying so (local NAT64, site-local).
_ENDS_IN_IPV4 = [ipaddress.IPv6Network(net) for net in ("64:ff9b::/96", "::/96")]
_NOT_PUBLIC = [ipaddress.IPv6Network(net) for net in ("64:ff9b:1::/48", "fec0::/10")]


class Forbidden(Unanswered):
    """The address is not one this system may call."""


def send(request: Request, *, read_seconds: float = READ_SECONDS) -> Response:
    """Send `request` once and return the answer, whatever its status.

    Names are resolved here, every address is checked, and the connection goes to the checked address,
    so a name cannot point elsewhere a moment later. Redirects are answers, not followed. Raises Unanswered.
    """
    db.assert_no_transaction(f"{request.method} {request.url}")
    parts = _split(request.url)
    address = _checked_address(parts)
    pool = _pool(parts, address, Timeout(connect=CONNECT_SECONDS, read=read_seconds))
    target = parts.path or "/"
    query = "&".join(filter(None, [parts.query, urllib.parse.urlencode(request.params)]))
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "Host": parts.netloc, **request.headers}
    try:
        with pool:
            answer = pool.urlopen(
                request.method,
                f"{target}?{query}" if query else target,
                body=request.body or None,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=True,
            )
            body = answer.read(LARGEST + 1)
    except (urllib3.exceptions.HTTPError, OSError) as failure:
        raise Unanswered(f"{request.method} {parts.netloc}{target}: {type(failure).__name__}") from failure
    if len(body) > LARGEST:
        raise Unanswered(f"{request.method} {parts.netloc}{target}: the answer is larger than {LARGEST} bytes")
    return Response(status=answer.status, headers={k.lower(): v for k, v in answer.headers.items()}, body=body)


def _split(url: str) -> urllib.parse.SplitResult:
    try:
        parts = urllib.parse.urlsplit(url)
        _ = parts.port  # read late, and so refused late
    except ValueError as broken:
        raise Forbidden(f"{url[:200]} is no address: {broken}") from broken
    return parts


def _pool(parts: urllib.parse.SplitResult, address: str, timeout: Timeout) -> urllib3.HTTPConnectionPool:
    if parts.scheme == "https":
        host = parts.hostname
        return urllib3.HTTPSConnectionPool(
            address, parts.port or 443, timeout=timeout, maxsize=1, assert_hostname=host, server_hostname=host
        )
    return urllib3.HTTPConnectionPool(address, parts.port or 80, timeout=timeout, maxsize=1)


def _checked_address(parts: urllib.parse.SplitResult) -> str:
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc:
        raise Forbidden(f"{parts.scheme}://{host} is not a plain http(s) address")
    # Sandboxes on this machine are named one by one, with their port, by the operator.
    if f"{host}:{parts.port}" in allowed_private():
        return host
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if parts.scheme != "https" or port != 443:
        raise Forbidden(f"{host}:{port} is neither https on 443 nor an address the operator allowed")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as failure:
        raise Unanswered(f"{host} cannot be resolved") from failure
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise Forbidden(f"{host} leads to an address that is not on the public internet")
    return addresses[0]


def allowed_private() -> set[str]:
    """ "host:port" pairs of OMS_ALLOWED_PRIVATE_HOSTS."""
    return set(settings.OMS_ALLOWED_PRIVATE_HOSTS)


def is_public(address: str) -> bool:
    """Whether an IP address, also one wrapped into IPv6, lies on the public internet."""
    ip: Any = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if wrapped:
            return is_public(str(wrapped))
        if any(ip in network for network in _ENDS_IN_IPV4):
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if any(ip in network for network in _NOT_PUBLIC):
            return False
    return bool(ip.is_global and not ip.is_multicast)
