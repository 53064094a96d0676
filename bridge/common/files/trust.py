"""Proxies and trusted certificate authorities for outgoing connections, as the environment sets them."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""The first that is set names the certificate authorities to trust, instead of the public ones."""
_NO_PROXIES: Mapping[str, str] = MappingProxyType({})


def trusted(cafile: str = "") -> ssl.SSLContext:
    """A context that verifies the server. Cached for each set of authorities, because reading them takes 20 ms.

    ``cafile`` is a PEM bundle that replaces the environment's for one channel. Raises OSError if it cannot be read.
    """
    path = cafile or bundle()
    return _context(path, os.stat(path).st_mtime_ns)  # noqa: PTH116  # cheap, and called often


def bundle() -> str:
    """The file or folder of the certificate authorities to trust."""
    from certifi import where

    return next((os.environ[name] for name in _BUNDLES if os.environ.get(name)), where())


def authorities(cafile: str = "", *, system: bool = False) -> str:
    """Where the trusted certificate authorities come from, for error messages.

    ``system``: for connections that Python's defaults verify, as those of e-mail.
    """
    if cafile:
        return "the file in `cafile`"
    named = next((name for name in (_BUNDLES[2:] if system else _BUNDLES) if os.environ.get(name)), "")
    if named:
        return f"{named}={os.environ[named]}"
    return "the system's CAs (SSL_CERT_FILE is not set)" if system else "the public CAs (SSL_CERT_FILE is not set)"


@lru_cache(32)
def _context(path: str, _changed: int) -> ssl.SSLContext:
    folder = os.path.isdir(path)  # noqa: PTH112
    return ssl.create_default_context(cafile=None if folder else path, capath=path if folder else None)


@lru_cache(1024)
def proxies(url: str) -> Mapping[str, str]:
    """The proxies for this address by scheme, from ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return _NO_PROXIES  # requests takes 20 ms and 3 MB to import
    from requests.utils import get_environ_proxies

    return get_environ_proxies(url, no_proxy=None)


def proxy(url: str) -> str | None:
    """The proxy for this address; None for a direct connection."""
    found = proxies(url)
    if not found:
        return None
    from requests.utils import select_proxy

    return select_proxy(url, dict(found))
