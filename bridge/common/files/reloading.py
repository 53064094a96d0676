"""Objects made from files, such as TLS certificates: made again when the files change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from bridge.common.errors import SetupError
from bridge.common.files.file_watch import fingerprint

CHECK_SECONDS = 2.0
"""How often the files are checked for changes, when the object is used."""

_Made = TypeVar("_Made")


class Reloading(Generic[_Made]):
    """The object that ``make`` makes from the files. Thread-safe.

    Files that cannot be used, or do not belong together, leave the previous object in use. A rotation writes one file
    after the other, so that is logged only once they have stayed unchanged for a check. Raises SetupError if they
    cannot be used at the start.
    """

    def __init__(self, source: str, files: Sequence[Path], make: Callable[[], _Made]) -> None:
        self._source = source
        self._files = tuple(files)
        self._make = make
        self._lock = threading.Lock()
        self._seen = fingerprint(self._files)
        self._in_use = self._seen
        self._checked = time.monotonic()
        self._broken = ""
        self._made = make()
        self._log = structlog.get_logger("tls")

    def current(self) -> _Made:
        """The newest usable object. It stays the same while the files do not change."""
        with self._lock:
            if time.monotonic() - self._checked >= CHECK_SECONDS:
                self._checked = time.monotonic()
                self._check()
            return self._made

    def _check(self) -> None:
        state = fingerprint(self._files)
        settled, self._seen = state == self._seen, state
        if state == self._in_use:
            self._broken = ""
            return
        try:
            self._made = self._make()
        except SetupError as error:
            if settled and str(error) != self._broken:
                self._broken = str(error)
                self._log.error(
                    "new certificates rejected; keeping the previous ones", source=self._source, problem=self._broken
                )
        else:
            self._in_use, self._broken = state, ""
            self._log.info("certificates reloaded", source=self._source)
