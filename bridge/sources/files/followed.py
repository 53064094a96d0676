"""The files that a pattern names, and those that bore their names before: found, opened, known anew, let go of."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from glob import glob, has_magic
from typing import Literal

import structlog

from bridge.common.file_watch import FileWatch
from bridge.sources.files import position as file_position
from bridge.sources.files.position import Position
from bridge.sources.files.tail import Tail, open_tail
from bridge.sources.payload import Payload

From = Literal["start", "end"]
_POLL_SECONDS = 0.25
_SCAN_SECONDS = 5.0
"""How often everything is looked over where the kernel says what happens."""
_MIN_PAUSE = 0.02
_SCAN_SHARE = 200
"""Looking over takes at most one part in so many of the time; ten times that while files come and go."""
_RENAMED_SECONDS = 60.0
"""A file that was renamed is read on for so long after its last line: its writer may reopen late."""
_DELETED_SECONDS = 5.0
"""The same for one that was deleted."""
_TOO_MANY = "let the bridge open more files: LimitNOFILE in its unit, ulimit -n, or name fewer in `file`"
_REMEDIES: dict[int | None, str] = {errno.EMFILE: _TOO_MANY, errno.ENFILE: _TOO_MANY}


class FollowedFiles:
    """Open from ``resume`` to ``close``. ``committed`` is what the journal has kept: how far each file was read."""

    def __init__(self, source: str, pattern: str, committed: Mapping[str, str], begin: From) -> None:
        self.tails: dict[tuple[int, int], Tail] = {}
        """By device and inode."""
        self.truncations = 0
        self.next_scan = self.earliest_scan = 0.0
        """When everything is to be looked over next, and when at the soonest, by the monotonic clock."""
        self._source = source
        self._pattern = pattern
        self._committed = dict(committed)
        self._begin: From = "start" if self._committed else begin
        self._named: dict[str, Tail] = {}
        """The newest file under each name."""
        self._numbered: dict[int, Tail] = {}
        self._dirty: set[int] = set()
        """Those of which the journal may not know yet how far they were read, or that they are gone."""
        self._watched: dict[int, Tail] = {}
        self._reported: set[str] = set()
        self._log = structlog.get_logger("file")

    def resume(self, watch: FileWatch) -> None:
        """Go on with what the journal knows, also of files that were renamed meanwhile."""
        known = file_position.read(self._committed)
        self._dirty.update(known)
        for (number, position), path in zip(known.items(), file_position.find(known.values()), strict=True):
            tail = self._copy(position) if path is None else self._try_open(path, position.path, position.offset)
            if tail is not None:
                self._add(watch, tail, number)
            elif path is None:
                self._log.warning(
                    "a file is gone, or was truncated, while it was not followed; its last lines may be lost",
                    source=self._source, path=position.path, read_bytes=position.offset,
                )  # fmt: skip

    def scan(self, watch: FileWatch, payload: Payload) -> None:
        """Open what is new; let go of what was renamed and has fallen silent, its last line into the payload."""
        began = time.monotonic()
        for folder in folders_of(self._pattern):
            watch.folder(folder)
        current: set[tuple[int, int]] = set()
        for path in sorted(glob(self._pattern)):  # noqa: PTH207  # Path.glob takes no absolute patterns
            try:
                found = os.stat(path)  # noqa: PTH116  # called for every file, again and again
            except OSError:
                continue
            key = found.st_dev, found.st_ino
            current.add(key)
            tail = self.tails.get(key)
            if tail is None:
                self._open(watch, path, path, None if self._begin == "end" else 0)
            elif found.st_size >= tail.seen:
                tail.seen = found.st_size
            else:
                tail.seen = -1  # truncated: to be read at once
        self._begin = "start"  # what comes later is new from its beginning
        for tail in [tail for key, tail in self.tails.items() if key not in current]:
            self._retire(watch, tail, payload)
        for folder in {os.path.dirname(tail.real) for tail in self.tails.values()}:  # noqa: PTH120
            watch.folder(folder)
        committed = time.monotonic() - began
        self.earliest_scan = time.monotonic() + max(_MIN_PAUSE, committed * _SCAN_SHARE / 10)
        self.next_scan = time.monotonic() + max(
            _POLL_SECONDS if watch.polling else _SCAN_SECONDS, committed * _SCAN_SHARE
        )

    def unread(self) -> set[Tail]:
        """The files that have something to read."""
        return {tail for tail in self.tails.values() if tail.seen != tail.read or tail.follows is not None}

    def changed(self, watches: Iterable[int]) -> set[Tail]:
        """The files that the kernel tells of."""
        return {self._watched[each] for each in watches if each in self._watched}

    def mark_dirty(self, tail: Tail) -> None:
        """How far this file is read may be about to change, and with it where the line before it began."""
        self._dirty.add(tail.number)
        if tail.line_start is not None:
            self._dirty.add(tail.line_start.number)

    def restart(self, watch: FileWatch, tail: Tail) -> None:
        """What copytruncate committed away before it was read stands in its copy, or is gone."""
        self.truncations += 1
        copy = self._copy(tail.position_before())
        lost = tail.restart()
        if copy is not None:
            self._insert_before(watch, copy, tail)
            for between in self._files_between(copy, tail):
                self._insert_before(watch, between, tail)
        self._log.warning(
            "a file was truncated; lines that were written shortly before may be lost", source=self._source,
            path=tail.path, lost_bytes_at_least=lost if copy is None else 0,
            remedy="let logrotate rename it and send Falco SIGUSR1 instead of copytruncate",
        )  # fmt: skip

    def uncommitted(self) -> dict[str, str | None]:
        """What the journal does not know yet."""
        now: dict[str, str | None] = {file_position.FOLLOWED: ""}
        for number in self._dirty:
            tail = self._numbered.get(number)
            now[str(number)] = None if tail is None else tail.position()
        return {part: text for part, text in now.items() if text != self._committed.get(part)}

    def committed(self, parts: Mapping[str, str | None]) -> None:
        """The journal has committed this."""
        self._dirty.clear()
        for part, text in parts.items():
            if text is None:
                del self._committed[part]
            else:
                self._committed[part] = text

    def close(self) -> None:
        """Let go of all of them."""
        for tail in self.tails.values():
            os.close(tail.descriptor)
        for known in (self.tails, self._named, self._numbered, self._watched, self._dirty):
            known.clear()

    def _copy(self, position: Position) -> Tail | None:
        """Of a file that was truncated, from where it had been read to."""
        path = file_position.copy_of(position)
        return None if path is None else self._try_open(path, position.path, position.offset)

    def _retire(self, watch: FileWatch, tail: Tail, payload: Payload) -> None:
        """A file that the pattern names no longer is read on until its writer has surely turned to another."""
        found = os.fstat(tail.descriptor)
        tail.seen = found.st_size
        deleted = found.st_nlink == 0
        replaced = self._named.get(tail.path) is not tail
        silent = time.monotonic() - tail.quiet_since > (_DELETED_SECONDS if deleted else _RENAMED_SECONDS)
        if tail.seen != tail.read or tail.line_continues or not silent or not (deleted or replaced):
            return
        self.mark_dirty(tail)
        tail.end(time.time_ns(), payload)
        self._close(watch, tail)

    def _close(self, watch: FileWatch, tail: Tail) -> None:
        if tail.watch is not None:
            watch.forget(tail.watch)
            self._watched.pop(tail.watch, None)
        os.close(tail.descriptor)
        del self.tails[tail.key], self._numbered[tail.number]
        if self._named.get(tail.path) is tail:
            del self._named[tail.path]

    def _open(self, watch: FileWatch, path: str, name: str, offset: int | None) -> None:
        """Follow a file, and before it those that bore its name since the one that is known."""
        tail = self._try_open(path, name, offset)
        before = self._named.get(name)
        if tail is not None and before is not None:
            for between in self._files_between(before, tail):
                self._add(watch, between)
        if tail is not None:
            self._add(watch, tail)

    def _files_between(self, before: Tail, tail: Tail) -> Iterator[Tail]:
        """What bore their name after the one and before the other, and nobody saw."""
        since_ns = os.fstat(before.descriptor).st_mtime_ns
        for path in file_position.rotated_between(tail.path, since_ns, {tail.key, *self.tails}):
            between = self._try_open(path, tail.path, 0)
            if between is not None:
                yield between

    def _try_open(self, path: str, name: str, offset: int | None) -> Tail | None:
        try:
            tail = open_tail(path, name, offset)
        except OSError as error:
            self._warn_once(
                path, error.strerror or str(error), _REMEDIES.get(error.errno, "let the bridge's user read it")
            )
            return None
        if tail is None:
            self._warn_once(path, "it is no plain file", "let `file` name plain files only")
        elif tail.key in self.tails:  # it was renamed just now, and is followed already
            os.close(tail.descriptor)
            return None
        else:
            self._reported.discard(path)
        return tail

    def _add(self, watch: FileWatch, tail: Tail, number: int | None = None) -> None:
        tail.number = next(reversed(self._numbered), 0) + 1 if number is None else number
        self._numbered[tail.number] = tail
        self.mark_dirty(tail)
        tail.watch = watch.file(tail.descriptor, tail.device, tail.real)
        if tail.watch is not None:
            self._watched[tail.watch] = tail
        tail.follows = self._named.get(tail.path)
        self._named[tail.path] = self.tails[tail.key] = tail

    def _insert_before(self, watch: FileWatch, tail: Tail, successor: Tail) -> None:
        """It holds what stood in ``successor`` before, and is to be read first, after a restart too."""
        self._add(watch, tail)
        tail.number, successor.number = successor.number, tail.number
        for each in (tail, successor):
            self._numbered[each.number] = each
            self.mark_dirty(each)
        tail.follows, successor.follows = successor.follows, tail
        self._named[successor.path] = successor

    def _warn_once(self, path: str, problem: str, remedy: str) -> None:
        if path not in self._reported:
            self._reported.add(path)
            self._log.warning("a file cannot be read", source=self._source, path=path, problem=problem, remedy=remedy)


def folders_of(pattern: str) -> list[str]:
    """Every folder in which a change can bring a file that the pattern names, or a folder on the way to one."""
    parts = os.path.dirname(pattern).split("/")  # noqa: PTH120
    plain = next((at for at, part in enumerate(parts) if has_magic(part)), len(parts))
    base = "/".join(parts[:plain]) or "/"
    if not os.path.isdir(base):  # noqa: PTH112
        while not os.path.isdir(base):  # noqa: PTH112
            base = os.path.dirname(base) or "/"  # noqa: PTH120
        return [base]
    return [base, *(each for end in range(plain + 1, len(parts) + 1) for each in glob("/".join(parts[:end])))]  # noqa: PTH207
