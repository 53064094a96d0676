"""Resolves a DNS name to Falcos: a headless Kubernetes service has an address for each of its pods."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from bridge.common.errors import SetupError

_QUERY_SECONDS = 2.5
"""The time limit for each of the two record types."""
_DNS_PORT = 53
_NOT_FOUND = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})

Lookup = Callable[[], frozenset[str]]
"""Returns the current addresses in gRPC's form. Raises SetupError with the cause and the remedy."""


@dataclass(frozen=True, slots=True)
class DnsName:
    """``dns://host:port``, resolved by the system or by the DNS server at ``resolver`` (``IP`` or ``IP:PORT``)."""

    host: str
    port: int
    resolver: str | None = None

    def __str__(self) -> str:
        return f"dns://{self.host}:{self.port}"

    def __call__(self) -> frozenset[str]:
        """Resolve the name to one address per pod. May block for seconds. Raises SetupError."""
        addresses = _resolve_system(self) if self.resolver is None else _resolve_server(self, self.resolver)
        return frozenset(f"[{each}]:{self.port}" if ":" in each else f"{each}:{self.port}" for each in addresses)


def server_address(resolver: str) -> tuple[str, int] | None:
    """The address and port of a DNS server. None if the text is neither ``IP``, ``IP:PORT`` nor ``[IP]:PORT``."""
    host, port = resolver, _DNS_PORT
    if resolver.startswith("[") or resolver.count(":") == 1:
        host, _, digits = resolver.rpartition(":")
        if not digits.isdecimal() or len(digits) > len("65535") or not 0 < int(digits) < 65536:
            return None
        port = int(digits)
    try:
        return str(ip_address(host.strip("[]"))), port
    except ValueError:
        return None


def _resolve_system(name: DnsName) -> set[str]:
    try:
        found = socket.getaddrinfo(name.host, name.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        if isinstance(error, socket.gaierror) and error.errno in _NOT_FOUND:
            raise _no_address(name) from error
        raise _no_answer(name, "the system's resolver", "check /etc/resolv.conf") from error
    return {str(address[0]) for *_, address in found}


def _resolve_server(name: DnsName, resolver: str) -> set[str]:
    import dns.exception
    import dns.resolver

    server = server_address(resolver)
    assert server is not None
    client = dns.resolver.Resolver(configure=False)
    client.nameservers = [server[0]]
    client.port = server[1]
    client.lifetime = _QUERY_SECONDS
    found: set[str] = set()
    failure: Exception | None = None
    for kind in ("A", "AAAA"):  # some servers refuse one type, or deny that the name exists (RFC 4074, section 4)
        try:
            found |= {each.address for each in client.resolve(name.host, kind, raise_on_no_answer=False)}
        except dns.resolver.NXDOMAIN as error:
            if not found:
                raise _no_address(name) from error
        except (dns.exception.DNSException, OSError) as error:
            failure = error
    if not found and failure is not None:
        raise _no_answer(name, f"the DNS server at {resolver}", "check `resolver` and the network") from failure
    if not found:
        raise _no_address(name)
    return found


def _no_address(name: DnsName) -> SetupError:
    return SetupError(
        f"{name}: the name has no address; "
        "give the full name of a headless service (clusterIP: None) that has ready pods"
    )


def _no_answer(name: DnsName, server: str, remedy: str) -> SetupError:
    return SetupError(f"{name}: {server} does not answer; {remedy}")
