"""The open files of a file source: those that the pattern names, and rotated ones that are not read to their end."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from glob import glob
from itertools import count
from typing import Literal

import structlog

from bridge.common.files.file_watch import FileWatch
from bridge.common.text import visible
from bridge.sources.files import position as file_position
from bridge.sources.files.pattern import folders_of
from bridge.sources.files.position import Position
from bridge.sources.files.schedule import FollowTimes
from bridge.sources.files.tail import Tail, open_tail
from bridge.sources.payload import Payload

ReadFrom = Literal["start", "end"]
_TOO_MANY_FILES = "raise the limit of open files (LimitNOFILE in the unit, ulimit -n), or name fewer files in `file`"
_REMEDIES: dict[int | None, str] = {
    errno.EMFILE: _TOO_MANY_FILES,
    errno.ENFILE: _TOO_MANY_FILES,
    errno.ENOENT: "mount the folder of the link's target as well: /var/log/containers has links to /var/log/pods",
}
_NO_ACCESS = "let the bridge's user read it"


class FollowedFiles:
    """The files between ``resume`` and ``close``. ``checkpoint`` is the committed position of each file."""

    def __init__(
        self, source_name: str, pattern: str, checkpoint: Mapping[str, str], read_from: ReadFrom, times: FollowTimes
    ) -> None:
        self.tails: dict[tuple[int, int], Tail] = {}
        """By device and inode."""
        self.truncations = 0
        self.unreadable: tuple[str, ...] = ()
        """A sentence for each file that the pattern names and that cannot be opened."""
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
        self._unopened: dict[tuple[int, int], tuple[int, Position]] = {}
        """Files that cannot be opened: their number, and the position from which to read them. By device and inode."""
        self._problems: dict[str, str] = {}
        """Why a path was not opened. Logged once."""
        self._log = structlog.get_logger("file")

    def resume(self, watch: FileWatch) -> None:
        """Open the files of the checkpoint, including those that were renamed since, and those written after them."""
        known = file_position.read(self._checkpoint)
        self._dirty.update(known)
        chain: list[Tail] = []
        gone: list[tuple[int, int, Position]] = []
        for (number, position), path in zip(known.items(), file_position.find(known.values()), strict=True):
            tail = None if path is None else self._try_open(path, position.path, position.offset)
            if path is None:
                gone.append((len(chain), number, position))
            elif tail is not None:
                tail.number = number
                tail.resume_at(position)
                chain.append(tail)
                self.tails[tail.key] = tail
            elif position.key not in self.tails:
                self._unopened[position.key] = number, position
        for place, number, position in reversed(gone):
            self._recover(chain, place, number, position)
        numbers = sorted(tail.number for tail in chain if tail.number)
        fresh = count(max(known, default=0) + 1)
        numbers += [next(fresh) for _ in range(len(chain) - len(numbers))]
        for number, tail in zip(numbers, chain, strict=True):
            self._add(watch, tail, number)

    def scan(self, watch: FileWatch, payload: Payload) -> None:
        """Open new files, and close rotated ones that are no longer written. Their last lines go into the payload."""
        for folder in folders_of(self._pattern):
            watch.folder(folder)
        current: set[tuple[int, int]] = set()
        unreadable: list[str] = []
        unreachable: dict[str, OSError] = {}
        for path in sorted(glob(self._pattern)):  # noqa: PTH207  # Path.glob takes no absolute patterns
            try:
                found = os.stat(path)  # noqa: PTH116  # called for every file at every scan
            except OSError as error:
                unreachable[path] = error
                continue
            key = found.st_dev, found.st_ino
            current.add(key)
            tail = self.tails.get(key)
            if tail is None:
                self._open(watch, path, found)
                if key not in self.tails and stat.S_ISREG(found.st_mode) and path in self._problems:
                    unreadable.append(path)
            elif found.st_size > tail.seen or (found.st_size == tail.seen and found.st_mtime_ns == tail.written_ns):
                tail.identify(found.st_size)
                tail.seen = found.st_size
            else:
                tail.seen = -1  # perhaps truncated: differs from ``read``, so that the file is read at once
        self._read_from = "start"  # files that appear later are new
        unreadable += self._unreachable(unreachable)
        self.unreadable = tuple([f"cannot read {visible(path)}: {self._problems[path]}" for path in unreadable])
        for key in self._unopened.keys() - current:
            number, position = self._unopened.pop(key)
            self._dirty.add(number)
            self._warn_missing(position)
        for tail in [tail for key, tail in self.tails.items() if key not in current]:
            self._retire(watch, tail, payload)
        for folder in {os.path.dirname(tail.real) for tail in self.tails.values()}:  # noqa: PTH120
            watch.folder(folder)

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
        position = tail.known_position()
        copy = self._open_copy(position)
        lost = tail.reset()
        if copy is not None:
            self._insert_before(watch, copy, tail)
        for earlier in self._open_rotated(tail.path, position.written_ns if copy is None else copy.written_ns):
            self._insert_before(watch, earlier, tail)
        self._log.warning(
            "file truncated; lines written shortly before may be lost", source=self._source_name, path=tail.path,
            lost_bytes_at_least=lost if copy is None else 0,
            remedy="let logrotate rename the file and send SIGUSR1 to Falco instead of using copytruncate",
        )  # fmt: skip

    def uncommitted(self) -> dict[str, str | None]:
        """The changes to the checkpoint that are not committed."""
        now: dict[str, str | None] = {file_position.STARTED: ""}
        unopened = {number: position.text() for number, position in self._unopened.values()}
        for number in self._dirty:
            tail = self._numbered.get(number)
            now[str(number)] = unopened.get(number) if tail is None else tail.position()
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
        for index in (self.tails, self._named, self._numbered, self._watched, self._dirty, self._unopened):
            index.clear()

    def _recover(self, chain: list[Tail], place: int, number: int, position: Position) -> None:
        """Add what is left of a file that was truncated or deleted while the bridge was down.

        That is its copy, and the files that had its name afterwards. ``place``: where it was among the others.
        """
        copy = self._open_copy(position)
        since_ns = position.written_ns
        if copy is None:
            self._warn_missing(position)
        else:
            copy.number, since_ns = number, copy.written_ns
            self.tails[copy.key] = copy
            chain.insert(place, copy)
            place += 1
        for tail in self._open_rotated(position.path, since_ns) if since_ns else ():
            later = (at for at in range(place, len(chain)) if chain[at].path == tail.path)
            place = next((at for at in later if chain[at].written_ns > tail.written_ns), len(chain))
            self.tails[tail.key] = tail
            chain.insert(place, tail)
            place += 1

    def _open_copy(self, position: Position) -> Tail | None:
        """Open the copy of a truncated file at the position up to which the file had been read."""
        path = file_position.copy_of(position, self.tails)
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

    def _open(self, watch: FileWatch, path: str, found: os.stat_result) -> None:
        """Follow a file, and before it the files that had its name since the known one was rotated."""
        number, position = self._unopened.get((found.st_dev, found.st_ino), (None, None))
        offset: int | None = None if self._read_from == "end" else 0
        if position is not None:
            offset = position.offset if file_position.matches(path, position) else 0
        tail = self._try_open(path, path, offset)
        if tail is None:
            if offset is None and stat.S_ISREG(found.st_mode) and path in self._problems:
                self._keep_unopened(path, found)
            return
        if number is not None:
            del self._unopened[tail.key]
            self._dirty.add(number)
        before = self._named.get(path)
        if before is not None:
            for between in self._open_rotated(path, os.fstat(before.descriptor).st_mtime_ns, tail.key):
                self._add(watch, between)
        self._add(watch, tail)

    def _keep_unopened(self, path: str, found: os.stat_result) -> None:
        """Remember what a file that cannot be opened holds at the first start, so that it is skipped later."""
        number, key = self._next_number(), (found.st_dev, found.st_ino)
        self._unopened[key] = number, Position(path, *key, found.st_size, head=0, head_bytes=0)
        self._dirty.add(number)

    def _open_rotated(self, path: str, since_ns: int, *known: tuple[int, int]) -> Iterator[Tail]:
        """The unknown files that had this name and were last written at ``since_ns`` or later, oldest first."""
        for rotated in file_position.rotated_between(path, since_ns, {*self.tails, *known}):
            tail = self._try_open(rotated, path, 0)
            if tail is not None:
                yield tail

    def _unreachable(self, unreachable: Mapping[str, OSError]) -> Iterator[str]:
        """The first of these links, if the pattern names nothing else: a few links without a target are usual."""
        for path, error in unreachable.items():
            if not self.tails and os.path.islink(path):  # noqa: PTH114
                problem = "the target of the link does not exist" if error.errno == errno.ENOENT else error.strerror
                self._warn_once(path, problem or str(error), _REMEDIES.get(error.errno, _NO_ACCESS))
                yield path
                return

    def _try_open(self, path: str, name: str, offset: int | None) -> Tail | None:
        try:
            tail = open_tail(path, name, offset)
        except OSError as error:
            if error.errno != errno.ENOENT:  # renamed or removed just now
                remedy = _REMEDIES.get(error.errno, _NO_ACCESS)
                self._warn_once(path, error.strerror or str(error), remedy)
            return None
        if tail is None:
            self._warn_once(path, "not a regular file", "let `file` name regular files only")
        elif tail.key in self.tails:  # renamed just now, and followed already
            os.close(tail.descriptor)
            return None
        else:
            self._problems.pop(path, None)
        return tail

    def _add(self, watch: FileWatch, tail: Tail, number: int | None = None) -> None:
        tail.number = self._next_number() if number is None else number
        self._numbered[tail.number] = tail
        self.mark_dirty(tail)
        tail.watch = watch.file(tail.descriptor, tail.device, tail.real)
        if tail.watch is not None:
            self._watched[tail.watch] = tail
        tail.follows = self._named.get(tail.path)
        self._named[tail.path] = self.tails[tail.key] = tail

    def _next_number(self) -> int:
        return max(next(reversed(self._numbered), 0), *(number for number, _ in self._unopened.values()), 0) + 1

    def _insert_before(self, watch: FileWatch, tail: Tail, successor: Tail) -> None:
        """Follow ``tail``, which has earlier content of ``successor`` and must be read first, even after a restart."""
        newest = self._named[successor.path]
        self._add(watch, tail)
        self._named[successor.path] = newest
        tail.follows, successor.follows = successor.follows, tail
        later = [
            each
            for number, each in sorted(self._numbered.items())
            if each.path == successor.path and number >= successor.number and each is not tail
        ]
        chain = [tail, *later]
        for number, each in zip(sorted(each.number for each in chain), chain, strict=True):
            each.number = number
            self._numbered[number] = each
            self.mark_dirty(each)

    def _warn_once(self, path: str, problem: str, remedy: str) -> None:
        if path not in self._problems:
            self._log.warning("file not readable", source=self._source_name, path=path, problem=problem, remedy=remedy)
        self._problems[path] = f"{problem}; {remedy}"

    def _warn_missing(self, position: Position) -> None:
        self._log.warning(
            "file missing or truncated since the last run; its last lines may be lost",
            source=self._source_name, path=position.path, read_bytes=position.offset,
        )  # fmt: skip
