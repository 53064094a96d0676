"""Notices what happens to files and folders: told by the kernel, or by looking where it cannot tell."""

from __future__ import annotations

import errno
import os
import select
from contextlib import suppress
from dataclasses import dataclass

import structlog

from bridge.common import inotify
from bridge.common.inotify import Inotify

_FOLDER = inotify.CREATE | inotify.MOVED_TO | inotify.MOVED_FROM | inotify.DELETE | inotify.ONLY_DIRECTORY
_UNTOLD = (
    "nfs",
    "cifs",
    "smb",
    "ceph",
    "9p",
    "fuse",
    "gluster",
    "lustre",
    "afs",
    "vboxsf",
    "virtiofs",
    "ocfs2",
    "gfs2",
)
"""Beginnings of the types of file systems whose far side changes files without this kernel's knowing."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What has happened."""

    files: frozenset[int] = frozenset()
    """Watches of files that were written."""
    folders: bool = False
    """Files have come, gone or been renamed."""
    anything: bool = False
    """More than the kernel could note down."""


class FileWatch:
    """Inotify, or, where that cannot be had for something, nothing but a pause: ``polling`` then says so."""

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
        """Let go of everything."""
        os.close(self._wake)
        os.close(self._waker)
        if self._inotify is not None:
            self._inotify.close()

    def wake(self) -> None:
        """Make ``wait`` return. Callable from any thread, while it is open."""
        with suppress(BlockingIOError):  # it has been woken often enough
            os.write(self._waker, b"!")

    def folder(self, path: str) -> None:
        """Notice what comes and goes in it."""
        self._add(path, _FOLDER)

    def file(self, descriptor: int, device: int, path: str) -> int | None:
        """Notice writes to an open file; its number in ``Changes.files``, or None where it cannot be watched."""
        if device not in self._known_devices:
            self._known_devices.add(device)
            kind = file_system(device)
            if kind.startswith(_UNTOLD):
                self._poll(f"{path} is on a network file system ({kind})")
        watch = self._add(f"/proc/self/fd/{descriptor}", inotify.MODIFY)
        if watch is not None:
            self._files.add(watch)
        return watch

    def forget(self, watch: int) -> None:
        """A file is no longer of interest."""
        if self._inotify is not None:
            self._files.discard(watch)
            self._inotify.remove(watch)

    def wait(self, seconds: float) -> Changes:
        """Until something happens, for so long at the most."""
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
        """Said once."""
        if not self.polling:
            self.polling = True
            self._log.warning("files are looked at instead of watched", source=self._source, problem=why)


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
