"""Runs the console's process beside the bridge, and starts it again when it ends."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Collection
from contextlib import suppress

import msgspec
import structlog

from bridge.common.child_process import end, start_python
from bridge.console.process.launch import ConsoleLaunch
from bridge.pipeline.services.background import Background

_START_SECONDS = 1.0
"""The process starts after this time, so that its imports do not slow down the start of the bridge."""
_CHECK_SECONDS = 0.5
_FIRST_RESTART_SECONDS = 1.0
_SLOWEST_RESTART_SECONDS = 60.0
_HEALTHY_SECONDS = 60.0
"""A process that ran this long is started again without a longer pause."""


class ConsoleProcess(Background):
    """Runs ``python -m bridge.console``. What it gets holds secrets, and is passed through standard input only."""

    def __init__(
        self, launch: ConsoleLaunch, secret_names: Collection[str] = (), start_seconds: float = _START_SECONDS
    ) -> None:
        """``secret_names`` are the environment variables that the process does not get."""
        super().__init__("console")
        self._line = msgspec.json.encode(launch) + b"\n"
        self._secret_names = secret_names
        self._start_seconds = start_seconds
        self._log = structlog.get_logger("console")
        self._process: subprocess.Popen[bytes] | None = None
        self._reported = ""
        """What the process said before it ended."""
        self.address = ""
        """Where it serves; empty while it does not."""
        self.problem = ""
        """Why it does not serve; empty while it does, or starts."""
        self.restarts = 0
        """How often it was started again."""

    @property
    def pid(self) -> int | None:
        """Its process id; None while it does not run."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    def _run(self) -> None:
        pause, restart = self._start_seconds, _FIRST_RESTART_SECONDS
        while not self._stop.wait(pause):
            try:
                process = self._started()
            except OSError as error:  # no process, memory or descriptor is left
                self.problem = f"its process cannot be started ({error.strerror})"
                self._log.warning("console not started", problem=self.problem, restart_seconds=restart)
                pause, restart = restart, min(restart * 2, _SLOWEST_RESTART_SECONDS)
                continue
            started, self._reported = time.monotonic(), ""
            reader = threading.Thread(target=self._read, args=(process,), name="console output", daemon=True)
            reader.start()
            while process.poll() is None and not self._stop.wait(_CHECK_SECONDS):
                pass
            if self._stop.is_set():
                end(process)
                return
            assert process.stdin is not None
            process.stdin.close()
            reader.join()
            self.address = ""
            self.problem = self._reported or f"its process ended with exit code {process.returncode}; see the log"
            if time.monotonic() - started > _HEALTHY_SECONDS:
                restart = _FIRST_RESTART_SECONDS
            self._log.warning("console exited", problem=self.problem, restart_seconds=restart)
            self.restarts += 1
            pause, restart = restart, min(restart * 2, _SLOWEST_RESTART_SECONDS)

    def _started(self) -> subprocess.Popen[bytes]:
        self._process = process = start_python("bridge.console", stdout=subprocess.PIPE, without=self._secret_names)
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(self._line)
        return process

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        """Note what the process reports: where it serves, or why it cannot."""
        assert process.stdout is not None
        for line in process.stdout:
            word, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            if word == "serving":
                self.address, self.problem = rest, ""
                self._log.info("console started", address=rest, process=process.pid)
            elif word == "problem":
                self._reported = rest
        process.stdout.close()
