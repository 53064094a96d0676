"""``exec:///PROGRAM``: a program of the operator's, started for each delivery with the alert as JSON on standard input.

The program and its arguments stand in the config and nothing of an alert is among them: no shell, no environment, a
time limit, and an end for whatever it leaves behind in its process group.
"""

from __future__ import annotations

import os
import selectors
import signal
import stat
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Self
from urllib.parse import unquote

import msgspec

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.message.alert_body import alert_body
from bridge.channels.native.address import Address
from bridge.channels.native.allowed import Allowed
from bridge.common.text import one_line
from bridge.delivery.delivery import Delivery

PARAMETERS = ("arg", "limit")
REFUSED_EXIT = os.EX_DATAERR
"""65 in sysexits.h: the program will never take this alert."""
_LIMIT = "30s"
_LONGEST_LIMIT = 50.0
"""The courier writes an attempt off after a minute."""
_ENVIRONMENT: Mapping[str, str] = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/"}
_MOST_OUTPUT = 4096
_LONGEST_REASON = 300
_encode = msgspec.json.Encoder().encode


class ExecChannel:
    """One program with its arguments."""

    batch_size = 1
    digest_limit = batch_size

    def __init__(self, name: str, address: Address, labels: Mapping[str, str], allowed: Allowed) -> None:
        """Raises ChannelError where the program is not one that may be started."""
        self.name = name
        self._labels = labels
        self._seconds = address.seconds("limit", _LIMIT, _LONGEST_LIMIT)
        program = _program(address, allowed)
        self._command = [str(program), *address.parameters.get("arg", ())]

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Run it once: a JSON object and a newline on its standard input, then the end of it."""
        lines = b"".join(_encode(alert_body(each, self._labels)) + b"\n" for each in deliveries)
        try:
            process = subprocess.Popen(  # noqa: S603  # the config's own program and arguments
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            return Outcome(Verdict.RETRY, reason=f"its program cannot be started: {error.strerror}")
        with _Run(process, lines) as run:
            ended = run.await_end(time.monotonic() + self._seconds)
        if not ended:
            return Outcome(Verdict.RETRY, reason=_told(f"did not end within {self._seconds:g} s", run.output))
        return _judged(process.returncode, run.output)

    def close(self) -> None:
        """Nothing is held between deliveries."""


class _Run:
    """One life of the program: fed, listened to, and at the end of the block killed with all of its group."""

    def __init__(self, process: subprocess.Popen[bytes], data: bytes) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.output = b""
        self._process = process
        self._stdin: IO[bytes] = process.stdin
        self._stdout: IO[bytes] = process.stdout
        self._left = memoryview(data)
        self._pid = os.pidfd_open(process.pid)
        self._selector = selectors.DefaultSelector()
        for stream, event in ((self._stdin, selectors.EVENT_WRITE), (self._stdout, selectors.EVENT_READ)):
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, event)
        self._selector.register(self._pid, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):  # not yet waited for, so the number is still its own
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._selector.close()
        os.close(self._pid)
        self._stdout.close()
        with suppress(OSError):
            self._stdin.close()

    def await_end(self, deadline: float) -> bool:
        """Whether the program ended by itself before the deadline. What it started may still be running."""
        while (seconds := deadline - time.monotonic()) > 0:
            ready = {key.fileobj for key, _ in self._selector.select(seconds)}
            if self._stdin in ready:
                self._feed()
            if self._stdout in ready:
                self._listen()
            if self._pid in ready:
                self._listen()
                return True
        return False

    def _feed(self) -> None:
        try:
            self._left = self._left[os.write(self._stdin.fileno(), self._left) :]
        except BlockingIOError:
            return
        except OSError:  # it does not read: that is its affair
            self._left = self._left[:0]
        if not self._left:
            self._selector.unregister(self._stdin)
            self._stdin.close()

    def _listen(self) -> None:
        """What it says is read to keep it going; only the beginning is kept."""
        if self._stdout not in self._selector.get_map():
            return
        try:
            piece = os.read(self._stdout.fileno(), _MOST_OUTPUT)
        except BlockingIOError:
            return
        self.output = (self.output + piece)[:_MOST_OUTPUT]
        if not piece:
            self._selector.unregister(self._stdout)


def _judged(code: int, output: bytes) -> Outcome:
    if code == 0:
        return Outcome(Verdict.DELIVERED, 0)
    verdict = Verdict.REJECTED if code == REFUSED_EXIT else Verdict.RETRY
    said = f"ended with exit {code}" if code > 0 else f"was killed by {_signal_name(-code)}"
    return Outcome(verdict, code, _told(said, output))


def _told(what: str, output: bytes) -> str:
    text = one_line(output.decode("utf-8", "replace").strip(), _LONGEST_REASON)
    return f"its program {what}: {text}" if text else f"its program {what}"


def _signal_name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _program(address: Address, allowed: Allowed) -> Path:
    path = Path(unquote(address.path))
    if address.host or not path.is_absolute():
        raise ChannelError("names its program by no absolute path; write exec:///usr/local/bin/NAME")
    if path not in allowed.programs:
        raise ChannelError("names a program that this bridge may not start; see `allow: {exec: [PROGRAM]}`")
    try:
        found = path.stat()
    except OSError as error:
        raise ChannelError(f"names a program that cannot be started: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode) or not os.access(path, os.X_OK):
        raise ChannelError("names a program that cannot be started: it is no executable file")
    if found.st_mode & stat.S_IWOTH:
        raise ChannelError("names a program that everybody may change; take that right away (chmod o-w)")
    return path
