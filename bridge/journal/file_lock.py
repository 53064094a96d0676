"""Advisory locks that allow one router and one courier per journal. The kernel releases them when a process dies."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from bridge.journal.errors import JournalError

_RETRY_SECONDS = 0.05


class FileLock:
    """An exclusive ``flock`` on a file beside the journal. The file holds the owner's process id as text."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """Acquire the lock unless another process holds it. Raises JournalError where the file cannot be locked."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise JournalError(
                f"cannot open the lock file {self._path}: {error.strerror}; give the user that runs the bridge write "
                f"access to the folder {self._path.parent}"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError as error:  # as on NFS without its lock service
            os.close(descriptor)
            raise JournalError(
                f"cannot lock the file {self._path}: {error.strerror}; set journal.path to a file on a local disk, or "
                "mount the file system with support for locks"
            ) from error
        with suppress(OSError):  # on a full disk the lock holds too; the process id is for a message only
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return True

    def acquire(self) -> None:
        """Wait for the lock. Raises JournalError as ``try_acquire`` does."""
        while not self.try_acquire():
            time.sleep(_RETRY_SECONDS)

    def owner(self) -> str:
        """The owner's process id, for a message."""
        try:
            return self._path.read_text(encoding="ascii").strip() or "unknown"
        except (OSError, UnicodeDecodeError):
            return "unknown"

    def release(self) -> None:
        """Release the lock. Does nothing where it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
