"""Reads many Falcos as one source: those of a list, or those behind a DNS name as they come and go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from bridge.common.errors import SetupError
from bridge.sources.contract import Accept, SourceState
from bridge.sources.grpc.discovery import Lookup
from bridge.sources.grpc.source import GrpcSource
from bridge.sources.grpc.tls import Certificates
from bridge.sources.leased import LeasedSource, SourceLeases
from bridge.sources.state import StateTracker
from bridge.sources.supervise import supervise

LOOKUP_SECONDS = 3.0
"""How often the addresses are looked up."""
LINGER_SECONDS = 60.0
"""How long a Falco that is no longer found is still read: a terminating pod may have alerts left."""


@dataclass(slots=True)
class _Reader:
    """One Falco and the thread that reads it."""

    source: GrpcSource | LeasedSource
    thread: threading.Thread
    removed_since: float | None = None
    """Since when it is no longer found, by the monotonic clock."""


class GrpcPeers:
    """Reads every Falco that ``lookup`` returns, each in a thread of its own. ``label`` names them for people."""

    def __init__(
        self,
        name: str,
        label: str,
        lookup: Lookup,
        certificates: Certificates | None = None,
        *,
        lookup_seconds: float = LOOKUP_SECONDS,
        linger_seconds: float = LINGER_SECONDS,
    ) -> None:
        self.name = name
        self._lookup = lookup
        self._certificates = certificates
        self._lookup_seconds = lookup_seconds
        self._linger_seconds = linger_seconds
        self.leases: SourceLeases | None = None
        """Where they are set, each Falco that is reached over the network is read by one bridge."""
        self._readers: dict[str, _Reader] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._logged_problem = ""
        self._state = StateTracker(name, label)
        self._log = structlog.get_logger("grpc")

    def run(self, accept: Accept) -> None:
        """Read all Falcos until stopped. Lookups run in a thread of their own, because a resolver may hang."""
        threading.Thread(target=self._discover, args=(accept,), name=f"{self.name} discovery", daemon=True).start()
        self._stop.wait()
        with self._lock:
            threads = [reader.thread for reader in self._readers.values()]
        for thread in threads:
            thread.join()

    def stop(self) -> None:
        """Read the open streams to their ends, then return from ``run``."""
        with self._lock:
            self._stop.set()
            for reader in self._readers.values():
                reader.source.stop()

    def abort(self) -> int:
        """Cancel the open streams. The alerts that the Falcos had popped for them are lost."""
        self.stop()
        with self._lock:
            return sum(reader.source.abort() for reader in self._readers.values())

    def state(self) -> tuple[SourceState, ...]:
        """The state of the list or the name, then that of each Falco."""
        with self._lock:
            sources = [reader.source for _, reader in sorted(self._readers.items())]
        return (self._state.now(), *(state for source in sources for state in source.state()))

    def _discover(self, accept: Accept) -> None:
        while not self._stop.is_set():
            try:
                self._update(self._lookup(), accept)
            except SetupError as error:
                self._lookup_failed(str(error))
            except Exception as error:  # noqa: BLE001  # such as no thread for a Falco; it is tried again
                self._lookup_failed(f"internal error ({type(error).__name__}: {error})")
            else:
                self._lookup_succeeded()
            self._stop.wait(self._lookup_seconds)

    def _update(self, addresses: frozenset[str], accept: Accept) -> None:
        """Start a reader for each new address and retire those that are no longer found."""
        now = time.monotonic()
        with self._lock:
            if self._stop.is_set():
                return
            for address, reader in list(self._readers.items()):
                if not reader.thread.is_alive():
                    del self._readers[address]
                elif address not in addresses:
                    self._retire(address, reader, now)
                elif reader.removed_since is not None:
                    reader.removed_since = None
                    reader.source.set_removed(removed=False)
            for address in sorted(addresses - self._readers.keys()):
                self._readers[address] = self._start(address, accept)
            self._state.note(f"{len(addresses)} Falcos")

    def _start(self, address: str, accept: Accept) -> _Reader:
        source = self._source(address)
        name = f"{self.name} {address}"
        thread = threading.Thread(target=self._read, args=(source, accept), name=name, daemon=True)
        thread.start()
        self._log.info("falco found", source=self.name, falco=address)
        return _Reader(source, thread)

    def _source(self, address: str) -> GrpcSource | LeasedSource:
        make = partial(GrpcSource, self.name, address, self._certificates)
        return leased_falco(self.name, address, make, self.leases)

    def _read(self, source: GrpcSource | LeasedSource, accept: Accept) -> None:
        if not supervise(source, accept, self._stop):
            self._stop.set()

    def _retire(self, address: str, reader: _Reader, now: float) -> None:
        if reader.removed_since is None:
            reader.removed_since = now
            reader.source.set_removed(removed=True)
            self._log.info("falco removed; reading it until it stops answering", source=self.name, falco=address)
        elif now - reader.removed_since > self._linger_seconds:
            reader.source.stop()

    def _lookup_failed(self, problem: str) -> None:
        """Log each cause once. The known Falcos are still read."""
        self._state.failed(problem)
        if problem != self._logged_problem:
            self._logged_problem = problem
            self._log.warning("falco lookup failing", source=self.name, problem=problem, known=len(self._readers))

    def _lookup_succeeded(self) -> None:
        self._state.connected()
        if self._logged_problem:
            self._logged_problem = ""
            self._log.info("falco lookup recovered", source=self.name)


def leased_falco(
    name: str, address: str, make: Callable[[], GrpcSource], leases: SourceLeases | None
) -> GrpcSource | LeasedSource:
    """A source that one bridge reads. Every bridge reads the Falco of its own machine's unix socket."""
    if leases is None or address.startswith("unix:"):
        return make()
    return LeasedSource(name, f"grpc {address}", make, leases, peer=address)
