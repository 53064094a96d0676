"""The spool: where ``falco-bridge send`` leaves alerts while no bridge runs.

They are taken in file by file, each removed only after its commit. Its group may write there, so nothing in it is
trusted: what is no plain file is not opened, what is too large or no alert is kept aside.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from bridge.common.errors import SetupError
from bridge.common.unix_socket import group_number
from bridge.sources.contract import Accept, Batch, Refusal
from bridge.sources.ingest.client import LARGEST, MOST_FILES, UNFINISHED
from bridge.sources.payload import MOST_PIECES, Payload, TooMany, read_body

_MOST_IN_A_BATCH = 500
_MOST_BYTES_IN_A_BATCH = 8 << 20
_MOST_LOOKED_AT = 2 * MOST_FILES
_SETTLED_NS = 2_000_000_000
"""A folder's time of change is coarse: one that changed so lately may have changed again since."""
_ABANDONED_SECONDS = 3600.0
"""An unfinished file of that age is what a killed ``send`` left; it was never acknowledged."""
_KEPT_OF_A_LARGE_FILE = 64 << 10


@dataclass(frozen=True, slots=True)
class _File:
    """A plain file's content and when it was written."""

    content: bytes
    written_ns: int


class Spool:
    """One folder, made if there is none. Raises SetupError where it cannot be used."""

    def __init__(self, folder: Path, group: str = "", zone: ZoneInfo | None = None) -> None:
        self._folder = folder
        self._zone = zone
        self._directory = _opened(folder, group)
        self._seen_ns = -1
        self._left_alone: set[str] = set()
        self._log = structlog.get_logger("spool")

    @property
    def left_alone(self) -> int:
        """How many names lie there that can neither be read nor removed."""
        return len(self._left_alone)

    def take(self, source: str, accept: Accept) -> None:
        """Take in what is there; as good as free where nothing has come since. Raises Abandoned."""
        while self._has_changed():
            names = self._names()
            if not names:
                return
            self._take_some(names, source, accept)

    def _has_changed(self) -> bool:
        changed_ns = os.fstat(self._directory).st_mtime_ns
        settled = changed_ns + _SETTLED_NS < time.time_ns()
        if settled and changed_ns == self._seen_ns:
            return False
        self._seen_ns = changed_ns
        return True

    def _names(self) -> list[str]:
        """Oldest first, as the names that ``send`` gives begin with the time."""
        with os.scandir(self._directory) as entries:
            names = [entry.name for entry in islice(entries, _MOST_LOOKED_AT)]
        self._left_alone.intersection_update(names)
        for name in names:
            if name.startswith(UNFINISHED):
                self._forget_abandoned(name)
        return sorted(name for name in names if not name.startswith(UNFINISHED) and name not in self._left_alone)

    def _take_some(self, names: list[str], source: str, accept: Accept) -> None:
        payload = Payload(zone=self._zone)
        done = list(self._read_into(payload, names))
        if payload.alerts or payload.refused:
            accept(Batch(source, time.time_ns(), tuple(payload.alerts), tuple(payload.refused)))
        for name in done:
            self._remove(name)

    def _read_into(self, payload: Payload, names: list[str]) -> Iterator[str]:
        """Fill a batch; the names of what it holds."""
        size = 0
        for name in names[:_MOST_IN_A_BATCH]:
            found = self._read(name)
            if isinstance(found, Refusal):
                payload.refused.append(found)
            elif found is not None:
                _decode_into(payload, found)
                size += len(found.content)
            if found is not None:
                yield name
            if size >= _MOST_BYTES_IN_A_BATCH:
                return

    def _read(self, name: str) -> _File | Refusal | None:
        """A file's content; a refusal for what ought not to be there; None for what is left alone."""
        try:
            before = os.stat(name, dir_fd=self._directory, follow_symlinks=False)
            if not stat.S_ISREG(before.st_mode):
                return self._no_file(name, before.st_mode)
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            file = os.open(name, flags, dir_fd=self._directory)
            with os.fdopen(file, "rb") as opened:
                now = os.fstat(file)
                if not stat.S_ISREG(now.st_mode):
                    return self._no_file(name, now.st_mode)
                content = opened.read(LARGEST + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._leave_alone(name, error)
            return None
        if now.st_nlink > 1:
            return Refusal("was a second name of a file elsewhere, in the spool", os.fsencode(name))
        if len(content) > LARGEST:
            return Refusal(f"has more than {LARGEST} bytes, in the spool", content[:_KEPT_OF_A_LARGE_FILE])
        return _File(content, now.st_mtime_ns)

    def _no_file(self, name: str, mode: int) -> Refusal | None:
        if stat.S_ISDIR(mode):
            self._leave_alone(name, IsADirectoryError(0, "it is a folder"))
            return None
        kind = {stat.S_IFLNK: "link", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}.get(stat.S_IFMT(mode), "device")
        return Refusal(f"was a {kind} in the spool, where only files belong", os.fsencode(name))

    def _remove(self, name: str) -> None:
        try:
            os.unlink(name, dir_fd=self._directory)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._leave_alone(name, error)

    def _leave_alone(self, name: str, error: OSError) -> None:
        """What cannot be read or removed must be told, once, and must not be tried for ever."""
        self._left_alone.add(name)
        self._log.error(
            "the spool holds what cannot be taken in",
            spool=str(self._folder),
            name=ascii(name),
            problem=error.strerror,
            remedy="remove it by hand; the bridge's user must be able to read and remove what lies there",
        )

    def _forget_abandoned(self, name: str) -> None:
        try:
            age = time.time() - os.stat(name, dir_fd=self._directory, follow_symlinks=False).st_mtime
            if age > _ABANDONED_SECONDS:
                os.unlink(name, dir_fd=self._directory)
        except OSError:  # it has just been finished, or it is a folder: either way not ours to remove
            return


def _decode_into(payload: Payload, file: _File) -> None:
    if not file.content.strip():
        return
    try:
        read = read_body(file.content, min(file.written_ns, time.time_ns()), payload.zone)
    except TooMany:
        payload.refused.append(Refusal(f"holds more than {MOST_PIECES} alerts, in the spool", file.content))
        return
    payload.alerts += read.alerts
    payload.refused += read.refused


def _opened(folder: Path, group: str) -> int:
    try:
        _make(folder, group)
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise SetupError(
            f"the spool {folder} cannot be used ({error.strerror}); it must be a folder that the bridge's user may "
            f"write to, in a folder that exists"
        ) from error
    if os.fstat(directory).st_mode & stat.S_IWOTH:
        os.close(directory)
        raise SetupError(f"anybody may write to the spool {folder}; take that away: chmod o-w {folder}")
    return directory


def _make(folder: Path, group: str) -> None:
    """For the group alone, and its files are the group's (setgid); one that is there stays as it is."""
    try:
        folder.mkdir(0o700)
    except FileExistsError:
        return
    if group:
        os.chown(folder, -1, group_number(group), follow_symlinks=False)
        folder.chmod(0o2770)
