"""What is known of one Falco: whether it can be read, which it is, whether others read it too. Each is told once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from bridge.sources.contract import Accept, Batch, SourceState
from bridge.sources.grpc import competing_client
from bridge.sources.grpc.competing_client import ClientDetector
from bridge.sources.grpc.connection import falco_version
from bridge.sources.grpc.failure import describe_failure
from bridge.sources.state import StateTracker

if TYPE_CHECKING:
    import grpc

CONNECTIONS_SECONDS = 30.0
"""How often it is looked who is connected to a unix socket."""
_REMEDY = "each of them gets a part of its alerts: let one client read a Falco, or see who else does"


class FalcoHealth:
    """Kept by the thread that reads this Falco; ``state`` is for any thread."""

    def __init__(self, source: str, address: str) -> None:
        self._source = source
        self._address = address
        self._state = StateTracker(source, address)
        self._detector = ClientDetector()
        self._readable = False
        self._reported = ""
        self._reported_missing = 0
        self._version = ""
        self._shared = ""
        self._crowded = 0
        self._checked_at = 0.0
        self._log = structlog.get_logger("grpc")

    def state(self) -> SourceState:
        """How it is at this moment."""
        return self._state.now()

    def counting(self, accept: Accept) -> Accept:
        """``accept``, with what it commits counted, and held against Falco's own count."""

        def counted(batch: Batch) -> None:
            accept(batch)
            self._state.committed(batch)
            missing = self._detector.missing(batch.alerts, len(batch.rejected))
            if missing > self._reported_missing:
                self._reported_missing = missing
                self._report_shared(f"{missing} of its alerts went elsewhere")

        return counted

    def failed(self, error: grpc.RpcError) -> None:
        """A read failed: told once for each cause, not for each attempt."""
        sentence = describe_failure(self._address, error.code(), error.details() or "", was_read=self._readable)
        self.unreadable()
        self._state.failed(sentence)
        if sentence != self._reported:
            self._reported = sentence
            self._log.warning("falco not readable", source=self._source, problem=sentence)

    def unreadable(self) -> None:
        """A read failed, and nobody need hear of it."""
        self._readable = False
        self._detector.forget()

    def readable(self, channel: grpc.Channel) -> None:
        """A read succeeded."""
        if not self._readable:
            self._readable = True
            self._version = falco_version(channel)
            self._note()
        self._state.connected()
        self._check_connections()
        if self._reported:
            self._reported = ""
            self._log.info("falco is readable again", source=self._source, falco=self._address)

    def _check_connections(self) -> None:
        """More than one connection to the socket, twice in a row, is somebody else: ours is one, whoever shares it."""
        now = time.monotonic()
        if not self._address.startswith("unix:") or now - self._checked_at < CONNECTIONS_SECONDS:
            return
        self._checked_at = now
        crowded = competing_client.connections(self._address.removeprefix("unix:")) > 1
        self._crowded = self._crowded + 1 if crowded else 0
        if self._crowded == 2:
            self._report_shared("another client is connected to its socket")

    def _report_shared(self, sign: str) -> None:
        known, self._shared = self._shared, sign
        self._note()
        if not known:
            self._log.warning(
                "another client seems to read this falco", source=self._source, falco=self._address, sign=sign,
                remedy=_REMEDY,
            )  # fmt: skip

    def _note(self) -> None:
        self._state.note("; ".join(part for part in (self._version, self._shared) if part))
