"""Listens at TCP addresses."""

from __future__ import annotations

import errno
import os
import socket

from bridge.common.errors import SetupError

_REMEDIES: dict[int | None, str] = {
    errno.EADDRINUSE: "another program uses this port; stop it, or choose another port",
    errno.EADDRNOTAVAIL: "this machine does not have this address; choose one that it has",
    errno.EACCES: "this user may not use a port below 1024; choose another port",
}
_BACKLOG = 1024
"""Connections that wait until they are accepted, at most: while the bridge starts, reloads or is busy."""


def listen_tcp(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of the host. ``::`` listens on IPv4 and IPv6. Raises SetupError."""
    sockets: list[socket.socket] = []
    try:
        if host == "::" and socket.has_dualstack_ipv6():
            return [
                _non_blocking(
                    socket.create_server(("::", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
                )
            ]
        for family, address in addresses_of(host, port):
            chosen = sockets[0].getsockname()[1] if sockets else address[1]
            sockets.append(_non_blocking(socket.create_server((address[0], chosen), family=family, backlog=_BACKLOG)))
    except (OSError, OverflowError) as error:
        for each in sockets:
            each.close()
        problem, remedy = bind_problem(error)
        raise SetupError(f"{host}:{port}: cannot listen ({problem}); {remedy}") from error
    return sockets


def addresses_of(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    """Family, address and port of each address of the host. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [(int(family), (str(address[0]), int(address[1]))) for family, _, _, _, address in found]


def bind_problem(error: OSError | OverflowError) -> tuple[str, str]:
    """Why an address cannot be listened at, and what to do."""
    number = error.errno if isinstance(error, OSError) and not isinstance(error, socket.gaierror) else None
    problem = str(getattr(error, "strerror", None) or error) if number is None else os.strerror(number)
    return problem, _REMEDIES.get(number, "check that the address is this machine's and that the port is free")


def _non_blocking(listening: socket.socket) -> socket.socket:
    listening.setblocking(False)
    return listening
