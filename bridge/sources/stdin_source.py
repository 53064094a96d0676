"""Reads alerts from standard input.

For ``falco … | falco-bridge --config …``, or Falco's program_output with ``keep_alive: true``.
"""

from __future__ import annotations

import os
import select
import threading
import time
from zoneinfo import ZoneInfo

import structlog

from bridge.sources.contract import Accept, Batch, SourceState
from bridge.sources.line_reader import LineReader
from bridge.sources.lines import LineSplitter
from bridge.sources.payload import Payload
from bridge.sources.state import StateTracker
from bridge.sources.unrecognized import UnrecognizedLines

_READ_BYTES = 1 << 18
_CHECK_SECONDS = 0.25
_MAX_BATCH = 1000


class StdinSource:
    """Reads one file descriptor until its end."""

    def __init__(self, name: str, descriptor: int = 0, zone: ZoneInfo | None = None) -> None:
        self.name = name
        self._zone = zone
        self._descriptor = descriptor
        self._stop = threading.Event()
        self._aborted = threading.Event()
        self._state = StateTracker(name)
        self._unrecognized = UnrecognizedLines(name)
        self._log = structlog.get_logger("stdin")

    def run(self, accept: Accept) -> None:
        """Read until the input ends or the source is stopped. Input that has arrived by then is still read."""
        accept = self._state.counting(accept)
        self._state.connected()
        splitter, reader = LineSplitter(), LineReader()
        while not self._aborted.is_set():
            stopping = self._stop.is_set()
            readable, _, _ = select.select([self._descriptor], [], [], 0 if stopping else _CHECK_SECONDS)
            if readable:
                data = os.read(self._descriptor, _READ_BYTES)
                if not self._take(splitter, reader, data, accept):
                    return
            elif stopping:
                return

    def _take(self, splitter: LineSplitter, reader: LineReader, data: bytes, accept: Accept) -> bool:
        """Commit the alerts of one piece. Returns False at the end of the input."""
        received_ns = time.time_ns()
        payload = Payload(zone=self._zone)
        for line in splitter.feed(data) if data else splitter.end():
            reader.take(line, received_ns, payload)
            if len(payload.alerts) >= _MAX_BATCH:
                self._commit_payload(payload, accept)
                payload = Payload(zone=self._zone)
        if not data:
            reader.end(received_ns, payload)
        elif not splitter.waiting:
            reader.flush(received_ns, payload)
        self._commit_payload(payload, accept)
        if lines := self._unrecognized.count:
            self._state.note(f"{lines} lines without an alert")
        if not data:
            self._state.ended()
            self._state.note("ended")
            self._log.info("standard input ended", source=self.name)
        return bool(data)

    def _commit_payload(self, payload: Payload, accept: Accept) -> None:
        self._unrecognized.note(payload)
        if payload.alerts or payload.rejected:
            accept(Batch(self.name, time.time_ns(), tuple(payload.alerts), tuple(payload.rejected)))

    def stop(self) -> None:
        """Read the input that has already arrived, then return from ``run``."""
        self._stop.set()

    def abort(self) -> int:
        """Return from ``run`` at once. Lines left in the pipe are lost."""
        self._stop.set()
        self._aborted.set()
        return 1

    def state(self) -> tuple[SourceState, ...]:
        """Open since when, or ended."""
        return (self._state.now(),)
