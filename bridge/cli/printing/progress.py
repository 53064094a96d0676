"""A progress line on the terminal. Prints nothing if standard error is not a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

_FIRST_SECONDS = 0.5
"""Shorter work shows nothing."""
_EVERY_SECONDS = 0.1
_WIDTH = 79


class Progress:
    """Shows a percentage and the rate while used as a context manager."""

    def __init__(self, what: str, noun: str = "alerts") -> None:
        """``what`` is done, such as ``searching``; ``noun`` is what is counted."""
        self._what = what
        self._noun = noun
        self._started = time.monotonic()
        self._due = self._started + _FIRST_SECONDS
        self._shown = False

    def update(self, done: int, of: int) -> None:
        """So many of so many are done."""
        now = time.monotonic()
        if now < self._due or not sys.stderr.isatty():
            return
        self._due = now + _EVERY_SECONDS
        self._shown = True
        percent = 100 * done // max(of, 1)
        rate = done / (now - self._started)
        _write(f"\r{self._what}: {percent:3} % of {of:,} {self._noun}, {rate:,.0f}/s ")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            _write(f"\r{' ' * _WIDTH}\r")


def _write(text: str) -> None:
    """Past the escaping of control characters: a carriage return moves the cursor here."""
    sys.stderr.buffer.write(text.encode())
    sys.stderr.buffer.flush()
