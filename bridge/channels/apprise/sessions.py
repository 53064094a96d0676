"""Sessions for what Apprise sends: connections and authorities kept, proxies looked up once, no netrc.

A session of ``requests`` reads the bundle of authorities anew for each connection (20 ms), and the environment and
``~/.netrc`` anew for each request; one of these does neither.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from bridge.common.trust import proxies, trusted


class PooledSession(requests.Session):
    """For one thread."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False  # what the environment says is looked up below; netrc would send what nobody asked for
        self.mount("https://", _TrustingAdapter())

    def merge_environment_settings(
        self,
        url: str | bytes | None,
        proxies: Any,
        stream: Any,
        verify: Any,
        cert: Any,
    ) -> Any:
        """The proxy that the environment names, unless the caller names one."""
        settings: dict[str, Any] = dict(super().merge_environment_settings(url, proxies, stream, verify, cert))
        settings["proxies"] = {**_proxies(url), **settings["proxies"]}
        return settings


def _proxies(url: str | bytes | None) -> Mapping[str, str]:
    if url is None:
        return {}
    return proxies(url if isinstance(url, str) else url.decode("ascii", "replace"))


class _TrustingAdapter(HTTPAdapter):
    """Verifies with the process's one context; a caller's own bundle, certificate or ``verify=False`` stays its own."""

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """What tells pools apart: our context in place of the bundle that each connection would read."""
        base: Any = super()
        host, pool = base.build_connection_pool_key_attributes(request, verify, cert)
        if verify is True and cert is None:
            pool = {name: value for name, value in pool.items() if name not in {"ca_certs", "ca_cert_dir"}}
            pool["ssl_context"] = _context()
        return host, pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing more to tell the pool where its context knows it all."""
        base: Any = super()
        if verify is not True or cert is not None:
            base.cert_verify(conn, url, verify, cert)


def _context() -> ssl.SSLContext:
    try:
        return trusted()
    except OSError as error:
        raise requests.exceptions.SSLError(f"the bundle of authorities cannot be read: {error.strerror}") from error
