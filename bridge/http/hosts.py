"""The ``Host`` and ``Origin`` headers: against pages of other sites that reach a listener through a browser. Pure."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

_INTERNAL = (".localhost", ".local", ".internal", ".svc", ".home.arpa", ".test", ".invalid", ".example")
"""The ends of names that cannot be registered on the internet: RFC 6761, 6762, 8375, ICANN's .internal, Kubernetes."""

_USUAL_PORTS = {"https": ":443", "http": ":80"}


def host_name(host: str) -> str:
    """The name or address in a Host header without its port, in lower case; empty if the header makes no sense."""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return ""


def is_known_host(host: str, names: Collection[str]) -> bool:
    """Whether a Host header is an IP address, ``localhost`` or one of the names.

    DNS rebinding makes a browser send requests of a page to an address of its choice, with the page's name in Host.
    """
    name = host_name(host)
    return name == "localhost" or name in {each.lower().removesuffix(".") for each in names} or _is_address(name)


def is_loopback_host(host: str) -> bool:
    """Whether a Host header names this machine: ``localhost``, or an address that only this machine reaches."""
    name = host_name(host)
    return name == "localhost" or (_is_address(name) and ip_address(name).is_loopback)


def is_internal_host(host: str) -> bool:
    """Whether a Host header is a name that no attacker can register: one label, or under an internal domain."""
    name = host_name(host)
    return bool(name) and ("." not in name or name.endswith(_INTERNAL))


def is_other_origin(origin: str | None, host: str) -> bool:
    """Whether a request comes from a page of another site. Programs send no Origin.

    An Origin has no port where that is the usual one of its scheme; in ``host``, a proxy may have added it.
    """
    if origin is None:
        return False
    try:
        split = urlsplit(origin)
    except ValueError:
        return True
    return split.netloc.lower() != host.lower().removesuffix(_USUAL_PORTS.get(split.scheme, ""))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
