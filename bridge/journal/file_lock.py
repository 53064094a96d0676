"""Advisory locks that allow one router and one courier per journal. The kernel releases them when a process dies."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from bridge.journal.errors import JournalError

_RETRY_SECONDS = 0.05


class FileLock:
    """An exclusive ``flock`` on a file beside the journal, with the owner's process id as text. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._changing = threading.Lock()

    def try_acquire(self) -> bool:
        """Acquire the lock unless another process holds it. Raises JournalError where the file cannot be locked."""
        with self._changing:
            descriptor = self._locked()
            if descriptor is None:
                return False
            self._descriptor = descriptor
            return True

    def verify(self) -> None:
        """Lock the file again where it was deleted. Raises JournalError where another process was faster."""
        with self._changing:
            if self._descriptor is None or _is_at(self._path, self._descriptor) is not False:
                return
            try:
                descriptor = self._locked()
            except JournalError:  # no descriptor is free, or the disk is full: the next call tries again
                return
            if descriptor is None:
                raise JournalError(
                    f"the lock file {self._path} was deleted while the bridge ran, and another falco-bridge (process "
                    f"{self.owner()}) has started with the same journal; this one stops"
                )
            os.close(self._descriptor)
            self._descriptor = descriptor

    def _locked(self) -> int | None:
        """The descriptor of the locked file; None where another process holds the lock."""
        while True:
            descriptor = self._open()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            except OSError as error:  # as on NFS without its lock service
                os.close(descriptor)
                raise JournalError(
                    f"cannot lock the file {self._path}: {error.strerror}; set journal.path to a file on a local disk, "
                    "or mount the file system with support for locks"
                ) from error
            if _is_at(self._path, descriptor) is not False:
                break
            os.close(descriptor)  # it was deleted since it was opened
        with suppress(OSError):  # on a full disk the lock holds too; the process id is for a message only
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        return descriptor

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            return os.open(self._path, flags, 0o600)
        except OSError as error:
            raise JournalError(
                f"cannot open the lock file {self._path}: {error.strerror}; give the user that runs the bridge write "
                f"access to the folder {self._path.parent}"
            ) from error

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
        with self._changing:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None


def _is_at(path: Path, descriptor: int) -> bool | None:
    """Whether an open file is the one at the path; None where the path cannot be examined."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
    except OSError:
        return None
