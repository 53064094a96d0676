"""Starts the courier process, wakes it, and starts another one when it ends."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress

import structlog

from bridge.common.child_process import start_python
from bridge.courier.process.exit_code import WORN_OUT
from bridge.tracing.counts import SharedCounts

_FIRST_RESTART_SECONDS = 0.1
_SLOWEST_RESTART_SECONDS = 30.0
_HEALTHY_SECONDS = 60.0
"""A courier that ran this long is replaced without a pause when it ends."""
_REPLACED_SECONDS = 35.0
"""How long a courier that is replaced may take for its attempts in flight: longer than any HTTP request takes."""
_PIPE_BYTES = 1 << 20
_EXIT_SECONDS = 1.0
"""How long the courier may take to settle and exit after its deadline."""


class CourierProcess:
    """Runs ``python -m bridge.courier``. The settings hold secrets and are passed through standard input only."""

    def __init__(
        self, settings: Mapping[str, object], secret_names: Collection[str] = (), *, is_used: bool = True
    ) -> None:
        """``secret_names`` are the environment variables that it does not get. One that is not used never starts."""
        self.is_used = is_used
        self.span_counts = SharedCounts()
        """What the courier's traces count."""
        self._secret_names = secret_names
        self._settings = self._line(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._is_missing = False
        """Whether the last attempt to start one failed, which is logged once."""
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._replacing = threading.Event()
        self._restarts = 0
        self._watcher = threading.Thread(target=self._watch, name="courier watch", daemon=True)
        self._log = structlog.get_logger("courier")

    def start(self) -> None:
        """Start the courier and the thread that waits for its end."""
        if not self.is_used:
            return
        self._launch()  # else the thread tries again
        self._watcher.start()

    @property
    def pid(self) -> int | None:
        """The courier's process id; None while it does not run."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    @property
    def restarts(self) -> int:
        """How often it was started again after it failed."""
        return self._restarts

    def wake(self) -> None:
        """Report new deliveries to the courier. One that is starting checks for them anyway."""
        self._write(b"\n")

    def try_now(self, channel: str) -> None:
        """Report to the courier that this channel may work again."""
        self._write(f"try {channel}\n".encode())

    def stop(self, seconds: float, hurry: threading.Event) -> bool:
        """Let the courier deliver what is due for up to ``seconds``, or until ``hurry`` is set, then kill it.

        Returns whether it exited in time. The rest waits in the journal.
        """
        self._stopping.set()
        self._write(f"stop {max(seconds, 0.0):.3f}\n".encode())
        deadline = time.monotonic() + max(seconds, 0.0) + _EXIT_SECONDS
        process = self._process
        while process is not None and process.poll() is None:
            if hurry.wait(0.02) or time.monotonic() > deadline:
                process.kill()
                process.wait()
                return False
        return True

    def finish(self) -> None:
        """Let the courier finish the attempts in flight and end. Does not wait: the next one waits for its lock."""
        self._stopping.set()
        with self._lock:
            if self._process is not None and self._process.stdin is not None:
                with suppress(BrokenPipeError, BlockingIOError):
                    self._process.stdin.close()

    def configure(self, settings: Mapping[str, object], secret_names: Collection[str] = ()) -> None:
        """Give the courier other settings. Its channels that have not changed are not interrupted.

        A courier that does not read them is replaced by another one, once its attempts in flight have ended.
        """
        line = b"configure " + self._line(settings)
        with self._lock:
            self._settings, self._secret_names = self._line(settings), secret_names
            process = self._process
            if process is None or process.stdin is None or process.stdin.closed:
                return
            with suppress(BrokenPipeError, BlockingIOError):
                if process.stdin.write(line) == len(line):
                    return
            self._replacing.set()
            with suppress(BrokenPipeError, BlockingIOError):
                process.stdin.close()
            timer = threading.Timer(_REPLACED_SECONDS, process.kill)
            timer.daemon = True
            timer.start()

    def _launch(self) -> bool:
        """Start a courier. Returns False where the machine has no process, memory or descriptor for it."""
        with self._lock:
            try:
                process = start_python(
                    "bridge.courier", without=self._secret_names, inherited=(self.span_counts.descriptor,)
                )
            except OSError as error:
                if not self._is_missing:
                    self._log.error("courier not started; trying again", problem=error.strerror)
                self._is_missing = True
                return False
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()
            self._process, self._is_missing = process, False
            assert process.stdin is not None
            with suppress(OSError):  # the settings of many channels fit at once, also if it does not read yet
                fcntl.fcntl(process.stdin, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            with suppress(BrokenPipeError):
                process.stdin.write(self._settings)
            # A full pipe must not block the router: the courier wakes up for the unread lines.
            os.set_blocking(process.stdin.fileno(), False)
            return True

    def _launch_at_last(self) -> None:
        """Start a courier, however often that fails at first, unless the bridge stops."""
        pause = _FIRST_RESTART_SECONDS
        while not self._launch() and not self._stopping.wait(pause):
            pause = min(pause * 2, _SLOWEST_RESTART_SECONDS)

    def _line(self, settings: Mapping[str, object]) -> bytes:
        return json.dumps({**settings, "span_counts": self.span_counts.descriptor}).encode() + b"\n"

    def _write(self, line: bytes) -> None:
        with self._lock:
            process = self._process
            if process is None or process.stdin is None or process.stdin.closed:
                return
            # The pipe breaks if the courier has just ended. The next one checks for deliveries when it starts.
            with suppress(BrokenPipeError, BlockingIOError):
                process.stdin.write(line)

    def _watch(self) -> None:
        if self._process is None:
            self._launch_at_last()
        pause = _FIRST_RESTART_SECONDS
        while self._process is not None:
            code = self._wait_healthy()
            if code is None:
                pause = _FIRST_RESTART_SECONDS
                code = self._process.wait()
            if self._stopping.is_set():
                return
            if self._replacing.is_set():
                self._replacing.clear()
                self._launch_at_last()
                continue
            if code == WORN_OUT:
                self._log.warning("courier replaced", reason="too many threads hang in channels")
                self._launch_at_last()
                continue
            self._restarts += 1
            self._log.error("courier exited", exit=_exit_text(code), restart_seconds=pause)
            if self._stopping.wait(pause):
                return
            pause = min(pause * 2, _SLOWEST_RESTART_SECONDS)
            self._launch_at_last()

    def _wait_healthy(self) -> int | None:
        """The exit code of a courier that ended early, or None for one that still runs after a while."""
        assert self._process is not None
        try:
            return self._process.wait(_HEALTHY_SECONDS)
        except subprocess.TimeoutExpired:
            return None


def _exit_text(code: int) -> str:
    """An exit code in words: ``killed by SIGKILL``."""
    if code >= 0:
        return f"exit {code}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"
