"""Warns once if a source reads lines and finds no alert in them."""

from __future__ import annotations

import structlog

from bridge.sources.payload import Payload

_WARN_AFTER = 20
"""Lines. Falco's own log lines are not counted."""


class UnrecognizedLines:
    """Counts the lines of a source that hold no alert."""

    def __init__(self, source_name: str) -> None:
        self.count = 0
        self._source_name = source_name
        self._silent = False

    def note(self, payload: Payload) -> None:
        """Take the count from a payload. Warns if many lines and no alert have been read since the start."""
        self.count, payload.unrecognized = self.count + payload.unrecognized, 0
        if payload.alerts:
            self._silent = True
        if self.count >= _WARN_AFTER and not self._silent:
            self._silent = True
            structlog.get_logger("bridge").warning(
                "no alert in lines", source=self._source_name, lines=self.count,
                remedy="check that this is Falco's output, with json_output: true in falco.yaml; "
                "lines behind a prefix that is not known are in the quarantine",
            )  # fmt: skip
