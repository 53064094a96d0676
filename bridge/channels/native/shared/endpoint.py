"""Posts to one HTTP address: pooled connections, no redirects, verified TLS, proxies of the environment.

urllib3 opens the connections, through proxies and TLS. Requests and responses are ``exchange.py``'s, for a quarter of
the CPU that ``http.client`` takes.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from urllib.parse import unquote

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection, ProxyConfig
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from bridge import __version__
from bridge.channels import transport_errors
from bridge.channels.channel_tls import ChannelTls
from bridge.channels.classify import classify
from bridge.channels.contract import Outcome
from bridge.channels.errors import ChannelError, InvalidResponseError
from bridge.channels.native.shared.address import Address
from bridge.channels.native.shared.exchange import MAX_BODY, ResponseParser, exchange
from bridge.channels.response import Response
from bridge.common.files.trust import CONNECT_SECONDS, READ_SECONDS, proxy
from bridge.common.masking import redacted, redacted_bytes
from bridge.delivery.extras import NO_EXTRAS, ChannelExtras

_MAX_IDLE = 64
"""Idle connections; equal to the maximum number of a channel's workers."""
_PORTS = {"http": 80, "https": 443}
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Endpoint:
    """An HTTP address and its connections. Thread-safe."""

    def __init__(
        self,
        address: Address,
        path: str,
        headers: Mapping[str, str] = NO_HEADERS,
        *,
        name: str = "",
        extras: ChannelExtras = NO_EXTRAS,
        read_seconds: float = READ_SECONDS,
        largest: int = MAX_BODY,
    ) -> None:
        """``read_seconds`` bounds one request and its response, ``largest`` the bytes of a body that are read.

        Raises ChannelError if the address, its proxy, its CA bundle or its client certificate cannot be used.
        """
        if not address.host:
            raise ChannelError("has no host")
        try:
            url = parse_url(address.http_url(path))
        except LocationParseError:
            raise ChannelError("has an invalid host or port") from None
        self._tls = ChannelTls(name, extras.tls, address.one("cafile")) if url.scheme == "https" else None
        self._connect, proxy_headers = _connector(url, self._tls)
        self.address = _direct_address(url)
        """Host and port; None behind a proxy."""
        own = {"Host": _host(url), "User-Agent": f"falco-bridge/{__version__}", "Accept-Encoding": "identity"}
        target = f"{url.scheme}://{own['Host']}{url.request_uri}" if proxy_headers else url.request_uri
        all_headers = {**own, **headers, **address.http_headers(), **proxy_headers}
        self._head = f"POST {target} HTTP/1.1\r\n" + _header_lines(all_headers)
        self._host = str(url.host)
        self._secrets = address.secrets | extras.secrets
        self._read_seconds, self._largest = read_seconds, largest
        self._idle: deque[HTTPConnection] = deque(maxlen=_MAX_IDLE)
        weakref.finalize(self, _close_all, self._idle)

    def post(self, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Post one request; the status decides. Never raises for network errors or invalid responses."""
        return self.outcome(self.request(body, headers))

    def outcome(self, response: Response) -> Outcome:
        """What the status of a response means."""
        outcome = classify(response, succeeded=response.status is not None and 200 <= response.status < 300)
        return replace(outcome, reason=redacted(outcome.reason, self._secrets)) if outcome.reason else outcome

    def request(self, body: bytes, headers: Mapping[str, str]) -> Response:
        """Post one request. The response's body has no secrets; an error is described in it. Never raises."""
        response = self._sent(body, headers)
        response.body = redacted_bytes(response.body, self._secrets)
        return response

    def _sent(self, body: bytes, headers: Mapping[str, str]) -> Response:
        head = f"{self._head}{_header_lines(headers)}Content-Length: {len(body)}\r\n\r\n"
        try:
            parsed = self._exchange(head.encode("latin-1") + body)
        except (HTTPError, InvalidResponseError, OSError) as error:
            tls = self._tls
            trusts, certificate = ("", "") if tls is None else (tls.authorities, tls.certificate)
            return Response(error=transport_errors.describe(error, self._host, trusts, certificate))
        return Response(parsed.status, parsed.retry_after, bytes(parsed.body))

    def _exchange(self, request: bytes) -> ResponseParser:
        connection = self._connection()
        try:
            parsed = exchange(connection.sock, request, self._read_seconds, self._largest)
        except BaseException:
            connection.close()
            raise
        if parsed.is_reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return parsed

    def _connection(self) -> HTTPConnection:
        """An idle connection that the server has not closed, or a new one; none with certificates of before."""
        context = None if self._tls is None else self._tls.context()
        while True:
            try:
                idle = self._idle.pop()
            except IndexError:
                break
            if idle.is_connected and (context is None or getattr(idle, "ssl_context", None) is context):
                return idle
            idle.close()
        connection = self._connect()
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close every idle connection."""
        _close_all(self._idle)


def _close_all(connections: deque[HTTPConnection]) -> None:
    while connections:
        connections.pop().close()


def _connector(url: Url, tls: ChannelTls | None) -> tuple[Callable[[], HTTPConnection], dict[str, str]]:
    """A function that makes a connection, and the headers for a proxy that forwards plain HTTP requests."""
    host = (url.host or "").strip("[]")
    port = url.port or _PORTS[str(url.scheme)]
    proxy_address = proxy(url.url)
    if proxy_address is None:
        return lambda: _make_connection(host, port, tls), {}
    via = _proxy_url(proxy_address)
    via_host, via_port = (via.host or "").strip("[]"), via.port or _PORTS[str(via.scheme)]
    via_tls = ChannelTls("proxy") if via.scheme == "https" else None
    if tls is None:
        headers = {"Proxy-Connection": "keep-alive", **_proxy_headers(via)}
        return lambda: _make_connection(via_host, via_port, via_tls), headers

    def tunnel() -> HTTPConnection:
        context, via_context = tls.context(), None if via_tls is None else via_tls.context()
        config = ProxyConfig(via_context, use_forwarding_for_https=False, assert_hostname=None, assert_fingerprint=None)
        connection = HTTPSConnection(
            via_host, via_port, timeout=CONNECT_SECONDS, ssl_context=context, proxy=via, proxy_config=config
        )
        connection.set_tunnel(host, port, _proxy_headers(via), str(via.scheme))
        return connection

    return tunnel, {}


def _direct_address(url: Url) -> tuple[str, int] | None:
    if proxy(url.url) is not None:
        return None
    return (url.host or "").strip("[]"), url.port or _PORTS[str(url.scheme)]


def _make_connection(host: str, port: int, tls: ChannelTls | None) -> HTTPConnection:
    if tls is None:
        return HTTPConnection(host, port, timeout=CONNECT_SECONDS)
    return HTTPSConnection(host, port, timeout=CONNECT_SECONDS, ssl_context=tls.context())


def _host(url: Url) -> str:
    is_default = url.port is None or url.port == _PORTS[str(url.scheme)]
    return str(url.host) if is_default else f"{url.host}:{url.port}"


def _header_lines(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def _proxy_url(address: str) -> Url:
    try:
        url = parse_url(address)
    except LocationParseError:
        url = Url()
    if url.scheme not in _PORTS or not url.host:
        raise ChannelError("uses a proxy that is not an http:// or https:// URL; change HTTPS_PROXY")
    return url


def _proxy_headers(via: Url) -> dict[str, str]:
    if via.auth is None:
        return {}
    user, _, password = via.auth.partition(":")
    return dict(urllib3.make_headers(proxy_basic_auth=f"{unquote(user)}:{unquote(password)}"))
