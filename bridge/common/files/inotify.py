"""Linux's inotify, by calls of the C library: the part that watching files needs."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

MODIFY, MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x2, 0x40, 0x80, 0x100, 0x200
OVERFLOW = 0x4000
"""The kernel's queue overflowed: anything may have changed."""
ONLY_DIRECTORY = 0x0100_0000
_EVENT = struct.Struct("iIII")
_READ = 1 << 16


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a watched file or folder."""

    watch: int
    """The number that ``add`` returned; -1 if the queue overflowed."""
    mask: int


class Inotify:
    """One inotify descriptor. Raises OSError if there is none left (``fs.inotify.max_user_instances``)."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def add(self, path: str, mask: int) -> int:
        """Watch a file or folder. Returns the same number for one that is watched already.

        Raises OSError if the path does not exist, or at the limit of ``fs.inotify.max_user_watches`` (ENOSPC).
        """
        return self._checked(self._libc.inotify_add_watch(self.descriptor, os.fsencode(path), ctypes.c_uint32(mask)))

    def remove(self, watch: int) -> None:
        """Stop watching. A watch that the kernel has removed already is ignored."""
        self._libc.inotify_rm_watch(self.descriptor, watch)

    def read(self) -> Iterator[Event]:
        """The changes since the last call."""
        try:
            data = os.read(self.descriptor, _READ)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            watch, mask, _, length = _EVENT.unpack_from(data, at)
            yield Event(watch, mask)
            at += _EVENT.size + length

    def close(self) -> None:
        """Close the descriptor, which removes every watch."""
        os.close(self.descriptor)

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
