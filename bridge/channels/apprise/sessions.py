"""HTTP sessions for Apprise's plugins: pooled connections, one TLS context, cached proxies, no netrc.

A session of ``requests`` reads the CA bundle for each connection (20 ms), and the environment and ``~/.netrc`` for each
request. These sessions do neither.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from bridge.channels.channel_tls import ChannelTls
from bridge.common.files.trust import proxies, trusted

_of_channel: ContextVar[ChannelTls | None] = ContextVar("tls", default=None)


@contextmanager
def using(tls: ChannelTls | None) -> Iterator[None]:
    """Let the requests of this thread use the certificates of a channel."""
    token = _of_channel.set(tls)
    try:
        yield
    finally:
        _of_channel.reset(token)


def tls_in_use() -> ChannelTls | None:
    """The certificates that the requests of this thread use; None for the environment's."""
    return _of_channel.get()


class PooledSession(requests.Session):
    """A session for one thread."""

    def __init__(self) -> None:
        super().__init__()
        # Proxies are looked up below. ``~/.netrc`` would add credentials that the config does not name.
        self.trust_env = False
        self.mount("https://", _SharedContextAdapter())

    def merge_environment_settings(
        self,
        url: str | bytes | None,
        proxies: Any,
        stream: Any,
        verify: Any,
        cert: Any,
    ) -> Any:
        """Add the environment's proxies, unless the caller passes its own."""
        settings: dict[str, Any] = dict(super().merge_environment_settings(url, proxies, stream, verify, cert))
        settings["proxies"] = {**_proxies(url), **settings["proxies"]}
        return settings


def _proxies(url: str | bytes | None) -> Mapping[str, str]:
    if url is None:
        return {}
    return proxies(url if isinstance(url, str) else url.decode("ascii", "replace"))


class _SharedContextAdapter(HTTPAdapter):
    """Verifies with the process's shared TLS context.

    A caller that passes its own CA bundle, a client certificate or ``verify=False`` gets the usual behaviour.
    """

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """The key of a connection pool, with the shared context instead of the CA bundle's path."""
        base: Any = super()
        host, pool = base.build_connection_pool_key_attributes(request, verify, cert)
        if verify is True and cert is None:
            pool = {name: value for name, value in pool.items() if name not in {"ca_certs", "ca_cert_dir"}}
            pool["ssl_context"] = _context()
        return host, pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Do nothing for the shared context, which is complete."""
        base: Any = super()
        if verify is not True or cert is not None:
            base.cert_verify(conn, url, verify, cert)


def _context() -> ssl.SSLContext:
    tls = tls_in_use()
    try:
        return trusted() if tls is None else tls.context()
    except OSError as error:
        raise requests.exceptions.SSLError(f"cannot read the CA bundle: {error.strerror}") from error
