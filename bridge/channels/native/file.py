"""``file://PATH``: a JSON line a delivery, on the disk before it counts as delivered; follows log rotation."""

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
from bridge.channels.native.allowed import Allowed
from bridge.delivery.delivery import Delivery

_BELOW = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_encode = msgspec.json.Encoder().encode


class FileChannel:
    """Appends to one file, readable by its owner only. No link is followed from the allowed folder down."""

    batch_size = 1000
    digest_limit = batch_size

    def __init__(self, name: str, path: Path, labels: Mapping[str, str], allowed: Allowed) -> None:
        """Raises ChannelError where the path is not the bridge's to write to."""
        self.name = name
        self._path = path
        self._labels = labels
        self._lock = threading.Lock()
        folder = allowed.folder_of(path)
        if folder is None:
            raise ChannelError(
                "is a file outside of the folders that channels may write to; see `allow: {files: [FOLDER]}`"
            )
        if allowed.is_journal(path):
            raise ChannelError("is the bridge's own journal; name another file")
        self._folder = folder
        self._steps = Path(os.path.normpath(path)).relative_to(folder).parts

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Append a line each. Opened anew each time, so that a rotated file is left alone."""
        lines = b"".join(_encode(alert_body(each, self._labels)) + b"\n" for each in deliveries)
        try:
            with self._lock, self._parent() as parent:
                return self._append(parent, lines)
        except OSError as error:
            return Outcome(Verdict.RETRY, reason=f"{self._path} cannot be written: {error.strerror}")

    def close(self) -> None:
        """Nothing is held between deliveries."""

    @contextmanager
    def _parent(self) -> Iterator[int]:
        """The folder that the file is in, reached step by step so that nobody can lead us elsewhere."""
        here = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for step in self._steps[:-1]:
                below = os.open(step, _BELOW, dir_fd=here)
                os.close(here)
                here = below
            yield here
        finally:
            os.close(here)

    def _append(self, parent: int, lines: bytes) -> Outcome:
        descriptor = os.open(self._steps[-1], _FLAGS, 0o600, dir_fd=parent)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                return Outcome(Verdict.CHANNEL_FAULT, reason=f"{self._path} is no regular file")
            end = found.st_size
            if end and os.pread(descriptor, 1, end - 1) != b"\n":
                lines = b"\n" + lines  # somebody was cut off in the middle of a line
            if os.write(descriptor, lines) != len(lines):
                os.ftruncate(descriptor, end)
                return Outcome(Verdict.RETRY, reason="the disk is full: free some space")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if not end:
            os.fsync(parent)  # its name must be on the disk too
        return Outcome(Verdict.DELIVERED)
