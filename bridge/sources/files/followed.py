"""The open files of a file source: those that the pattern names, and rotated ones that are not read to their end."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from glob import glob, has_magic
from typing import Literal

import structlog

from bridge.common.file_watch import FileWatch
from bridge.sources.files import position as file_position
from bridge.sources.files.position import Position
from bridge.sources.files.tail import Tail, open_tail
from bridge.sources.payload import Payload

ReadFrom = Literal["start", "end"]
_MIN_PAUSE_SECONDS = 0.02
_TOO_MANY_FILES = "raise the limit of open files (LimitNOFILE in the unit, ulimit -n), or name fewer files in `file`"
_REMEDIES: dict[int | None, str] = {errno.EMFILE: _TOO_MANY_FILES, errno.ENFILE: _TOO_MANY_FILES}


@dataclass(frozen=True, slots=True)
class FollowTimes:
    """How often all files are checked, and how long files without a name are kept open. Seconds."""

    scan: float = 5.0
    """Between two scans while the kernel reports changes."""
    poll: float = 0.25
    """Between two scans while it cannot, for example on a network file system."""
    share: float = 200
    """A scan takes at most one part in ``share`` of the time, and ten parts while files come and go."""
    renamed: float = 60.0
    """A renamed file is read for so long after its last line, because its writer may reopen it late."""
    deleted: float = 5.0
    """The same for a deleted file."""


class FollowedFiles:
    """The files between ``resume`` and ``close``. ``checkpoint`` is the committed position of each file."""

    def __init__(
        self, source_name: str, pattern: str, checkpoint: Mapping[str, str], read_from: ReadFrom, times: FollowTimes
    ) -> None:
        self.tails: dict[tuple[int, int], Tail] = {}
        """By device and inode."""
        self.truncations = 0
        self.next_scan = self.earliest_scan = 0.0
        """When the next scan is due, and the earliest time for it, by the monotonic clock."""
        self._source_name = source_name
        self._pattern = pattern
        self._times = times
        self._checkpoint = dict(checkpoint)
        self._read_from: ReadFrom = "start" if self._checkpoint else read_from
        self._named: dict[str, Tail] = {}
        """The newest file under each name."""
        self._numbered: dict[int, Tail] = {}
        self._dirty: set[int] = set()
        """The numbers of the files whose position, or removal, may not be committed."""
        self._watched: dict[int, Tail] = {}
        self._warned: set[str] = set()
        self._log = structlog.get_logger("file")

    def resume(self, watch: FileWatch) -> None:
        """Open the files of the checkpoint, including those that were renamed since."""
        known = file_position.read(self._checkpoint)
        self._dirty.update(known)
        for (number, position), path in zip(known.items(), file_position.find(known.values()), strict=True):
            tail = self._open_copy(position) if path is None else self._try_open(path, position.path, position.offset)
            if tail is not None:
                self._add(watch, tail, number)
            elif path is None:
                self._log.warning(
                    "file missing or truncated since the last run; its last lines may be lost",
                    source=self._source_name, path=position.path, read_bytes=position.offset,
                )  # fmt: skip

    def scan(self, watch: FileWatch, payload: Payload) -> None:
        """Open new files, and close rotated ones that are no longer written. Their last lines go into the payload."""
        started = time.monotonic()
        for folder in folders_of(self._pattern):
            watch.folder(folder)
        current: set[tuple[int, int]] = set()
        for path in sorted(glob(self._pattern)):  # noqa: PTH207  # Path.glob takes no absolute patterns
            try:
                found = os.stat(path)  # noqa: PTH116  # called for every file at every scan
            except OSError:
                continue
            key = found.st_dev, found.st_ino
            current.add(key)
            tail = self.tails.get(key)
            if tail is None:
                self._open(watch, path, path, None if self._read_from == "end" else 0)
            elif found.st_size >= tail.seen:
                tail.seen = found.st_size
            else:
                tail.seen = -1  # truncated: differs from ``read``, so that the file is read at once
        self._read_from = "start"  # files that appear later are new
        for tail in [tail for key, tail in self.tails.items() if key not in current]:
            self._retire(watch, tail, payload)
        for folder in {os.path.dirname(tail.real) for tail in self.tails.values()}:  # noqa: PTH120
            watch.folder(folder)
        self._schedule(time.monotonic() - started, polling=watch.polling)

    def unread(self) -> set[Tail]:
        """The files that have something to read."""
        return {tail for tail in self.tails.values() if tail.seen != tail.read or tail.follows is not None}

    def changed(self, watches: Iterable[int]) -> set[Tail]:
        """The files of these watches."""
        return {self._watched[each] for each in watches if each in self._watched}

    def mark_dirty(self, tail: Tail) -> None:
        """The position of this file is about to change, and with it that of the file in which its first line began."""
        self._dirty.add(tail.number)
        if tail.line_start is not None:
            self._dirty.add(tail.line_start.number)

    def handle_truncation(self, watch: FileWatch, tail: Tail) -> None:
        """Read a truncated file from its start. Lines that were not read are read from its copy, if there is one."""
        self.truncations += 1
        copy = self._open_copy(tail.position_before())
        lost = tail.reset()
        if copy is not None:
            self._insert_before(watch, copy, tail)
            for between in self._files_between(copy, tail):
                self._insert_before(watch, between, tail)
        self._log.warning(
            "file truncated; lines written shortly before may be lost", source=self._source_name, path=tail.path,
            lost_bytes_at_least=lost if copy is None else 0,
            remedy="let logrotate rename the file and send SIGUSR1 to Falco instead of using copytruncate",
        )  # fmt: skip

    def uncommitted(self) -> dict[str, str | None]:
        """The changes to the checkpoint that are not committed."""
        now: dict[str, str | None] = {file_position.STARTED: ""}
        for number in self._dirty:
            tail = self._numbered.get(number)
            now[str(number)] = None if tail is None else tail.position()
        return {part: text for part, text in now.items() if text != self._checkpoint.get(part)}

    def committed(self, changes: Mapping[str, str | None]) -> None:
        """The journal has committed these changes."""
        self._dirty.clear()
        for part, text in changes.items():
            if text is None:
                del self._checkpoint[part]
            else:
                self._checkpoint[part] = text

    def close(self) -> None:
        """Close all files."""
        for tail in self.tails.values():
            os.close(tail.descriptor)
        for index in (self.tails, self._named, self._numbered, self._watched, self._dirty):
            index.clear()

    def _schedule(self, taken: float, *, polling: bool) -> None:
        """Set the time of the next scan after one that took ``taken`` seconds."""
        now, times = time.monotonic(), self._times
        self.earliest_scan = now + max(_MIN_PAUSE_SECONDS, taken * times.share / 10)
        self.next_scan = now + max(times.poll if polling else times.scan, taken * times.share)

    def _open_copy(self, position: Position) -> Tail | None:
        """Open the copy of a truncated file at the position up to which the file had been read."""
        path = file_position.copy_of(position)
        return None if path is None else self._try_open(path, position.path, position.offset)

    def _retire(self, watch: FileWatch, tail: Tail, payload: Payload) -> None:
        """Close a file that the pattern no longer names, once its writer must have opened another."""
        found = os.fstat(tail.descriptor)
        tail.seen = found.st_size
        deleted = found.st_nlink == 0
        replaced = self._named.get(tail.path) is not tail
        quiet = time.monotonic() - tail.quiet_since > (self._times.deleted if deleted else self._times.renamed)
        if tail.seen != tail.read or tail.line_continues or not quiet or not (deleted or replaced):
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
        """Follow a file, and before it the files that had its name since the known one was rotated."""
        tail = self._try_open(path, name, offset)
        before = self._named.get(name)
        if tail is not None and before is not None:
            for between in self._files_between(before, tail):
                self._add(watch, between)
        if tail is not None:
            self._add(watch, tail)

    def _files_between(self, before: Tail, tail: Tail) -> Iterator[Tail]:
        """The files that had the name after ``before`` and before ``tail``, and were rotated between two scans."""
        since_ns = os.fstat(before.descriptor).st_mtime_ns
        for path in file_position.rotated_between(tail.path, since_ns, {tail.key, *self.tails}):
            between = self._try_open(path, tail.path, 0)
            if between is not None:
                yield between

    def _try_open(self, path: str, name: str, offset: int | None) -> Tail | None:
        try:
            tail = open_tail(path, name, offset)
        except OSError as error:
            remedy = _REMEDIES.get(error.errno, "let the bridge's user read it")
            self._warn_once(path, error.strerror or str(error), remedy)
            return None
        if tail is None:
            self._warn_once(path, "not a regular file", "let `file` name regular files only")
        elif tail.key in self.tails:  # renamed just now, and followed already
            os.close(tail.descriptor)
            return None
        else:
            self._warned.discard(path)
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
        """Follow ``tail``, which has earlier content of ``successor`` and must be read first, even after a restart."""
        self._add(watch, tail)
        tail.number, successor.number = successor.number, tail.number
        for each in (tail, successor):
            self._numbered[each.number] = each
            self.mark_dirty(each)
        tail.follows, successor.follows = successor.follows, tail
        self._named[successor.path] = successor

    def _warn_once(self, path: str, problem: str, remedy: str) -> None:
        if path not in self._warned:
            self._warned.add(path)
            self._log.warning("file not readable", source=self._source_name, path=path, problem=problem, remedy=remedy)


def folders_of(pattern: str) -> list[str]:
    """The folders in which a new entry can make the pattern match another file."""
    parts = os.path.dirname(pattern).split("/")  # noqa: PTH120
    plain = next((at for at, part in enumerate(parts) if has_magic(part)), len(parts))
    base = "/".join(parts[:plain]) or "/"
    if not os.path.isdir(base):  # noqa: PTH112
        while not os.path.isdir(base):  # noqa: PTH112
            base = os.path.dirname(base) or "/"  # noqa: PTH120
        return [base]
    return [base, *(each for end in range(plain + 1, len(parts) + 1) for each in glob("/".join(parts[:end])))]  # noqa: PTH207
