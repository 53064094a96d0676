"""Where a stand-in listens, and with whose certificates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bridge.simulate.errors import SimulationError

_MAX_SOCKET_PATH = 107
"""Bytes, by Linux' sockaddr_un."""


@dataclass(frozen=True, slots=True)
class StandInTls:
    """Mutual TLS, as Falco demands it over TCP. PEM files: who may come in, and who we are."""

    ca: Path
    certificate: Path
    key: Path


def socket_path(address: str) -> Path | None:
    """The unix socket that ``unix:PATH`` or ``unix:///PATH`` names; None for a TCP address.

    Raises SimulationError where the path is empty or too long for a socket.
    """
    if not address.startswith("unix:"):
        return None
    name = address.removeprefix("unix:")
    if name.startswith("//"):
        name = name.removeprefix("//")
    if not name:
        raise SimulationError(f"{address}: no path. Write unix:PATH, for example unix:/tmp/falco.sock")
    if len(name.encode()) > _MAX_SOCKET_PATH:
        raise SimulationError(
            f"{address}: a socket's path may have {_MAX_SOCKET_PATH} bytes; choose a shorter one, in /tmp say"
        )
    return Path(name)
