"""Replaces this process by a new one that listens on the same sockets.

The new process (the successor) gets the sockets and one end of a socket pair. It checks everything, sends ``ready``,
and waits. The old process (the predecessor) then drains, closes the journal, and sends ``go``. The successor opens the
journal, starts, and sends ``started``. If it ends before that, the predecessor continues.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import MutableMapping, Sequence
from contextlib import suppress

from bridge.common.net.listening import ListeningSockets
from bridge.common.service_manager import activated_sockets, adopted

_VARIABLE = "FALCO_BRIDGE_HANDOVER"
"""The successor's descriptors: of the socket pair, of the listening sockets, and of those of a service manager.

Such as ``7;8,9;10``.
"""
_READY, _GO, _STARTED = b"r", b"g", b"s"
_CHECK_SECONDS = 0.1


class Predecessor:
    """The old process, from the new one's side."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    def take_over(self) -> None:
        """Report that everything is checked, and wait until the old process has closed the journal or has ended."""
        with suppress(OSError):
            self._control.sendall(_READY)
            self._control.recv(1)

    def started(self) -> None:
        """Report that this process serves."""
        with suppress(OSError):
            self._control.sendall(_STARTED)
        self._control.close()


def inherited(environ: MutableMapping[str, str]) -> tuple[Predecessor | None, ListeningSockets]:
    """The old process, where there is one, and the sockets. Their variables are removed from ``environ``."""
    text = environ.pop(_VARIABLE, "")
    activated = activated_sockets(environ)
    if not text:
        return None, ListeningSockets(activated=activated)
    control, own, managed = ([int(each) for each in part.split(",") if each] for part in text.split(";"))
    os.set_inheritable(control[0], False)
    return Predecessor(socket.socket(fileno=control[0])), ListeningSockets(adopted(own), adopted(managed))


class Successor:
    """The new process, from the old one's side."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._process = process
        self._control = control

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def await_ready(self, seconds: float, abort: threading.Event) -> bool:
        """Wait until it has checked everything. False if it ends, takes too long, or ``abort`` is set; it is ended."""
        return self._await(_READY, seconds, abort)

    def release(self) -> None:
        """Let it open the journal."""
        with suppress(OSError):
            self._control.sendall(_GO)

    def await_started(self, seconds: float, abort: threading.Event) -> bool:
        """Wait until it serves. False as for ``await_ready``."""
        return self._await(_STARTED, seconds, abort)

    def exit_code(self) -> int | None:
        """The exit code of a process that has ended."""
        return self._process.poll()

    def end(self) -> None:
        """Kill it: it serves no request yet."""
        self._process.kill()
        self._process.wait()
        self._control.close()

    def _await(self, message: bytes, seconds: float, abort: threading.Event) -> bool:
        deadline = time.monotonic() + seconds
        self._control.settimeout(_CHECK_SECONDS)
        while time.monotonic() < deadline and not abort.is_set():
            try:
                received = self._control.recv(1)
            except TimeoutError:
                continue
            except OSError:
                received = b""
            if received == message:
                return True
            if not received:
                break
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_CHECK_SECONDS)  # it may have ended with a code of its own
        self.end()
        return False


def start_successor(own: Sequence[socket.socket], managed: Sequence[socket.socket]) -> Successor:
    """Start this program again, as it was started, with these sockets. Raises OSError.

    ``managed`` are the sockets of a service manager.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        groups = [[each.fileno() for each in group] for group in ([theirs], own, managed)]
        process = subprocess.Popen(  # noqa: S603  # this very program
            [sys.executable, *sys.orig_argv[1:]],
            stdin=subprocess.DEVNULL,
            pass_fds=[each for group in groups for each in group],
            env=os.environ | {_VARIABLE: ";".join(",".join(map(str, group)) for group in groups)},
        )
    return Successor(process, ours)
