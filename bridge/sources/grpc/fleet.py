"""Reads many Falcos as one source: those of a list, or those that stand behind a name, as they come and go."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import structlog

from bridge.common.errors import SetupError
from bridge.sources.contract import Accept, SourceState
from bridge.sources.grpc.discovery import Lookup
from bridge.sources.grpc.source import GrpcSource
from bridge.sources.grpc.tls import Certificates
from bridge.sources.state import StateTracker
from bridge.sources.supervise import supervise

CHECK_SECONDS = 3.0
"""How often it is looked who is there."""
LINGER_SECONDS = 60.0
"""One that is said to have gone is read for so long, if it answers: a pod on its way out still has alerts to give."""


@dataclass(slots=True)
class _Reader:
    """One Falco, its thread, and since when it is said to have gone."""

    source: GrpcSource
    thread: threading.Thread
    removed_since: float | None = None


class GrpcFleet:
    """Every Falco that ``lookup`` names, each read in a thread of its own. ``where`` is what people call them."""

    def __init__(self, name: str, where: str, lookup: Lookup, certificates: Certificates | None = None) -> None:
        self.name = name
        self._lookup = lookup
        self._certificates = certificates
        self._readers: dict[str, _Reader] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._reported = ""
        self._state = StateTracker(name, where)
        self._log = structlog.get_logger("grpc")

    def run(self, accept: Accept) -> None:
        """Read them all until stopped. A resolver that hangs holds up nobody: it is asked in another thread."""
        threading.Thread(target=self._follow, args=(accept,), name=f"{self.name} discovery", daemon=True).start()
        self._stop.wait()
        with self._lock:
            threads = [reader.thread for reader in self._readers.values()]
        for thread in threads:
            thread.join()

    def stop(self) -> None:
        """Read the streams that are open to their ends, and leave."""
        with self._lock:
            self._stop.set()
            for reader in self._readers.values():
                reader.source.stop()

    def abort(self) -> int:
        """Let go of the open streams; what the Falcos had popped for them is lost."""
        self.stop()
        with self._lock:
            return sum(reader.source.abort() for reader in self._readers.values())

    def state(self) -> tuple[SourceState, ...]:
        """Of the list or the name, then of each Falco."""
        with self._lock:
            sources = [reader.source for _, reader in sorted(self._readers.items())]
        return (self._state.now(), *(state for source in sources for state in source.state()))

    def _follow(self, accept: Accept) -> None:
        while not self._stop.is_set():
            try:
                addresses = self._lookup()
            except SetupError as error:
                self._report_problem(str(error))
            else:
                self._clear_problem()
                self._update(addresses, accept)
            self._stop.wait(CHECK_SECONDS)

    def _update(self, addresses: frozenset[str], accept: Accept) -> None:
        """Begin to read who has come; let those go that have gone, once they have nothing more to give."""
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
        source = GrpcSource(self.name, address, self._certificates)
        name = f"{self.name} {address}"
        thread = threading.Thread(target=self._read, args=(source, accept), name=name, daemon=True)
        thread.start()
        self._log.info("falco found", source=self.name, falco=address)
        return _Reader(source, thread)

    def _read(self, source: GrpcSource, accept: Accept) -> None:
        if not supervise(source, accept, self._stop):
            self._stop.set()

    def _retire(self, address: str, reader: _Reader, now: float) -> None:
        if reader.removed_since is None:
            reader.removed_since = now
            reader.source.set_removed(removed=True)
            self._log.info("falco gone; read while it answers", source=self.name, falco=address)
        elif now - reader.removed_since > LINGER_SECONDS:
            reader.source.stop()

    def _report_problem(self, problem: str) -> None:
        """Once for each cause; the Falcos that are known are read on."""
        self._state.failed(problem)
        if problem != self._reported:
            self._reported = problem
            self._log.warning("falcos not found", source=self.name, problem=problem, known=len(self._readers))

    def _clear_problem(self) -> None:
        self._state.connected()
        if self._reported:
            self._reported = ""
            self._log.info("falcos are found again", source=self.name)
