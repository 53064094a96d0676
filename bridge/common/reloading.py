"""What is made of files that somebody renews, certificates above all: read from them, and anew when they change."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from bridge.common.errors import SetupError

LOOK_SECONDS = 2.0
"""How often it is looked whether the files have changed."""

_Made = TypeVar("_Made")
_Stamp = tuple[tuple[int, int, int, int], ...]


class Renewed(Generic[_Made]):
    """What ``make`` makes of the files. Callable from any thread.

    Files that cannot be used, or do not belong together, leave what was read before in use. A rotation writes one file
    after the other: that is told only once they have stayed so for a look. Raises SetupError where they cannot be
    used at the beginning.
    """

    def __init__(self, source: str, files: Sequence[Path], make: Callable[[], _Made]) -> None:
        self._source = source
        self._files = tuple(files)
        self._make = make
        self._lock = threading.Lock()
        self._seen = _stamp(self._files)
        self._in_use = self._seen
        self._looked = time.monotonic()
        self._broken = ""
        self._made = make()
        self._log = structlog.get_logger("tls")

    def current(self) -> _Made:
        """The newest that can be used; the same object for as long as the files do not change."""
        with self._lock:
            if time.monotonic() - self._looked >= LOOK_SECONDS:
                self._looked = time.monotonic()
                self._look()
            return self._made

    def _look(self) -> None:
        stamp = _stamp(self._files)
        settled, self._seen = stamp == self._seen, stamp
        if stamp == self._in_use:
            self._broken = ""
            return
        try:
            self._made = self._make()
        except SetupError as error:
            if settled and str(error) != self._broken:
                self._broken = str(error)
                self._log.error("new certificates not used", source=self._source, problem=self._broken)
        else:
            self._in_use, self._broken = stamp, ""
            self._log.info("certificates read anew", source=self._source)


def _stamp(files: Sequence[Path]) -> _Stamp:
    """Changes whenever a file does; also where a link leads elsewhere, as Kubernetes renews a mounted secret."""
    return tuple(_file_stamp(path) for path in files)


def _file_stamp(path: Path) -> tuple[int, int, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116  # called all the time
    except OSError as error:
        return (-1, -1, -1, error.errno or 0)
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
