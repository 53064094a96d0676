"""Runs the indexer's process, and removes what was purged from the index."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

import structlog

from bridge.common.child_process import end, start_python
from bridge.history.index.folder import IndexFolder
from bridge.journal.location import Location, files_of, location_settings
from bridge.pipeline.services.background import Background

START_SECONDS = 10.0
"""The process starts after this time: a start, or a short run, does without it."""
_CHECK_SECONDS = 0.5
_FIRST_RESTART_SECONDS = 1.0
_SLOWEST_RESTART_SECONDS = 300.0


class HistoryIndex(Background):
    """Keeps the index of a journal up to date, in a process of its own with a lower priority."""

    def __init__(
        self,
        journal: Location,
        log: Mapping[str, str],
        secret_names: Collection[str] = (),
        start_seconds: float = START_SECONDS,
        start: Callable[..., subprocess.Popen[bytes]] = start_python,
    ) -> None:
        """``secret_names`` are the environment variables that the process does not get."""
        super().__init__("history index")
        self._folder = IndexFolder(files_of(journal))
        self._settings = json.dumps({**location_settings(journal), "log": dict(log)}).encode() + b"\n"
        self._secret_names = secret_names
        self._start_seconds = start_seconds
        self._start_process = start
        self._removed = 0
        self._log = structlog.get_logger("history")

    def removed(self, number: int) -> None:
        """The alerts up to this number were purged. Removes what the index holds of them."""
        if number <= self._removed:
            return
        try:
            self._folder.drop(number)
            self._removed = number
        except OSError as error:  # the next step tries again
            self._log.error("purged alerts remain in the index", problem=str(error), path=str(self._folder.path))

    def _run(self) -> None:
        pause = self._start_seconds
        restart = _FIRST_RESTART_SECONDS
        while not self._stop.wait(pause):
            try:
                process = self._start_process("bridge.history", without=self._secret_names)
            except OSError as error:  # no process, memory or descriptor is left
                self._log.warning("indexer not started", problem=error.strerror, restart_seconds=restart)
                pause, restart = restart, min(restart * 2, _SLOWEST_RESTART_SECONDS)
                continue
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.write(self._settings)
            while process.poll() is None and not self._stop.wait(_CHECK_SECONDS):
                pass
            if self._stop.is_set():
                end(process)
                return
            self._log.warning("indexer exited", exit=process.returncode, restart_seconds=restart)
            process.stdin.close()
            pause, restart = restart, min(restart * 2, _SLOWEST_RESTART_SECONDS)
