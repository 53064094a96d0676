"""Watches files and folders: by inotify where the kernel reports changes, else by polling.

``FileWatch`` is for sources that follow files. ``FilesWatcher`` calls back when one of a few files changes: config,
routes, secrets. ``fingerprint`` tells one content of files from the next, behind every link, so that it
changes as well when Kubernetes swaps ``..data``.
"""

from __future__ import annotations

import errno
import os
import select
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from bridge.common.files import inotify
from bridge.common.files.inotify import Inotify

_FOLDER = inotify.CREATE | inotify.MOVED_TO | inotify.MOVED_FROM | inotify.DELETE | inotify.ONLY_DIRECTORY
_NETWORK_FILE_SYSTEMS = (
    "nfs", "cifs", "smb", "ceph", "9p", "fuse", "gluster", "lustre", "afs", "vboxsf", "virtiofs", "ocfs2", "gfs2",
)  # fmt: skip
"""Prefixes of the file system types that other machines can write to without this kernel noticing."""
_POLL_SECONDS = 2.0
_SETTLE_SECONDS = 0.1
"""A writer may create a file and write to it a moment later."""
_CLOSE_SECONDS = 5.0
_AGAIN_SECONDS = 5.0
"""After how long it is tried again to watch, where the machine has no descriptor left."""

Fingerprint = tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since the last call."""

    files: frozenset[int] = frozenset()
    """Watches of files that were written to."""
    folders: bool = False
    """Files were created, deleted or renamed."""
    anything: bool = False
    """The kernel's queue overflowed: anything may have changed."""


class FileWatch:
    """Waits for changes by inotify. ``polling`` is set once something cannot be watched; the user must then poll."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._log = structlog.get_logger("file")
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._files: set[int] = set()
        self._known_devices: set[int] = set()
        self.polling = False
        try:
            self._inotify: Inotify | None = Inotify()
        except OSError as error:
            self._inotify = None
            self._poll(f"inotify: {error.strerror}")

    def close(self) -> None:
        """Release every watch and descriptor."""
        os.close(self._wake)
        os.close(self._waker)
        if self._inotify is not None:
            self._inotify.close()

    def wake(self) -> None:
        """Make ``wait`` return. Thread-safe while it is open."""
        with suppress(BlockingIOError):  # the pipe is full of wake-ups
            os.write(self._waker, b"!")

    def folder(self, path: str) -> None:
        """Watch for files that are created, deleted or renamed in it."""
        self._add(path, _FOLDER)

    def file(self, descriptor: int, device: int, path: str) -> int | None:
        """Watch for writes to an open file. Returns its number in ``Changes.files``; None if it cannot be watched."""
        if device not in self._known_devices:
            self._known_devices.add(device)
            kind = file_system(device)
            if kind.startswith(_NETWORK_FILE_SYSTEMS):
                self._poll(f"{path} is on a network file system ({kind})")
        watch = self._add(f"/proc/self/fd/{descriptor}", inotify.MODIFY)
        if watch is not None:
            self._files.add(watch)
        return watch

    def forget(self, watch: int) -> None:
        """Stop watching a file."""
        if self._inotify is not None:
            self._files.discard(watch)
            self._inotify.remove(watch)

    def wait(self, seconds: float) -> Changes:
        """Wait for a change, for at most ``seconds``."""
        watched = [self._wake] if self._inotify is None else [self._wake, self._inotify.descriptor]
        poll = select.poll()
        for descriptor in watched:
            poll.register(descriptor, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(seconds * 1000)}
        if self._wake in ready:
            os.read(self._wake, 4096)
        if self._inotify is None or self._inotify.descriptor not in ready:
            return Changes()
        events = list(self._inotify.read())
        files = frozenset(each.watch for each in events if each.watch in self._files)
        return Changes(
            files,
            folders=any(each.watch not in self._files for each in events),
            anything=any(each.mask & inotify.OVERFLOW for each in events),
        )

    def _add(self, path: str, mask: int) -> int | None:
        if self._inotify is None:
            return None
        try:
            return self._inotify.add(path, mask)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.ENOMEM}:
                self._poll("inotify: no watch is left (raise fs.inotify.max_user_watches)")
            elif error.errno not in {errno.ENOENT, errno.ENOTDIR}:
                self._poll(f"{path} cannot be watched ({error.strerror})")
            return None

    def _poll(self, why: str) -> None:
        if not self.polling:
            self.polling = True
            self._log.warning("files polled instead of watched", source=self._source, problem=why)


class FilesWatcher:
    """A background service that calls ``on_change`` in its own thread when one of the files has changed."""

    def __init__(
        self,
        paths: Callable[[], Sequence[Path]],
        on_change: Callable[[], object],
        *,
        name: str,
        is_due: Callable[[], bool] = lambda: False,
    ) -> None:
        """``paths`` is called again for each check. An ``on_change`` that raises is called again later.

        ``is_due`` is asked every two seconds whether to call ``on_change`` without a change.
        """
        self._paths = paths
        self._on_change = on_change
        self._is_due = is_due
        self._name = name
        self._log = structlog.get_logger("file")
        self._problem = ""
        """Why nothing is watched, which is logged once."""
        self._seen = self._state(tuple(paths()))
        self._closing = threading.Event()
        self._watch: FileWatch | None = None
        self._lock = threading.Lock()
        """A watch must not be woken after it was closed: another file may have its descriptor by then."""
        self._thread = threading.Thread(target=self._run, name=f"watch {name}", daemon=True)

    def start(self) -> None:
        """Start to watch. A change since the object was made is reported as well."""
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._closing.set()
        with self._lock:
            if self._watch is not None:
                self._watch.wake()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001  # a thread that ends unnoticed is missed too late
                self._note(error)
                self._closing.wait(_AGAIN_SECONDS)

    def _note(self, error: Exception) -> None:
        """Without a traceback, which may contain a secret."""
        problem = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        if problem != self._problem:
            self._problem = problem
            self._log.warning("files not watched; trying again", source=self._name, problem=problem)

    def _follow(self) -> None:
        """Watch until ``close``."""
        watch = FileWatch(self._name)
        with self._lock:
            self._watch = watch
        try:
            while not self._closing.is_set():
                paths = tuple(self._paths())
                for folder in _folders_of(paths):
                    watch.folder(folder)
                self._check(paths)
                self._problem = ""
                if watch.wait(_POLL_SECONDS).folders:
                    self._closing.wait(_SETTLE_SECONDS)
        finally:
            with self._lock:
                self._watch = None
                watch.close()

    def _check(self, paths: tuple[Path, ...]) -> None:
        now = self._state(paths)
        if now != self._seen or self._is_due():
            self._on_change()
            self._seen = now

    @staticmethod
    def _state(paths: tuple[Path, ...]) -> tuple[object, ...]:
        return paths, fingerprint(paths)


def fingerprint(paths: Iterable[Path]) -> Fingerprint:
    """A value that changes whenever one of the files does, or a link on the way to it."""
    return tuple(_stat(path) for path in paths)


def _stat(path: Path) -> tuple[int, int, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116  # follows links, as reading does
    except OSError as error:
        return (-1, -1, -1, error.errno or 0)
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


def _folders_of(paths: Iterable[Path]) -> set[str]:
    """The folders in which a change can change one of the files: its own, and the one that links lead to."""
    return {
        os.path.dirname(each)  # noqa: PTH120
        for path in paths
        for each in (os.path.abspath(path), os.path.realpath(path))  # noqa: PTH100
    }


def file_system(device: int) -> str:
    """The type of the file system with this device number, as ``ext4``; empty where the kernel does not say."""
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:  # noqa: PTH123
            for line in mounts:
                words = line.split(" ")
                if words[2] == number and "-" in words:
                    return words[words.index("-") + 1]
    except OSError:
        pass
    return ""
