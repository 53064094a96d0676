"""One HTTP address to post to: connections kept, no redirect followed, TLS verified, proxies honoured.

urllib3 makes the connections, by proxies and through TLS; what is said over them is ``exchange.py``'s, for a quarter
of the CPU that ``http.client`` takes.
"""

from __future__ import annotations

import ssl
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
from bridge.channels.apprise.intercept import Response
from bridge.channels.contract import Outcome
from bridge.channels.errors import ChannelError
from bridge.channels.native.address import Address
from bridge.channels.native.exchange import Answer, BrokenAnswerError, exchange
from bridge.channels.transport_errors import why_silent
from bridge.channels.verdict import judge
from bridge.common.masking import redacted, redacted_bytes
from bridge.common.trust import CONNECT_SECONDS, READ_SECONDS, proxy, trusted

_CONNECTIONS = 64
"""Kept at most: as many as a channel's workers may be."""
_PORTS = {"http": 80, "https": 443}
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Endpoint:
    """Used by several threads at a time."""

    def __init__(self, address: Address, path: str, headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Raises ChannelError where the address, its proxy or its authorities cannot be used."""
        if not address.host:
            raise ChannelError("names no host")
        try:
            url = parse_url(address.http_url(path))
        except LocationParseError:
            raise ChannelError("is malformed: its host or port cannot be read") from None
        self._connect, through = _way(url, address.one("cafile"))
        own = {"Host": _host(url), "User-Agent": f"falco-bridge/{__version__}", "Accept-Encoding": "identity"}
        target = f"{url.scheme}://{own['Host']}{url.request_uri}" if through else url.request_uri
        self._head = f"POST {target} HTTP/1.1\r\n" + _lines({**own, **headers, **address.http_headers(), **through})
        self._secrets = address.secrets
        self._kept: deque[HTTPConnection] = deque(maxlen=_CONNECTIONS)
        weakref.finalize(self, _close_all, self._kept)

    def post(self, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Send one request; the status decides. Never raises for what the network or the far side does."""
        heard = self._ask(body, headers)
        heard.body = redacted_bytes(heard.body, self._secrets)
        outcome = judge(heard, succeeded=heard.status is not None and 200 <= heard.status < 300)
        return replace(outcome, reason=redacted(outcome.reason, self._secrets))

    def _ask(self, body: bytes, headers: Mapping[str, str]) -> Response:
        request = f"{self._head}{_lines(headers)}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body
        try:
            answer = self._exchange(request)
        except (HTTPError, BrokenAnswerError, OSError) as error:
            return Response(error=why_silent(error))
        return Response(answer.status, answer.retry_after, bytes(answer.body))

    def _exchange(self, request: bytes) -> Answer:
        connection = self._connection()
        try:
            answer = exchange(connection.sock, request, READ_SECONDS)
        except BaseException:
            connection.close()
            raise
        if answer.may_go_on:
            self._kept.append(connection)
        else:
            connection.close()
        return answer

    def _connection(self) -> HTTPConnection:
        """A kept one that the far side has not closed, or a new one."""
        while True:
            try:
                kept = self._kept.pop()
            except IndexError:
                break
            if kept.is_connected:
                return kept
            kept.close()
        fresh = self._connect()
        try:
            fresh.connect()
        except BaseException:
            fresh.close()
            raise
        return fresh

    def close(self) -> None:
        """Let go of every connection."""
        _close_all(self._kept)


def _close_all(kept: deque[HTTPConnection]) -> None:
    while kept:
        kept.pop().close()


def _way(url: Url, cafile: str) -> tuple[Callable[[], HTTPConnection], dict[str, str]]:
    """How a connection is made; and, where a proxy takes the requests themselves, the headers that it wants."""
    host = (url.host or "").strip("[]")
    port = url.port or _PORTS[str(url.scheme)]
    context = _context(cafile) if url.scheme == "https" else None
    through = proxy(url.url)
    if through is None:
        return lambda: _new(host, port, context), {}
    by = _proxy_url(through)
    by_host, by_port = (by.host or "").strip("[]"), by.port or _PORTS[str(by.scheme)]
    by_context = _context() if by.scheme == "https" else None
    if context is None:
        return lambda: _new(by_host, by_port, by_context), {"Proxy-Connection": "keep-alive", **_proxy_headers(by)}

    def tunnel() -> HTTPConnection:
        config = ProxyConfig(by_context, use_forwarding_for_https=False, assert_hostname=None, assert_fingerprint=None)
        connection = HTTPSConnection(
            by_host, by_port, timeout=CONNECT_SECONDS, ssl_context=context, proxy=by, proxy_config=config
        )
        connection.set_tunnel(host, port, _proxy_headers(by), str(by.scheme))
        return connection

    return tunnel, {}


def _new(host: str, port: int, context: ssl.SSLContext | None) -> HTTPConnection:
    if context is None:
        return HTTPConnection(host, port, timeout=CONNECT_SECONDS)
    return HTTPSConnection(host, port, timeout=CONNECT_SECONDS, ssl_context=context)


def _context(cafile: str = "") -> ssl.SSLContext:
    try:
        return trusted(cafile)
    except OSError as error:
        raise ChannelError(f"has a bundle of authorities that cannot be used ({error.strerror or 'no PEM'})") from None


def _host(url: Url) -> str:
    default = url.port is None or url.port == _PORTS[str(url.scheme)]
    return str(url.host) if default else f"{url.host}:{url.port}"


def _lines(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def _proxy_url(through: str) -> Url:
    try:
        url = parse_url(through)
    except LocationParseError:
        url = Url()
    if url.scheme not in _PORTS or not url.host:
        raise ChannelError("is reached by a proxy that is not http:// or https://; see HTTPS_PROXY")
    return url


def _proxy_headers(by: Url) -> dict[str, str]:
    if by.auth is None:
        return {}
    user, _, password = by.auth.partition(":")
    return dict(urllib3.make_headers(proxy_basic_auth=f"{unquote(user)}:{unquote(password)}"))
