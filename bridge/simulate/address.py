"""The address and the certificates of a simulated Falco."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bridge.simulate.errors import SimulationError

_MAX_SOCKET_PATH = 107
"""Bytes, as in Linux's sockaddr_un."""


@dataclass(frozen=True, slots=True)
class StandInTls:
    """Mutual TLS, which Falco requires over TCP. PEM files: the clients' CA, and our certificate and key."""

    ca: Path
    certificate: Path
    key: Path


def socket_path(address: str) -> Path | None:
    """The unix socket that ``unix:PATH`` or ``unix:///PATH`` names; None for a TCP address.

    Raises SimulationError if the path is empty or too long for a socket.
    """
    if not address.startswith("unix:"):
        return None
    name = address.removeprefix("unix:")
    if name.startswith("//"):
        name = name.removeprefix("//")
    if not name:
        raise SimulationError(f"{address}: no path; write unix:PATH, for example unix:/tmp/falco.sock")
    if len(name.encode()) > _MAX_SOCKET_PATH:
        raise SimulationError(f"{address}: a socket's path has at most {_MAX_SOCKET_PATH} bytes; choose a shorter one")
    return Path(name)
