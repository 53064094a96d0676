"""The courier as the bridge sees it: a child that is started, woken, watched, and started again when it dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from bridge.courier.exit_code import WORN_OUT

_FIRST_RESTART_SECONDS = 0.1
_SLOWEST_RESTART_SECONDS = 30.0
_HEALTHY_SECONDS = 60.0
"""A courier that lived this long was well: its next death is answered at once."""
_REPLACED_SECONDS = 35.0
"""What a courier that is to be replaced has to end its attempts: longer than any HTTP request takes."""
_LEAVING_SECONDS = 1.0
"""What the courier has, past its own deadline, to settle and leave."""

_NEEDED = frozenset({"PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH"})
"""Variables that a process may need though the config names them too."""


class CourierProcess:
    """Runs ``python -m bridge.courier``; the settings, secrets among them, go down its standard input only."""

    def __init__(self, settings: Mapping[str, object], secret_names: Collection[str] = ()) -> None:
        """``secret_names`` are the variables of the environment that are kept from it."""
        self._secret_names = secret_names
        self._settings = _line(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._replacing = threading.Event()
        self._restarts = 0
        self._watcher = threading.Thread(target=self._watch, name="courier watch", daemon=True)
        self._log = structlog.get_logger("courier")

    def start(self) -> None:
        """Start the courier and the thread that watches it."""
        self._launch()
        self._watcher.start()

    @property
    def pid(self) -> int | None:
        """The courier's process id while it runs."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    @property
    def restarts(self) -> int:
        """How often it was started again after it had died."""
        return self._restarts

    def wake(self) -> None:
        """Tell the courier that there are deliveries. One that is just being started looks by itself."""
        self._say(b"\n")

    def try_now(self, channel: str) -> None:
        """Tell the courier that this channel may work again."""
        self._say(f"try {channel}\n".encode())

    def stop(self, seconds: float, hurry: threading.Event) -> bool:
        """Let the courier deliver what is due for up to ``seconds``, or until ``hurry`` is set, then end it.

        Returns whether it left by itself; what it did not deliver waits in the journal.
        """
        self._stopping.set()
        self._say(f"drain {max(seconds, 0.0):.3f}\n".encode())
        deadline = time.monotonic() + max(seconds, 0.0) + _LEAVING_SECONDS
        process = self._process
        while process is not None and process.poll() is None:
            if hurry.wait(0.02) or time.monotonic() > deadline:
                process.kill()
                process.wait()
                return False
        return True

    def replace(self, settings: Mapping[str, object]) -> None:
        """Have a courier with these settings in place of the running one, which first ends what it has begun."""
        with self._lock:
            self._settings = _line(settings)
            if self._process is not None and self._process.stdin is not None:
                self._replacing.set()
                with suppress(BrokenPipeError, BlockingIOError):
                    self._process.stdin.close()
                timer = threading.Timer(_REPLACED_SECONDS, self._process.kill)
                timer.daemon = True
                timer.start()

    def kill(self) -> None:
        """End the courier at once."""
        self._stopping.set()
        if self._process is not None:
            self._process.kill()

    def _launch(self) -> None:
        with self._lock:
            self._process = process = start_python("bridge.courier", without=self._secret_names)
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.write(self._settings)
            # From here on a full pipe must not hold the router up: unread wake-ups are wake-up enough.
            os.set_blocking(process.stdin.fileno(), False)

    def _say(self, line: bytes) -> None:
        with self._lock:
            process = self._process
            if process is None or process.stdin is None or process.stdin.closed:
                return
            # The pipe breaks where the courier has just died; the watcher then starts another, which looks by itself.
            with suppress(BrokenPipeError, BlockingIOError):
                process.stdin.write(line)

    def _watch(self) -> None:
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
                self._launch()
                continue
            if code == WORN_OUT:
                self._log.warning("courier was worn out by attempts that hang; starting another")
                self._launch()
                continue
            self._restarts += 1
            self._log.error("courier died; starting another", exit=_told(code), wait_seconds=pause)
            if self._stopping.wait(pause):
                return
            pause = min(pause * 2, _SLOWEST_RESTART_SECONDS)
            self._launch()

    def _wait_healthy(self) -> int | None:
        """The exit code of a courier that died young, or None for one that lived."""
        assert self._process is not None
        try:
            return self._process.wait(_HEALTHY_SECONDS)
        except subprocess.TimeoutExpired:
            return None


def start_python(
    module: str, *, stdout: int | None = None, stderr: int | None = None, without: Collection[str] = ()
) -> subprocess.Popen[bytes]:
    """Run one of our own modules with a pipe to its standard input, in a process group of its own.

    ``without`` are variables of the environment that it is not to have. Our own package is found first, and the
    working folder is not searched: it may be anybody's.
    """
    environ = {name: value for name, value in os.environ.items() if name not in without or name in _NEEDED}
    root = str(Path(__file__).parent.parent.parent)
    return subprocess.Popen(  # noqa: S603  # our own interpreter, fixed arguments
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        bufsize=0,
        env=environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))},
        process_group=0,  # Ctrl-C is the bridge's to answer
    )


def _line(settings: Mapping[str, object]) -> bytes:
    return json.dumps(settings).encode() + b"\n"


def _told(code: int) -> str:
    """An exit code in words: ``killed by SIGKILL``."""
    if code >= 0:
        return f"exit {code}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"
