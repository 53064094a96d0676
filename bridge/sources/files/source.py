"""Follows files that Falco, or a container's runtime, writes: through renames, restarts and truncations.

How far each file was read is committed with what was read, so that a restart neither repeats nor leaves out a line.
The kernel says what was written (``file_watch.py``); all files are looked over now and then besides. Each round reads
one piece of each file that has some, so that a busy file cannot starve the others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import structlog

from bridge.common.file_watch import FileWatch
from bridge.sources.contract import Accept, Batch, SourceState
from bridge.sources.files.followed import FollowedFiles, From
from bridge.sources.files.tail import READ_BYTES, Tail
from bridge.sources.payload import Payload
from bridge.sources.state import StateTracker

_MAX_BATCH = 1000


class FileSource:
    """Follows every file that a pattern names. ``checkpoint`` is what the journal has kept of it.

    ``zone`` is that of the clock of text alerts, as everywhere in the sources.
    """

    def __init__(
        self,
        name: str,
        pattern: str,
        checkpoint: Mapping[str, str] | None = None,
        begin: From = "end",
        zone: ZoneInfo | None = None,
    ) -> None:
        self.name = name
        self._pattern = pattern
        self._files = FollowedFiles(name, pattern, checkpoint or {}, begin)
        self._zone = zone
        self._payload = Payload(zone=zone)
        self._stopping = self._aborted = False
        self._watch: FileWatch | None = None
        self._ending = threading.Lock()
        """Nobody wakes a watch that is closed: the number of its descriptor may be another file's by then."""
        self._state = StateTracker(name)
        self._log = structlog.get_logger("file")

    def run(self, accept: Accept) -> None:
        """Follow until stopped; then what stands in the files by that time is read."""
        accept = self._state.counting(accept)
        self._watch = watch = FileWatch(self.name)
        self._payload = Payload(zone=self._zone)
        try:
            self._files.resume(watch)
            self._files.scan(watch, self._payload)
            if not self._files.tails:
                self._log.warning("no file matches yet", source=self.name, pattern=self._pattern)
            self._state.connected()
            self._save(accept)
            self._follow(watch, accept)
        finally:
            with self._ending:
                self._watch = None
            watch.close()
            self._files.close()

    def stop(self) -> None:
        """Read what is there, and leave. Nothing is lost: the rest is read at the next start."""
        self._stopping = True
        self._wake()

    def abort(self) -> int:
        """Leave at once. Nothing is lost by that."""
        self._stopping = self._aborted = True
        self._wake()
        return 0

    def state(self) -> tuple[SourceState, ...]:
        """Following since; how many files, and how much of them is still to be read."""
        tails = list(self._files.tails.values())
        truncations = self._files.truncations
        said = f"{len(tails)} files, {sum(max(0, tail.seen - tail.read) for tail in tails)} bytes behind"
        self._state.note(said + (f", truncated {truncations} times" if truncations else ""))
        return (self._state.now(),)

    def _wake(self) -> None:
        with self._ending:
            if self._watch is not None:
                self._watch.wake()

    # The rounds

    def _follow(self, watch: FileWatch, accept: Accept) -> None:
        files = self._files
        busy = files.unread()
        while not self._aborted:
            if self._stopping:
                self._read_up(watch, accept)
                return
            busy = self._round(watch, busy, accept)
            changes = watch.wait(0.0 if busy else max(0.0, files.next_scan - time.monotonic()))
            if changes.folders:
                files.next_scan = min(files.next_scan, files.earliest_scan)
            if changes.anything or time.monotonic() >= files.next_scan:
                files.scan(watch, self._payload)
                self._save(accept)
                busy |= files.unread()
            busy |= files.changed(changes.files)

    def _read_up(self, watch: FileWatch, accept: Accept) -> None:
        """What stands in the files by now; not what is written meanwhile."""
        self._files.scan(watch, self._payload)
        until = {tail: tail.seen for tail in self._files.tails.values()}
        busy = self._files.unread()
        while busy and not self._aborted:
            busy = {tail for tail in self._round(watch, busy, accept) if tail.read < until.get(tail, 0)}
        self._save(accept)

    def _round(self, watch: FileWatch, busy: set[Tail], accept: Accept) -> set[Tail]:
        """One piece of each; those that may have more."""
        more: set[Tail] = set()
        for tail in sorted(busy, key=lambda tail: tail.path):
            if self._aborted:
                break
            if tail.key in self._files.tails and self._take(watch, tail):
                more.add(tail)
            if len(self._payload.alerts) + len(self._payload.rejected) >= _MAX_BATCH:
                self._commit_payload(accept)
        self._commit_payload(accept)
        return more

    def _take(self, watch: FileWatch, tail: Tail) -> bool:
        """Whether there may be more at once."""
        if tail.was_truncated():
            self._files.restart(watch, tail)
        before = tail.follows
        if before is not None:
            if before.key in self._files.tails and self._take(watch, before):
                return True
            before.hand_over_to(tail)
        self._files.mark_dirty(tail)
        count = tail.take(time.time_ns(), self._payload)
        return count == READ_BYTES

    def _commit_payload(self, accept: Accept) -> None:
        if self._payload.alerts or self._payload.rejected:
            self._commit(accept, self._files.uncommitted())

    def _save(self, accept: Accept) -> None:
        """Where files were read without bringing an alert, or have come or gone."""
        changed = self._files.uncommitted()
        if changed and not self._aborted:
            self._commit(accept, changed)

    def _commit(self, accept: Accept, changed: dict[str, str | None]) -> None:
        payload, self._payload = self._payload, Payload(zone=self._zone)
        accept(Batch(self.name, time.time_ns(), tuple(payload.alerts), tuple(payload.rejected), changed))
        self._files.committed(changed)
