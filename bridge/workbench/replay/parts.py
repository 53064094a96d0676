"""Runs a job over the parts of recorded alerts: in several processes where the parts do not depend on one another."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Protocol, TypeVar

from bridge.workbench.alert_files import AlertFileError
from bridge.workbench.replay.recording import ALWAYS, Form, Part, Recorded, TimeRange, read_part

_FEWEST_PARTS = 3
"""With fewer, starting processes takes longer than the work."""

ResultT_co = TypeVar("ResultT_co", covariant=True)
OnPart = Callable[[Part], None]
"""Called after each part."""


class Run(Protocol[ResultT_co]):
    """Routes alerts of some parts."""

    def add(self, recorded: Iterable[Recorded | None]) -> None:
        """Route alerts in order; None is a line that is not an alert."""

    def finish(self) -> ResultT_co:
        """All alerts were added."""


class Job(Protocol[ResultT_co]):
    """Something to do with recorded alerts."""

    @property
    def divisible(self) -> bool:
        """Whether parts of the alerts can be routed on their own."""

    def start(self) -> Run[ResultT_co]:
        """A run from the beginning."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which alerts, and by how many processes."""

    parts: tuple[Part, ...]
    when: TimeRange = ALWAYS
    processes: int = 0
    """0 is one for each CPU."""

    def count(self) -> int:
        """How many processes to use."""
        return min(self.processes or len(os.sched_getaffinity(0)), len(self.parts))


def run_parts(job: Job[ResultT_co], plan: Plan, on_part: OnPart | None = None) -> Iterator[ResultT_co]:
    """The results: one of all parts, or one of each part if the job is divisible. Raises AlertFileError."""
    readable = all(part.form is not Form.WHOLE for part in plan.parts)
    if job.divisible and readable and plan.count() > 1 and len(plan.parts) >= _FEWEST_PARTS:
        yield from _divided(job, plan, on_part)
        return
    run = job.start()
    for part in plan.parts:
        run.add(read_part(part, plan.when))
        if on_part is not None:
            on_part(part)
    yield run.finish()


_job: Any = None
"""The job of this process. Processes are forked, so that each has the compiled routes at once."""


def _divided(job: Job[ResultT_co], plan: Plan, on_part: OnPart | None) -> Iterator[ResultT_co]:
    global _job  # noqa: PLW0603  # compiled routes cannot be pickled; a forked process inherits them
    _job = job
    pool = ProcessPoolExecutor(plan.count(), multiprocessing.get_context("fork"), _ignore_interrupt)
    try:
        results = pool.map(_run_part, plan.parts, repeat(plan.when))
        for part, result in zip(plan.parts, results, strict=True):
            if on_part is not None:
                on_part(part)
            yield result
    except BrokenProcessPool as error:
        raise AlertFileError("a process that read the alerts was killed; try again with --processes 1") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        _job = None


def _ignore_interrupt() -> None:
    """Ctrl-C ends the process that waits for this one, which then ends too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run_part(part: Part, when: TimeRange) -> Any:
    run = _job.start()
    run.add(read_part(part, when))
    return run.finish()
