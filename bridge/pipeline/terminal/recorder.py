"""Turns terminal material into commands, so that no crash or restart loses or repeats a command.

Material is on disk before its batch is acknowledged. A command stays in the state until its alert is committed to the
journal. After a crash the same material gives the same commands with the same ids, and the journal stores an id once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import msgspec
import structlog

from bridge.alert import Alert
from bridge.journal import JournalBusyError
from bridge.pipeline.terminal.material_file import MaterialFile, MaterialUnreadableError
from bridge.terminal.command import Command
from bridge.terminal.derived import alert_of
from bridge.terminal.observation import Observation
from bridge.terminal.rules import Kind
from bridge.terminal.terminals import Terminals

_REST_SECONDS = 2.0
"""Material of finished lines is removed at most this often, and at most a fiftieth of the time is spent on it."""
_REST_FACTOR = 50
_LARGEST_FILE = 32_000_000
_JOURNALED = frozenset({Kind.AUDIT, Kind.DROP})
"""What alerts say that are no material."""


class _State(msgspec.Struct, array_like=True):
    """What the first block of the file holds."""

    terminals: Terminals
    finished: list[Command]


class _Block(msgspec.Struct, array_like=True):
    """What every other block holds: the new observations of a batch."""

    received_ns: int
    observations: list[Observation]


class TerminalRecorder:
    """The state of all terminals, and its file. Used by one thread at a time.

    Each batch goes through ``receive`` and ``take``. ``committed`` follows once the alerts of ``finished`` are stored.
    """

    def __init__(self, file: MaterialFile, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._monotonic = monotonic
        self._terminals = Terminals()
        self._finished: dict[str, Command] = {}
        self._is_stored = False
        """Whether the file holds the state, so that blocks may follow."""
        self._has_done_lines = False
        self._cleaned = 0.0
        self._cleaning_took = 0.0
        self._log = structlog.get_logger("terminal")
        self.material = 0
        """Alerts of the terminal rules since the start."""
        self.commands = 0
        """Commands committed since the start."""

    def load(self) -> None:
        """Continue from the material of an earlier run."""
        if not self._file.exists():
            return
        try:
            state, *blocks = self._file.read() or [b""]
            loaded = msgspec.msgpack.decode(state, type=_State)
            parts = [msgspec.msgpack.decode(block, type=_Block) for block in blocks]
        except (OSError, MaterialUnreadableError, msgspec.MsgspecError) as error:
            self._log.warning(
                "terminal material unreadable; lines that were being typed are marked",
                problem=str(error),
                path=str(self._file.path),
            )
            with suppress(OSError):  # it is written again with the first material
                self._file.remove()
            return
        self._terminals = loaded.terminals
        self._finish(loaded.finished)
        for part in parts:
            self._finish(self._terminals.tick(part.received_ns))
            self._finish(self._terminals.take(self._terminals.ordering.new(part.observations), part.received_ns))
        self._has_done_lines = True

    def receive(self, alerts: Iterable[Alert]) -> list[Observation]:
        """What alerts say about terminals, without what was received before. ``take`` follows."""
        return self._terminals.new(alerts)

    def take(self, observations: Sequence[Observation], now_ns: int) -> None:
        """Store observations and use them. Raises JournalBusyError if they cannot be stored; it may be called again.

        Only material is synced. The alerts of other observations are stored in the journal as well.
        """
        if not observations:
            return
        durable = any(each.kind not in _JOURNALED for each in observations)
        try:
            if not self._is_stored or self._file.size > _LARGEST_FILE:
                self._store()
            self._file.append(msgspec.msgpack.encode(_Block(now_ns, list(observations))), durable=durable)
        except OSError as error:
            remedy = "free space, or correct the permissions of its folder and of its key"
            raise JournalBusyError(f"cannot write {self._file.path}: {error.strerror}; {remedy}") from error
        self.material += len(observations)
        self._finish(self._terminals.take(observations, now_ns))

    @property
    def has_finished(self) -> bool:
        """Whether ``finished`` returns something."""
        return bool(self._finished)

    def finished(self) -> list[Alert]:
        """The alerts of the commands that are finished and not yet committed."""
        return [alert_of(command) for command in self._finished.values()]

    def committed(self, alerts: Iterable[Alert]) -> None:
        """These alerts are in the journal."""
        for alert in alerts:
            if self._finished.pop(alert.id, None) is not None:
                self.commands += 1
                self._has_done_lines = True

    def tick(self, now_ns: int) -> None:
        """Time has passed: commands are finished by it, and material of finished lines is removed."""
        if self._terminals.waits:
            self._finish(self._terminals.tick(now_ns))
        pause = max(_REST_SECONDS, self._cleaning_took * _REST_FACTOR)
        if self._has_done_lines and not self._finished and self._monotonic() - self._cleaned >= pause:
            self._clean()

    @property
    def waits(self) -> bool:
        """Whether ``tick`` has something to do."""
        return bool(self._terminals.waits or self._finished or self._has_done_lines)

    def end(self, now_ns: int) -> list[Alert]:
        """Nothing follows: the alerts of every command that is known so far. ``committed`` and ``remove`` follow."""
        self._finish(self._terminals.end(now_ns))
        return self.finished()

    def remove(self) -> None:
        """Remove the material."""
        try:
            self._file.remove()
        except OSError as error:
            self._log.error("terminal material not removed", problem=str(error), path=str(self._file.path))

    def close(self) -> None:
        """Release the file. What it holds is used at the next start."""
        self._file.close()

    def _finish(self, commands: Iterable[Command]) -> None:
        self._finished.update({command.id: command for command in commands})

    def _clean(self) -> None:
        """Write the file again, without the material of finished lines."""
        started = self._monotonic()
        try:
            self._store()
        except OSError as error:
            self._log.error("terminal material not removed", problem=str(error), path=str(self._file.path))
        else:
            self._has_done_lines = False
        self._cleaned = self._monotonic()
        self._cleaning_took = self._cleaned - started

    def _store(self) -> None:
        self._file.replace(msgspec.msgpack.encode(_State(self._terminals, list(self._finished.values()))))
        self._is_stored = True
