"""Follows files that Falco or a container runtime writes, through renames, restarts and truncations.

The position in each file is committed together with the alerts, so that a restart neither repeats nor skips a line. The
kernel reports changes (``bridge.common.files.file_watch``); in addition, all files are scanned from time to time. Each
round reads one piece of each file that has unread bytes, so that a busy file does not starve the others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from zoneinfo import ZoneInfo

import structlog

from bridge.common.files.file_watch import FileWatch
from bridge.sources.contract import Accept, Batch, SourceState
from bridge.sources.files.followed import FollowedFiles, ReadFrom
from bridge.sources.files.schedule import ScanSchedule
from bridge.sources.files.tail import READ_BYTES, Tail
from bridge.sources.payload import Payload
from bridge.sources.state import StateTracker
from bridge.sources.unrecognized import UnrecognizedLines

_MAX_BATCH = 1000


class FileSource:
    """Follows every file that a pattern names."""

    def __init__(
        self,
        name: str,
        pattern: str,
        checkpoint: Mapping[str, str] | None = None,
        read_from: ReadFrom = "end",
        zone: ZoneInfo | None = None,
        *,
        schedule: ScanSchedule | None = None,
        max_batch: int = _MAX_BATCH,
    ) -> None:
        """``checkpoint``: the committed one. ``zone``: the time zone of text alerts. ``max_batch``: messages."""
        self.name = name
        self.schedule = schedule or ScanSchedule()
        self._pattern = pattern
        self._files = FollowedFiles(name, pattern, checkpoint or {}, read_from, self.schedule.times)
        self._zone = zone
        self._max_batch = max_batch
        self._payload = Payload(zone=zone)
        self._stopping = self._aborted = False
        self._watch: FileWatch | None = None
        self._watch_lock = threading.Lock()
        """Held to wake or drop the watch: the descriptor of a closed watch may belong to another file."""
        self._state = StateTracker(name)
        self._unrecognized = UnrecognizedLines(name)
        self._log = structlog.get_logger("file")

    def run(self, accept: Accept) -> None:
        """Follow until stopped, then read what the files hold at that time."""
        accept = self._state.counting(accept)
        self._watch = watch = FileWatch(self.name)
        self._payload = Payload(zone=self._zone)
        try:
            self._files.resume(watch)
            self._scan(watch)
            if not self._files.tails and not self._files.unreadable:
                self._log.warning("no file matches yet", source=self.name, pattern=self._pattern)
            self._state.connected()
            self._save(accept)
            self._follow(watch, accept)
        finally:
            with self._watch_lock:
                self._watch = None
            watch.close()
            self._files.close()

    def stop(self) -> None:
        """Read what the files hold, then return from ``run``. Later lines are read at the next start."""
        self._stopping = True
        self._wake()

    def abort(self) -> int:
        """Return from ``run`` at once. Nothing is lost: the rest is read at the next start."""
        self._stopping = self._aborted = True
        self._wake()
        return 0

    def state(self) -> tuple[SourceState, ...]:
        """Following since when, the number of files, and their unread bytes."""
        tails = list(self._files.tails.values())
        noun = "file" if len(tails) == 1 else "files"
        detail = f"{len(tails)} {noun}, {sum(max(0, tail.seen - tail.read) for tail in tails)} bytes behind"
        if truncations := self._files.truncations:
            detail += f", truncated {truncations} times"
        if lines := self._unrecognized.count:
            detail += f", {lines} lines without an alert"
        self._state.note(detail)
        unreadable = self._files.unreadable
        problem = "" if not unreadable else unreadable[0] + (f" ({len(unreadable)} files)" if unreadable[1:] else "")
        return (replace(self._state.now(), problem=problem),)

    def _wake(self) -> None:
        with self._watch_lock:
            if self._watch is not None:
                self._watch.wake()

    def _follow(self, watch: FileWatch, accept: Accept) -> None:
        files, schedule = self._files, self.schedule
        unread = files.unread()
        while not self._aborted:
            if self._stopping:
                self._read_rest(watch, accept)
                return
            unread = self._round(watch, unread, accept)
            changes = watch.wait(0.0 if unread else schedule.wait_seconds())
            if changes.folders:
                schedule.folder_changed()
            if changes.anything or schedule.due():
                self._scan(watch)
                self._save(accept)
                unread |= files.unread()
            unread |= files.changed(changes.files)

    def _scan(self, watch: FileWatch) -> None:
        started = time.monotonic()
        self._files.scan(watch, self._payload)
        self.schedule.scanned(time.monotonic() - started, polling=watch.polling)

    def _read_rest(self, watch: FileWatch, accept: Accept) -> None:
        """Read what the files hold now, but not what is written meanwhile."""
        self._scan(watch)
        until = {tail: tail.seen for tail in self._files.tails.values()}
        unread = self._files.unread()
        while unread and not self._aborted:
            unread = {tail for tail in self._round(watch, unread, accept) if tail.read < until.get(tail, 0)}
        self._save(accept)

    def _round(self, watch: FileWatch, unread: set[Tail], accept: Accept) -> set[Tail]:
        """Read one piece of each file. Returns the files that may have more."""
        more: set[Tail] = set()
        for tail in sorted(unread, key=lambda tail: tail.path):
            if self._aborted:
                break
            if tail.key in self._files.tails and self._read_piece(watch, tail):
                more.add(tail)
            if len(self._payload.alerts) + len(self._payload.rejected) >= self._max_batch:
                self._commit_payload(accept)
        self._commit_payload(accept)
        return more

    def _read_piece(self, watch: FileWatch, tail: Tail) -> bool:
        """Read one piece of a file, or of the file before it. Returns whether there may be more to read at once."""
        if tail.was_truncated():
            self._files.handle_truncation(watch, tail)
        before = tail.follows
        if before is not None:
            if before.key in self._files.tails and self._read_piece(watch, before):
                return True
            before.hand_over_to(tail)
        self._files.mark_dirty(tail)
        count = tail.take(time.time_ns(), self._payload)
        self._unrecognized.note(self._payload)
        return count == READ_BYTES

    def _commit_payload(self, accept: Accept) -> None:
        if self._payload.alerts or self._payload.rejected:
            self._commit(accept, self._files.uncommitted())

    def _save(self, accept: Accept) -> None:
        """Commit positions that changed without an alert, and files that appeared or were closed."""
        changes = self._files.uncommitted()
        if changes and not self._aborted:
            self._commit(accept, changes)

    def _commit(self, accept: Accept, changes: dict[str, str | None]) -> None:
        payload, self._payload = self._payload, Payload(zone=self._zone)
        accept(Batch(self.name, time.time_ns(), tuple(payload.alerts), tuple(payload.rejected), changes))
        self._files.committed(changes)
