"""Which Falcos stand behind a name: a headless Kubernetes service has an address for each of its pods."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from bridge.common.errors import SetupError

_ANSWER_SECONDS = 2.5
"""For each of the two kinds of address."""
_DNS_PORT = 53
_NOT_THERE = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})

Lookup = Callable[[], frozenset[str]]
"""The addresses as gRPC takes them, at this moment. Raises SetupError with the cause and the remedy."""


@dataclass(frozen=True, slots=True)
class DnsName:
    """``dns://host:port``, asked of the system's resolver or of the server at ``resolver`` (``IP`` or ``IP:PORT``)."""

    host: str
    port: int
    resolver: str | None = None

    def __str__(self) -> str:
        return f"dns://{self.host}:{self.port}"

    def __call__(self) -> frozenset[str]:
        """An address for each pod. Waits for the resolver, for seconds if need be."""
        found = _resolve_system(self) if self.resolver is None else _resolve_server(self, self.resolver)
        return frozenset(f"[{each}]:{self.port}" if ":" in each else f"{each}:{self.port}" for each in found)


def server_address(resolver: str) -> tuple[str, int] | None:
    """The address and port of a DNS server; None where the text is neither ``IP``, ``IP:PORT`` nor ``[IP]:PORT``."""
    host, port = resolver, _DNS_PORT
    if resolver.startswith("[") or resolver.count(":") == 1:
        host, _, digits = resolver.rpartition(":")
        if not digits.isdecimal() or not 0 < int(digits) < 65536:
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
        if isinstance(error, socket.gaierror) and error.errno in _NOT_THERE:
            raise _no_address(name) from error
        raise _unreachable(name, "the system's resolver", "is /etc/resolv.conf right?") from error
    return {str(address[0]) for *_, address in found}


def _resolve_server(name: DnsName, resolver: str) -> set[str]:
    import dns.exception
    import dns.resolver

    where = server_address(resolver)
    assert where is not None
    asker = dns.resolver.Resolver(configure=False)
    asker.nameservers = [where[0]]
    asker.port = where[1]
    asker.lifetime = _ANSWER_SECONDS
    found: set[str] = set()
    failure: Exception | None = None
    for kind in ("A", "AAAA"):  # one of which some servers refuse to be asked for, or deny the name of (RFC 4074, 4)
        try:
            found |= {each.address for each in asker.resolve(name.host, kind, raise_on_no_answer=False)}
        except dns.resolver.NXDOMAIN as error:
            if not found:
                raise _no_address(name) from error
        except (dns.exception.DNSException, OSError) as error:
            failure = error
    if not found and failure is not None:
        who = f"the DNS server at {resolver}"
        raise _unreachable(name, who, "is `resolver` right, and may the bridge reach it?") from failure
    if not found:
        raise _no_address(name)
    return found


def _no_address(name: DnsName) -> SetupError:
    return SetupError(
        f"{name}: the name has no address; "
        "is it the full name of a headless service (clusterIP: None) whose pods are ready?"
    )


def _unreachable(name: DnsName, who: str, remedy: str) -> SetupError:
    return SetupError(f"{name}: {who} does not answer for it; {remedy}")
