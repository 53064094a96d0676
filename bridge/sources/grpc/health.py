"""Tracks one Falco: whether it can be read, its version, and whether another client reads it. Logs each change once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from bridge.sources.contract import Accept, Batch, SourceState
from bridge.sources.grpc import competing_client
from bridge.sources.grpc.competing_client import GapDetector
from bridge.sources.grpc.connection import falco_version
from bridge.sources.grpc.failure import describe_failure, is_less_specific
from bridge.sources.state import StateTracker

if TYPE_CHECKING:
    import grpc

CONNECTIONS_SECONDS = 30.0
"""How often the connections to a unix socket are counted."""
_SPECIFIC_SECONDS = 60.0
"""How long a TLS error hides the refusals of other addresses of the same name."""
_REMEDY = "each client gets part of the alerts; let only one client read this Falco"


class FalcoHealth:
    """Updated by the thread that reads this Falco. ``state`` is thread-safe."""

    def __init__(self, source_name: str, address: str, connections_seconds: float = CONNECTIONS_SECONDS) -> None:
        self._source_name = source_name
        self._address = address
        self._connections_seconds = connections_seconds
        self._state = StateTracker(source_name, address)
        self._gap = GapDetector()
        self._readable = False
        self._logged_problem = ""
        self._specific_at = 0.0
        self._logged_missing = 0
        self._version = ""
        self._competitor = ""
        self._crowded_checks = 0
        self._checked_at = 0.0
        self._log = structlog.get_logger("grpc")

    def state(self) -> SourceState:
        """The current state."""
        return self._state.now()

    def counting(self, accept: Accept) -> Accept:
        """Wrap ``accept`` so that committed batches are counted and compared with Falco's own count."""

        def counted(batch: Batch) -> None:
            accept(batch)
            self._state.committed(batch)
            missing = self._gap.missing(batch.alerts, len(batch.rejected))
            if missing > self._logged_missing:
                self._logged_missing = missing
                self._report_competitor(f"{missing} of its alerts went to another client")

        return counted

    def failed(self, error: grpc.RpcError) -> None:
        """A read failed. Each cause is logged once, not each attempt."""
        sentence = describe_failure(self._address, error.code(), error.details() or "", was_read=self._readable)
        self.unreadable()
        now = time.monotonic()
        if is_less_specific(sentence, self._logged_problem) and now - self._specific_at < _SPECIFIC_SECONDS:
            sentence = self._logged_problem
        else:
            self._specific_at = now
        self._state.failed(sentence)
        if sentence != self._logged_problem:
            self._logged_problem = sentence
            self._log.warning("falco not readable", source=self._source_name, problem=sentence)

    def unreadable(self) -> None:
        """A read failed for an expected reason, which is not logged."""
        self._readable = False
        self._gap.reset()

    def readable(self, channel: grpc.Channel) -> None:
        """A read succeeded."""
        if not self._readable:
            self._readable = True
            self._version = falco_version(channel)
            self._update_detail()
        self._state.connected()
        self._check_connections()
        if self._logged_problem:
            self._logged_problem = ""
            self._log.info("falco readable", source=self._source_name, falco=self._address)

    def _check_connections(self) -> None:
        """Look for another client. The bridge itself has one connection to a socket, even if several sources use it."""
        now = time.monotonic()
        if not self._address.startswith("unix:") or now - self._checked_at < self._connections_seconds:
            return
        self._checked_at = now
        crowded = competing_client.connections(self._address.removeprefix("unix:")) > 1
        self._crowded_checks = self._crowded_checks + 1 if crowded else 0
        if self._crowded_checks == 2:  # a single check may see a connection that is closing
            self._report_competitor("another client is connected to its socket")

    def _report_competitor(self, sign: str) -> None:
        known, self._competitor = self._competitor, sign
        self._update_detail()
        if not known:
            self._log.warning(
                "another client reads this falco", source=self._source_name, falco=self._address, sign=sign,
                remedy=_REMEDY,
            )  # fmt: skip

    def _update_detail(self) -> None:
        self._state.note("; ".join(part for part in (self._version, self._competitor) if part))
