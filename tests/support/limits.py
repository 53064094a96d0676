"""A machine that has no more of something, without being root: the kernel's limits on what a process may use."""

from __future__ import annotations

import ctypes
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Files grow no larger than ``size`` bytes, for us and for what is started meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def give_room(*processes: int) -> None:
    """Processes that were started under a limit may write again."""
    for process in processes:
        _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (hard, hard))


_POLLED = 16
"""``poll`` refuses more descriptors than the limit, also to the servers of other tests in this process."""


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Nothing can be opened, and no process started. What is open works on."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used: list[int] = []
    with Path(os.devnull).open("rb") as null:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_POLLED, before[1]))
        try:
            with suppress(OSError):
                while True:
                    used.append(os.dup(null.fileno()))
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            for descriptor in used:
                os.close(descriptor)


@contextmanager
def no_threads() -> Iterator[None]:
    """No thread can be started: there is no memory for its stack. Those that run work on."""
    before = threading.stack_size(1 << 46)
    try:
        yield
    finally:
        threading.stack_size(before)


_CAPABILITY_VERSION = 0x20080522
_READS_EVERYTHING = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""


def obey_modes() -> None:
    """From now on the modes of files count for this thread, even if it is root's."""
    libc = ctypes.CDLL(None)
    header, sets = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    sets[0] &= ~_READS_EVERYTHING  # the effective set
    assert libc.capset(header, sets) == 0
