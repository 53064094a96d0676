"""Reads standard input: ``falco … | falco-bridge --config …``, or Falco's program_output with ``keep_alive: true``."""

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
from bridge.sources.state import StateKeeper

_PIECE = 1 << 18
_LOOK_SECONDS = 0.25
_MOST_IN_A_BATCH = 1000


class StdinSource:
    """Reads one descriptor until it ends; then everything is handed over and the source is done."""

    def __init__(self, name: str, descriptor: int = 0, zone: ZoneInfo | None = None) -> None:
        self.name = name
        self._zone = zone
        self._descriptor = descriptor
        self._stop = threading.Event()
        self._cancelled = threading.Event()
        self._state = StateKeeper(name)
        self._log = structlog.get_logger("stdin")

    def run(self, accept: Accept) -> None:
        """Read until the input ends, or until stopped; then what has arrived by that time."""
        accept = self._state.counting(accept)
        self._state.connected()
        splitter, reader = LineSplitter(), LineReader()
        while not self._cancelled.is_set():
            stopping = self._stop.is_set()
            readable, _, _ = select.select([self._descriptor], [], [], 0 if stopping else _LOOK_SECONDS)
            if readable:
                data = os.read(self._descriptor, _PIECE)
                if not self._take(splitter, reader, data, accept):
                    return
            elif stopping:
                return

    def _take(self, splitter: LineSplitter, reader: LineReader, data: bytes, accept: Accept) -> bool:
        """Whether there may be more."""
        received_ns = time.time_ns()
        payload = Payload(zone=self._zone)
        for line in splitter.feed(data) if data else splitter.end():
            reader.take(line, received_ns, payload)
            if len(payload.alerts) >= _MOST_IN_A_BATCH:
                self._hand_over(payload, accept)
                payload = Payload(zone=self._zone)
        if not splitter.waiting:
            reader.flush(received_ns, payload)
        self._hand_over(payload, accept)
        if not data:
            self._state.ended()
            self._state.note("ended")
            self._log.info("standard input has ended", source=self.name)
        return bool(data)

    def _hand_over(self, payload: Payload, accept: Accept) -> None:
        if payload.alerts or payload.refused:
            accept(Batch(self.name, time.time_ns(), tuple(payload.alerts), tuple(payload.refused)))

    def stop(self) -> None:
        """Read what is there already, and leave."""
        self._stop.set()

    def cancel(self) -> int:
        """Let go at once; lines may be left in the pipe, which the operating system then drops."""
        self._stop.set()
        self._cancelled.set()
        return 1

    def state(self) -> tuple[SourceState, ...]:
        """Open since, or that it has ended."""
        return (self._state.now(),)
