"""Gathers the messages of a stream and passes them on: bounded by number, by bytes and by age."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

MAX_MESSAGES = 1000
MAX_BYTES = 8 << 20
"""Messages that are passed on together have less than this and one message more."""
MAX_AGE_SECONDS = 0.2
"""How long a message waits for others."""
_SLEEP_AFTER_SECONDS = 1.0

Message = TypeVar("Message")
"""A message in the form in which it is committed."""


class Gathering(Generic[Message]):
    """Takes messages from one thread and calls ``commit`` with lists of them, in order, one call at a time.

    The calls are made by the thread that adds, when a bound is reached. If it is blocked in a read instead, another
    thread makes them: a Falco that hangs in the middle of a stream must not keep alerts from being committed. An
    error of that thread is raised by the next ``add`` or ``flush``, and ``interrupt`` is called to end the read.

    The other thread is started by the first message. While messages arrive, it checks their age. It sleeps if there
    were none for a second.
    """

    def __init__(
        self, commit: Callable[[list[Message]], None], interrupt: Callable[[], object], name: str = "grpc commit"
    ) -> None:
        self._commit = commit
        self._interrupt = interrupt
        self._messages: list[Message] = []
        self._size = 0
        self._since = 0.0
        """When the oldest message was added, by the monotonic clock."""
        self._adding = threading.Lock()
        self._committing = threading.Lock()
        self._error: BaseException | None = None
        self._asleep = False
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """End the other thread. Messages that were not flushed are dropped."""
        with self._adding:
            self._closed = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()

    def add(self, message: Message, size: int) -> None:
        """Take one message of ``size`` bytes. Blocks while a commit is in progress and a bound is reached."""
        now = time.monotonic()
        with self._adding:
            if not self._messages:
                self._since = now
            self._messages.append(message)
            self._size += size
            full = (
                len(self._messages) >= MAX_MESSAGES
                or self._size >= MAX_BYTES
                or now - self._since >= MAX_AGE_SECONDS
            )  # fmt: skip
            asleep = self._asleep
        if full or self._error is not None:
            self.flush()
        elif asleep:
            self._wake.set()
        elif self._thread.ident is None and not self._is_watched():
            self.flush()

    def flush(self) -> None:
        """Commit what was added. Raises what ``commit`` raised, in this call or earlier."""
        with self._committing:
            if self._error is not None:
                raise self._error
            with self._adding:
                messages, self._messages, self._size = self._messages, [], 0
            if messages:
                self._commit(messages)

    def _is_watched(self) -> bool:
        """Start the other thread. Returns False where the machine has none left: then nothing may wait."""
        try:
            self._thread.start()
        except RuntimeError:
            return False
        return True

    def _watch(self) -> None:
        while True:
            with self._adding:
                if self._closed:
                    return
                self._wake.clear()
                waiting, age = bool(self._messages), time.monotonic() - self._since
                asleep = self._asleep = not waiting and age > _SLEEP_AFTER_SECONDS
            if waiting and age >= MAX_AGE_SECONDS:
                self._flush_for_reader()
            else:
                self._wake.wait(None if asleep else MAX_AGE_SECONDS - age if waiting else MAX_AGE_SECONDS)

    def _flush_for_reader(self) -> None:
        try:
            self.flush()
        except BaseException as error:  # noqa: BLE001  # raised again in the reading thread
            if self._error is None:
                self._error = error
                self._interrupt()
            self._closed = True
