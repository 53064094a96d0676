"""Checks with bare TCP connects whether the hosts of channels that refused connections accept them again.

A probe of an open circuit is a message, so probes are rare. A connect that is closed at once costs nothing, and
can be made every few seconds. It runs in a thread of its own, which starts when a channel first refuses a connection.

A service often accepts connections before it works. For two minutes after its port opened, the channel is therefore
tried at each check; after that only the backoff decides.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

EVERY_SECONDS = 1.5
RETURN_SECONDS = 120.0
"""How long a service may take, from when its port opens, until it accepts messages."""
_CONNECT_SECONDS = 0.5
_RESOLVED_SECONDS = 60.0
"""How long the addresses of a host name are used, so that an outage causes no storm of DNS queries."""
_MOST_ADDRESSES = 2

Address = tuple[str, int]
"""Host and port."""


class PortChecks:
    """The channels that are checked. Used by the courier's main thread."""

    def __init__(self, on_open: Callable[[str], None]) -> None:
        """``on_open`` is called, from the thread, with the name of a channel that is to be tried now."""
        self._on_open = on_open
        self._watched: dict[str, Address] = {}
        self._changed = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, addresses: Mapping[str, Address]) -> None:
        """Check these channels from now on, and no others."""
        if addresses == self._watched:
            return
        self._watched = dict(addresses)
        self._changed.set()
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="port checks", daemon=True)
            with suppress(RuntimeError):  # no thread is left: probes find out
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        checks: dict[str, _Check] = {}
        while True:
            watched = self._watched
            checks = {
                name: checks[name] if name in checks and checks[name].address == address else _Check(address)
                for name, address in watched.items()
            }
            for name, check in checks.items():
                if check.is_returning():
                    self._on_open(name)
            if watched:
                time.sleep(EVERY_SECONDS)
            else:
                self._changed.wait()
                self._changed.clear()


class _Check:
    """One address. An open port is reported for a limited time, and again only after a refusal."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._resolved: list[tuple[int, tuple[object, ...]]] = []
        self._resolved_at = 0.0
        self._opened_at: float | None = None

    def is_returning(self) -> bool:
        """Whether the port accepts connections, and has not done so for long."""
        if not any(_connects(family, address) for family, address in self._addresses()):
            self._opened_at = None
            return False
        now = time.monotonic()
        if self._opened_at is None:
            self._opened_at = now
        return now - self._opened_at <= RETURN_SECONDS

    def _addresses(self) -> list[tuple[int, tuple[object, ...]]]:
        if not self._resolved_at or time.monotonic() > self._resolved_at + _RESOLVED_SECONDS:
            self._resolved_at = time.monotonic()
            with suppress(OSError, UnicodeError):
                found = socket.getaddrinfo(*self.address, type=socket.SOCK_STREAM)
                self._resolved = [(family, address) for family, _, _, _, address in found[:_MOST_ADDRESSES]]
        return self._resolved


def _connects(family: int, address: tuple[object, ...]) -> bool:
    with suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(_CONNECT_SECONDS)
        connection.connect(address)
        return True
    return False
