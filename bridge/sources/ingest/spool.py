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

from bridge.alert.rejected import RejectedMessage
from bridge.common.errors import SetupError
from bridge.common.unix_socket import group_number
from bridge.sources.contract import Accept, Batch
from bridge.sources.ingest.client import MAX_BYTES, MAX_FILES, UNFINISHED
from bridge.sources.payload import MAX_ALERTS_PER_BODY, Payload, TooManyAlerts, read_body

_MAX_BATCH = 500
_MAX_BATCH_BYTES = 8 << 20
_MAX_LISTED = 2 * MAX_FILES
_SETTLED_NS = 2_000_000_000
"""A folder's time of change is coarse: one that changed so lately may have changed again since."""
_ABANDONED_SECONDS = 3600.0
"""An unfinished file of that age is what a killed ``send`` left; it was never acknowledged."""
_LARGE_FILE_PREFIX = 64 << 10


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
        self._directory = _open_folder(folder, group)
        self._scanned_ns = -1
        self._unusable: set[str] = set()
        self._log = structlog.get_logger("spool")

    @property
    def unusable(self) -> int:
        """How many names lie there that can neither be read nor removed."""
        return len(self._unusable)

    def take(self, source: str, accept: Accept) -> None:
        """Take in what is there; as good as free where nothing has come since. Raises Aborted."""
        while self._has_changed():
            names = self._names()
            if not names:
                return
            self._take_batch(names, source, accept)

    def _has_changed(self) -> bool:
        changed_ns = os.fstat(self._directory).st_mtime_ns
        settled = changed_ns + _SETTLED_NS < time.time_ns()
        if settled and changed_ns == self._scanned_ns:
            return False
        self._scanned_ns = changed_ns
        return True

    def _names(self) -> list[str]:
        """Oldest first, as the names that ``send`` gives begin with the time."""
        with os.scandir(self._directory) as entries:
            names = [entry.name for entry in islice(entries, _MAX_LISTED)]
        self._unusable.intersection_update(names)
        for name in names:
            if name.startswith(UNFINISHED):
                self._remove_abandoned(name)
        return sorted(name for name in names if not name.startswith(UNFINISHED) and name not in self._unusable)

    def _take_batch(self, names: list[str], source: str, accept: Accept) -> None:
        payload = Payload(zone=self._zone)
        done = list(self._read_into(payload, names))
        if payload.alerts or payload.rejected:
            accept(Batch(source, time.time_ns(), tuple(payload.alerts), tuple(payload.rejected)))
        for name in done:
            self._remove(name)

    def _read_into(self, payload: Payload, names: list[str]) -> Iterator[str]:
        """Fill a batch; the names of what it holds."""
        size = 0
        for name in names[:_MAX_BATCH]:
            found = self._read(name)
            if isinstance(found, RejectedMessage):
                payload.rejected.append(found)
            elif found is not None:
                _decode_into(payload, found)
                size += len(found.content)
            if found is not None:
                yield name
            if size >= _MAX_BATCH_BYTES:
                return

    def _read(self, name: str) -> _File | RejectedMessage | None:
        """A file's content; a refusal for what ought not to be there; None for what is left alone."""
        try:
            before = os.stat(name, dir_fd=self._directory, follow_symlinks=False)
            if not stat.S_ISREG(before.st_mode):
                return self._not_a_file(name, before.st_mode)
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            file = os.open(name, flags, dir_fd=self._directory)
            with os.fdopen(file, "rb") as opened:
                now = os.fstat(file)
                if not stat.S_ISREG(now.st_mode):
                    return self._not_a_file(name, now.st_mode)
                content = opened.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._mark_unusable(name, error)
            return None
        if now.st_nlink > 1:
            return RejectedMessage("was a second name of a file elsewhere, in the spool", os.fsencode(name))
        if len(content) > MAX_BYTES:
            return RejectedMessage(f"has more than {MAX_BYTES} bytes, in the spool", content[:_LARGE_FILE_PREFIX])
        return _File(content, now.st_mtime_ns)

    def _not_a_file(self, name: str, mode: int) -> RejectedMessage | None:
        if stat.S_ISDIR(mode):
            self._mark_unusable(name, IsADirectoryError(0, "it is a folder"))
            return None
        kind = {stat.S_IFLNK: "link", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}.get(stat.S_IFMT(mode), "device")
        return RejectedMessage(f"was a {kind} in the spool, where only files belong", os.fsencode(name))

    def _remove(self, name: str) -> None:
        try:
            os.unlink(name, dir_fd=self._directory)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._mark_unusable(name, error)

    def _mark_unusable(self, name: str, error: OSError) -> None:
        """What cannot be read or removed must be told, once, and must not be tried for ever."""
        self._unusable.add(name)
        self._log.error(
            "the spool holds what cannot be taken in",
            spool=str(self._folder),
            name=ascii(name),
            problem=error.strerror,
            remedy="remove it by hand; the bridge's user must be able to read and remove what lies there",
        )

    def _remove_abandoned(self, name: str) -> None:
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
    except TooManyAlerts:
        payload.rejected.append(
            RejectedMessage(f"holds more than {MAX_ALERTS_PER_BODY} alerts, in the spool", file.content)
        )
        return
    payload.alerts += read.alerts
    payload.rejected += read.rejected


def _open_folder(folder: Path, group: str) -> int:
    try:
        _create(folder, group)
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


def _create(folder: Path, group: str) -> None:
    """For the group alone, and its files are the group's (setgid); one that is there stays as it is."""
    try:
        folder.mkdir(0o700)
    except FileExistsError:
        return
    if group:
        os.chown(folder, -1, group_number(group), follow_symlinks=False)
        folder.chmod(0o2770)
