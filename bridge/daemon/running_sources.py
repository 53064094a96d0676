"""The sources of a running bridge, each in a thread of its own. A reload adds, replaces and stops some of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from bridge.config.schema.sources import HttpSettings, SourceSettings
from bridge.daemon.sources import Prepared, hand_over, rotate_source_secrets
from bridge.sources.contract import Accept, Source
from bridge.sources.supervise import RESTART_SECONDS, supervise

_JOIN_SECONDS = 0.05
_ABORT_SECONDS = 1.0


@dataclass(slots=True)
class _Running:
    """One source of the config, with its thread."""

    settings: SourceSettings
    source: Source
    stopping: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    @property
    def is_alive(self) -> bool:
        return self.thread is not None and self.thread.is_alive()


@dataclass(frozen=True, slots=True)
class SourceChanges:
    """What a reload does to the sources. Everything in it that can fail has been done."""

    settings: Sequence[SourceSettings]
    """Of all sources from now on."""
    prepared: Mapping[str, Prepared]
    """Of the new and the changed ones, by name."""


class RunningSources:
    """Starts, replaces and stops sources. Thread-safe. Iterating gives the sources of the config in use."""

    def __init__(
        self, settings: Sequence[SourceSettings], prepared: Sequence[Prepared], make: Callable[[Prepared], Source]
    ) -> None:
        """``make`` gives the source of what is prepared, reading the journal while nothing is written to it."""
        self._make = make
        self._current = {each.name: _Running(each, make(ready)) for each, ready in zip(settings, prepared, strict=True)}
        self._ending: list[_Running] = []
        """Those that a reload has replaced or removed, until they have ended."""
        self._accept: Accept
        self._lock = threading.Lock()
        self._stopped = False
        self._seconds = 0.0
        self._log = structlog.get_logger("bridge")

    def __iter__(self) -> Iterator[Source]:
        return iter([each.source for each in self._current.values()])

    def start(self, accept: Accept, drain_seconds: float) -> None:
        """Start every source. One that is replaced later may take ``drain_seconds`` to end."""
        self._accept, self._seconds = accept, drain_seconds
        for each in self._current.values():
            self._start(each)

    def rotate_secrets(self, settings: Iterable[SourceSettings]) -> None:
        """Give every http source the secrets of these settings."""
        for each in settings:
            if (running := self._current.get(each.name)) is not None:
                rotate_source_secrets(running.source, each)

    def replace(self, changes: SourceChanges, drain_seconds: float) -> None:
        """Start the new and the changed sources, and stop the others. The unchanged ones notice nothing.

        A changed source starts once the one before has ended, so that no alert is read twice. An http source starts at
        once: it shares its listening socket with the one before.
        """
        made = {
            each.name: self._make(changes.prepared[each.name])
            for each in changes.settings
            if each.name in changes.prepared and (each.name not in self._current or isinstance(each, HttpSettings))
        }
        with self._lock:
            if self._stopped:
                return
            self._seconds = drain_seconds
            before = self._current
            self._current = {each.name: self._placed(each, changes, made.get(each.name)) for each in changes.settings}
            for name, running in before.items():
                if name not in self._current:
                    self._end(running, None)

    def _placed(self, settings: SourceSettings, changes: SourceChanges, made: Source | None) -> _Running:
        """The running source, or a new one that starts now, or one that starts once the one before has ended."""
        before = self._current.get(settings.name)
        prepared = changes.prepared.get(settings.name)
        if before is not None and prepared is None:
            return before
        if before is not None:
            self._end(before, settings)
        if made is not None:
            running = _Running(settings, made)
            self._start(running)
            return running
        assert before is not None
        assert prepared is not None
        running = _Running(settings, before.source)
        self._run(running, lambda: self._succeed(running, prepared, before))
        return running

    def _succeed(self, running: _Running, prepared: Prepared, before: _Running) -> None:
        self._await_end(before)
        while not self._is_made(running, prepared):
            if running.stopping.wait(RESTART_SECONDS):
                return
        if running.stopping.is_set():  # ``stop`` may have stopped the one before only
            running.source.stop()
        supervise(running.source, self._accept, running.stopping)

    def _is_made(self, running: _Running, prepared: Prepared) -> bool:
        """Make the source. Returns False where that fails, as where the journal cannot be read; it is tried again."""
        try:
            running.source = self._make(prepared)
        except Exception:  # noqa: BLE001  # the source would not be read until the next start
            self._log.exception("source failed", source=running.settings.name, restart_seconds=RESTART_SECONDS)
            return False
        return True

    def _end(self, running: _Running, following: SourceSettings | None) -> None:
        """Stop a source whose place another takes, or that is no longer in the config."""
        running.stopping.set()
        if following is not None and _share_sockets(running.settings, following):
            hand_over(running.source)
        else:
            running.source.stop()
        self._ending = [*(each for each in self._ending if each.is_alive), running]
        threading.Thread(target=self._await_end, args=(running,), name="source end", daemon=True).start()

    def _await_end(self, running: _Running) -> None:
        """Wait until a source has passed on what was in flight; it is cut off when that takes too long."""
        assert running.thread is not None
        running.thread.join(self._seconds)
        if running.thread.is_alive():
            aborted = running.source.abort()
            self._log.error("source aborted", source=running.settings.name, reads_aborted=aborted)
            running.thread.join(_ABORT_SECONDS)

    def _start(self, running: _Running) -> None:
        self._run(running, lambda: supervise(running.source, self._accept, running.stopping))

    @staticmethod
    def _run(running: _Running, work: Callable[[], object]) -> None:
        running.thread = threading.Thread(target=work, name=f"source {running.settings.name}", daemon=True)
        running.thread.start()

    # The end of the bridge

    @property
    def are_alive(self) -> bool:
        """Whether one of them still works."""
        return any(each.is_alive for each in self._all())

    def stop(self, *, handing_over: bool) -> None:
        """Stop all: for another process that has the same listening sockets, or for good."""
        with self._lock:
            self._stopped = True
        for each in self._current.values():
            each.stopping.set()
            if handing_over:
                hand_over(each.source)
            else:
                each.source.stop()

    def join(self, deadline: float, aborted: threading.Event) -> bool:
        """Wait until all have passed on what was in flight. Returns whether all did in time."""
        for each in self._all():
            while each.is_alive and time.monotonic() < deadline and not aborted.is_set():
                assert each.thread is not None
                each.thread.join(_JOIN_SECONDS)
        return not self.are_alive

    def abort(self) -> int:
        """Cut off every read in flight. Returns how many were."""
        return sum(each.source.abort() for each in self._all() if each.is_alive)

    def _all(self) -> list[_Running]:
        return [*self._current.values(), *self._ending]


def _share_sockets(running: SourceSettings, following: SourceSettings) -> bool:
    return isinstance(running, HttpSettings) and isinstance(following, HttpSettings) and running.http == following.http
