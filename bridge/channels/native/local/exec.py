"""``exec:///PROGRAM``: starts a program for each delivery, with the alert as JSON on its standard input.

The program and its arguments come from the config, never from an alert. There is no shell and only a fixed environment.
After the time limit, or when the program ends, its process group is killed.
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
from bridge.channels.native.local.allowed import Allowed
from bridge.channels.native.shared.address import Address
from bridge.common.text import one_line
from bridge.delivery.delivery import Delivery

PARAMETERS = ("arg", "limit")
REJECTED_EXIT = os.EX_DATAERR
"""65 in sysexits.h: the program rejects this alert permanently."""
_DEFAULT_LIMIT = "30s"
_MAX_LIMIT = 50.0
"""Less than the courier's time limit for an attempt, which is one minute."""
_ENVIRONMENT: Mapping[str, str] = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/"}
_MAX_OUTPUT = 4096
_MAX_REASON = 300
_encode = msgspec.json.Encoder().encode


class ExecChannel:
    """The channel of one program with its arguments."""

    batch_size = 1
    digest_limit = batch_size

    def __init__(self, name: str, address: Address, labels: Mapping[str, str], allowed: Allowed) -> None:
        """Raises ChannelError if the program is not allowed or cannot be started."""
        self.name = name
        self._labels = labels
        self._seconds = address.seconds("limit", _DEFAULT_LIMIT, _MAX_LIMIT)
        program = _program(address, allowed)
        self._command = [str(program), *address.parameters.get("arg", ())]

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Run the program once with one line of JSON on its standard input."""
        lines = b"".join(_encode(alert_body(each, self._labels)) + b"\n" for each in deliveries)
        try:
            process = subprocess.Popen(  # noqa: S603  # program and arguments come from the config
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
            return Outcome(Verdict.RETRY, reason=f"cannot start the program: {error.strerror}")
        with _Run(process, lines) as run:
            has_ended = run.wait(time.monotonic() + self._seconds)
        if not has_ended:
            return Outcome(Verdict.RETRY, reason=_reason(f"did not end within {self._seconds:g} s", run.output))
        return _outcome(process.returncode, run.output)

    def close(self) -> None:
        """Nothing to close."""


class _Run:
    """One run of the program. Leaving the context kills its process group."""

    def __init__(self, process: subprocess.Popen[bytes], data: bytes) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.output = b""
        self._process = process
        self._stdin: IO[bytes] = process.stdin
        self._stdout: IO[bytes] = process.stdout
        self._unsent = memoryview(data)
        self._pidfd = os.pidfd_open(process.pid)
        self._selector = selectors.DefaultSelector()
        for stream, event in ((self._stdin, selectors.EVENT_WRITE), (self._stdout, selectors.EVENT_READ)):
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, event)
        self._selector.register(self._pidfd, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):  # The process is not reaped yet, so its id is not reused.
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._selector.close()
        os.close(self._pidfd)
        self._stdout.close()
        with suppress(OSError):
            self._stdin.close()

    def wait(self, deadline: float) -> bool:
        """Wait for the program; return whether it ended before the deadline. Its children may still be running."""
        while (seconds := deadline - time.monotonic()) > 0:
            ready = {key.fileobj for key, _ in self._selector.select(seconds)}
            if self._stdin in ready:
                self._write()
            if self._stdout in ready:
                self._read()
            if self._pidfd in ready:
                self._read()
                return True
        return False

    def _write(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._stdin.fileno(), self._unsent) :]
        except BlockingIOError:
            return
        except OSError:  # The program closed its standard input, which is allowed.
            self._unsent = self._unsent[:0]
        if not self._unsent:
            self._selector.unregister(self._stdin)
            self._stdin.close()

    def _read(self) -> None:
        """Read output, so that the program does not block; only the beginning is stored."""
        if self._stdout not in self._selector.get_map():
            return
        try:
            chunk = os.read(self._stdout.fileno(), _MAX_OUTPUT)
        except BlockingIOError:
            return
        self.output = (self.output + chunk)[:_MAX_OUTPUT]
        if not chunk:
            self._selector.unregister(self._stdout)


def _outcome(code: int, output: bytes) -> Outcome:
    if code == 0:
        return Outcome(Verdict.DELIVERED, 0)
    verdict = Verdict.REJECTED if code == REJECTED_EXIT else Verdict.RETRY
    ending = f"exited with status {code}" if code > 0 else f"was killed by {_signal_name(-code)}"
    return Outcome(verdict, code, _reason(ending, output))


def _reason(ending: str, output: bytes) -> str:
    text = one_line(output.decode("utf-8", "replace").strip(), _MAX_REASON)
    return f"the program {ending}: {text}" if text else f"the program {ending}"


def _signal_name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _program(address: Address, allowed: Allowed) -> Path:
    path = Path(unquote(address.path))
    if address.host or not path.is_absolute():
        raise ChannelError("needs an absolute path; write exec:///usr/local/bin/NAME")
    if path not in allowed.programs:
        raise ChannelError("starts a program that is not allowed; add it to `allow: {exec: [PROGRAM]}`")
    try:
        status = path.stat()
    except OSError as error:
        raise ChannelError(f"cannot start its program: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode) or not os.access(path, os.X_OK):
        raise ChannelError("cannot start its program: it is not an executable file")
    if status.st_mode & stat.S_IWOTH:
        raise ChannelError("starts a program that every user can change; run chmod o-w on it")
    return path
