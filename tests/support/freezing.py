"""Freezing a process of a test, as a machine that hangs does."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.support.waiting import wait_until

_ENDED_OR_STOPPED = frozenset("TtZX")


def freeze(pid: int) -> None:
    """Stop a process without closing anything of it. Returns once all of its threads stand still.

    A signal only asks for that: a thread on another core may answer one more request. SIGCONT continues the process.
    """
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: _states(pid) <= _ENDED_OR_STOPPED, "the process to stand still")


def _states(pid: int) -> set[str]:
    """The states of the threads of a process, as letters of proc(5). Empty where they cannot be seen."""
    found = set()
    for each in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            found.add(each.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0])
        except (FileNotFoundError, ProcessLookupError):  # the thread has just ended
            continue
    return found
