"""A machine that has no more of something, without being root: the kernel's limits on what a process may use."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager


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


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Nothing can be opened, and no process started. What is open works on."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextmanager
def no_threads() -> Iterator[None]:
    """No thread can be started: there is no memory for its stack. Those that run work on."""
    before = threading.stack_size(1 << 46)
    try:
        yield
    finally:
        threading.stack_size(before)
