"""Reads the spool: the folder in which ``falco-bridge send`` leaves alerts while no bridge runs.

Each file is removed after its alerts are committed. The spool's group can write to it, so its content is not trusted:
only regular files are opened, and files that are too large or hold no alert are rejected.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from bridge.alert.rejected import RejectedMessage
from bridge.common.errors import SetupError
from bridge.common.net.unix_socket import group_number
from bridge.sources.contract import Accept, Batch
from bridge.sources.ingest.client import MAX_BYTES, MAX_FILES, UNFINISHED
from bridge.sources.payload import MAX_ALERTS_PER_BODY, Payload, TooManyAlerts, read_body

_MAX_BATCH = 500
_MAX_BATCH_BYTES = 8 << 20
_MAX_LISTED = 2 * MAX_FILES
_SETTLED_NS = 2_000_000_000
"""Modification times are coarse: a folder that changed more recently may have changed again without a new time."""
_ABANDONED_SECONDS = 3600.0
"""An unfinished file of this age was left by a ``send`` that was killed. It was never acknowledged."""
_LARGE_FILE_PREFIX = 64 << 10
"""How much of a file that is too large is quarantined."""
_RETRY_SECONDS = 60.0
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class _File:
    """The content of a regular file, and when it was written."""

    content: bytes
    written_ns: int


class Spool:
    """A spool folder, created if missing. Raises SetupError if it cannot be used."""

    def __init__(
        self,
        folder: Path,
        group: str = "",
        zone: ZoneInfo | None = None,
        max_file_bytes: int = MAX_BYTES,
        retry_seconds: float = _RETRY_SECONDS,
    ) -> None:
        """``retry_seconds``: when a file that could not be read is tried again."""
        self._folder = folder
        self._group = group
        self._max_file_bytes = max_file_bytes
        self._zone = zone
        self._directory = _open_folder(folder, group)
        self._scanned_ns = -1
        self._retry_seconds = retry_seconds
        self._unusable: dict[str, float] = {}
        """When each entry that cannot be read is tried again, by the monotonic clock."""
        self._problem = ""
        self._log = structlog.get_logger("spool")

    @property
    def unusable(self) -> int:
        """The number of entries that can neither be read nor removed."""
        return len(self._unusable)

    def take(self, source_name: str, accept: Accept) -> None:
        """Commit and remove the files. Costs almost nothing if there are no new ones. Raises Aborted."""
        self._follow_folder()
        while self._has_changed():
            names = self._names()
            if not names:
                return
            self._take_files(names, source_name, accept)

    def _follow_folder(self) -> None:
        """Open the folder again if it was removed or replaced: ``send`` writes to the one that has the name."""
        with suppress(FileNotFoundError):
            if os.path.samestat(os.lstat(self._folder), os.fstat(self._directory)):
                return
        try:
            directory = _open_folder(self._folder, self._group)
        except SetupError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                self._log.error("spool not readable", spool=str(self._folder), problem=self._problem)
            return
        os.close(self._directory)
        self._directory, self._problem, self._scanned_ns = directory, "", -1
        self._unusable.clear()
        self._log.warning("spool replaced", spool=str(self._folder))

    def _has_changed(self) -> bool:
        changed_ns = os.fstat(self._directory).st_mtime_ns
        settled = changed_ns + _SETTLED_NS < time.time_ns()
        due = min(self._unusable.values(), default=_NEVER) <= time.monotonic()
        if settled and changed_ns == self._scanned_ns and not due:
            return False
        self._scanned_ns = changed_ns
        return True

    def _names(self) -> list[str]:
        """The names of the files, oldest first: ``send`` begins each name with the time.

        Unfinished and unusable entries do not count towards the limit, so they cannot hide a file.
        """
        names: list[str] = []
        unusable: dict[str, float] = {}
        now = time.monotonic()
        with os.scandir(self._directory) as entries:
            for entry in entries:
                if entry.name.startswith(UNFINISHED):
                    self._remove_abandoned(entry.name)
                    continue
                again = self._unusable.get(entry.name)
                if again is not None:
                    unusable[entry.name] = again
                if again is None or again <= now:
                    names.append(entry.name)
                if len(names) >= _MAX_LISTED:
                    self._scanned_ns = -1  # there may be more
                    break
            else:
                self._unusable = unusable
        return sorted(names)

    def _take_files(self, names: list[str], source_name: str, accept: Accept) -> None:
        left = iter(names)
        while True:
            payload = Payload(zone=self._zone)
            done = list(self._read_into(payload, left))
            if payload.alerts or payload.rejected:
                accept(Batch(source_name, time.time_ns(), tuple(payload.alerts), tuple(payload.rejected)))
            for name in done:
                self._remove(name)
            if not done:
                return

    def _read_into(self, payload: Payload, names: Iterator[str]) -> Iterator[str]:
        """Add files to the payload up to a batch. Yields their names."""
        count = size = 0
        for name in names:
            file = self._read(name)
            if isinstance(file, RejectedMessage):
                payload.rejected.append(file)
            elif file is not None:
                _decode_into(payload, file)
                size += len(file.content)
            if file is not None:
                count += 1
                yield name
            if count >= _MAX_BATCH or size >= _MAX_BATCH_BYTES:
                return

    def _read(self, name: str) -> _File | RejectedMessage | None:
        """A file, a rejected message for an entry that must not be opened, or None for an entry to skip."""
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
                content = opened.read(self._max_file_bytes + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._mark_unusable(name, error, self._retry_seconds)
            return None
        if now.st_nlink > 1:
            return RejectedMessage("was a hard link in the spool", os.fsencode(name))
        if len(content) > self._max_file_bytes:
            reason = f"was a file of more than {self._max_file_bytes} bytes in the spool"
            return RejectedMessage(reason, content[:_LARGE_FILE_PREFIX])
        return _File(content, now.st_mtime_ns)

    def _not_a_file(self, name: str, mode: int) -> RejectedMessage | None:
        if stat.S_ISDIR(mode):
            self._mark_unusable(name, IsADirectoryError(0, "not a file but a folder"), _NEVER)
            return None
        kind = {stat.S_IFLNK: "symbolic link", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}.get(
            stat.S_IFMT(mode), "device"
        )
        return RejectedMessage(f"was a {kind} in the spool", os.fsencode(name))

    def _remove(self, name: str) -> None:
        try:
            os.unlink(name, dir_fd=self._directory)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._mark_unusable(name, error, _NEVER)
            return
        self._unusable.pop(name, None)

    def _mark_unusable(self, name: str, error: OSError, seconds: float) -> None:
        """Log an entry that cannot be read or removed once, and skip it for ``seconds``."""
        known = name in self._unusable
        self._unusable[name] = time.monotonic() + seconds
        if known:
            return
        self._log.error(
            "unusable file in the spool",
            spool=str(self._folder),
            name=ascii(name),
            problem=error.strerror,
            remedy="let the bridge's user read and remove every file in the spool, or remove it",
        )

    def _remove_abandoned(self, name: str) -> None:
        try:
            age = time.time() - os.stat(name, dir_fd=self._directory, follow_symlinks=False).st_mtime
            if age > _ABANDONED_SECONDS:
                os.unlink(name, dir_fd=self._directory)
        except OSError:  # finished just now, or a folder
            return


def _decode_into(payload: Payload, file: _File) -> None:
    if not file.content.strip():
        return
    try:
        read = read_body(file.content, min(file.written_ns, time.time_ns()), payload.zone)
    except TooManyAlerts:
        payload.rejected.append(
            RejectedMessage(f"was a file with more than {MAX_ALERTS_PER_BODY} alerts in the spool", file.content)
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
            f"the spool {folder} cannot be used ({error.strerror}); "
            "name a folder that the bridge's user can write to or create"
        ) from error
    if os.fstat(directory).st_mode & stat.S_IWOTH:
        os.close(directory)
        raise SetupError(f"every user can write to the spool {folder}; run: chmod o-w {folder}")
    return directory


def _create(folder: Path, group: str) -> None:
    """Create the folder for the group only. An existing folder is not changed.

    Its mode has setgid, which gives its files the group, and the sticky bit: a member of the group cannot remove or
    rename the files of another.
    """
    try:
        folder.mkdir(0o700)
    except FileExistsError:
        return
    if group:
        os.chown(folder, -1, group_number(group), follow_symlinks=False)
        folder.chmod(0o3770)
