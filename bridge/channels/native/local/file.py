"""``file://PATH``: appends one JSON line per delivery and syncs it to the disk; supports log rotation."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.message.alert_body import alert_body
from bridge.channels.native.local.allowed import Allowed
from bridge.delivery.delivery import Delivery

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_encode = msgspec.json.Encoder().encode


class FileChannel:
    """Appends to one file, readable by its owner only. Below the allowed folder no symbolic links are followed."""

    batch_size = 1000
    digest_limit = batch_size

    def __init__(self, name: str, path: Path, labels: Mapping[str, str], allowed: Allowed) -> None:
        """Raises ChannelError if the file is not in an allowed folder, or is the journal."""
        self.name = name
        self._path = path
        self._labels = labels
        self._lock = threading.Lock()
        folder = allowed.folder_of(path)
        if folder is None:
            raise ChannelError("writes outside of the allowed folders; add its folder to `allow: {files: [FOLDER]}`")
        if allowed.is_journal(path):
            raise ChannelError("writes to the bridge's journal; choose another file")
        self._folder = folder
        self._steps = Path(os.path.normpath(path)).relative_to(folder).parts

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Append one line per delivery. The file is opened for each call, so that it can be rotated at any time."""
        lines = b"".join(_encode(alert_body(each, self._labels)) + b"\n" for each in deliveries)
        try:
            with self._lock, self._parent() as parent:
                return self._append(parent, lines)
        except OSError as error:
            return Outcome(Verdict.RETRY, reason=f"cannot write {self._path}: {error.strerror}")

    def close(self) -> None:
        """Nothing to close."""

    @contextmanager
    def _parent(self) -> Iterator[int]:
        """A descriptor of the file's folder. Each step is opened without following links, so none can be inserted."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for step in self._steps[:-1]:
                child = os.open(step, _FOLDER_FLAGS, dir_fd=folder)
                os.close(folder)
                folder = child
            yield folder
        finally:
            os.close(folder)

    def _append(self, parent: int, lines: bytes) -> Outcome:
        descriptor = os.open(self._steps[-1], _FILE_FLAGS, 0o600, dir_fd=parent)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return Outcome(Verdict.CHANNEL_FAULT, reason=f"{self._path} is not a regular file")
            end = status.st_size
            if end and os.pread(descriptor, 1, end - 1) != b"\n":
                lines = b"\n" + lines  # The last line is incomplete: an earlier write was interrupted.
            if os.write(descriptor, lines) != len(lines):
                os.ftruncate(descriptor, end)
                return Outcome(Verdict.RETRY, reason="the disk is full: free some space")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if not end:
            os.fsync(parent)  # the entry of a new file
        return Outcome(Verdict.DELIVERED)
