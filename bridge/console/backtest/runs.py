"""The backtests of one console: each in a process of its own, few at a time, and the latest results."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from bridge.console.backtest.edit import Typed
from bridge.console.backtest.files import imports_others, route_files
from bridge.console.backtest.messages import Answer, Check, Complete, Examine, Examined, Failed, Progress, Tried, Try
from bridge.console.backtest.worker import Worker

MOST_RUNNING = 2
_MOST_STORED = 20
_GRACE_SECONDS = 30.0
"""For what follows when a backtest's time is up, and for its start."""
_HINT_SECONDS = 10.0
_FIRST_HINT_SECONDS = 40.0
"""The process may have to start on a busy machine."""
_MOST_WAITING = 8
"""Questions about edited texts that wait at a time. Each occupies a thread."""
_FRESH_SECONDS = 30.0
_BUSY = f"{MOST_RUNNING} backtests are running; cancel one, or wait"
_BEING_READ = Failed("they are still being read; load the page again in a few seconds", busy=True)
_OTHERS = Failed("other texts are being checked; try again", busy=True)
_ENDED = "the backtest took too long or needed too much memory; choose a shorter span"


@dataclass
class Run:
    """One backtest."""

    typed: Typed
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    started_ns: int = field(default_factory=time.time_ns)
    progress: Progress = field(default_factory=lambda: Progress(0, 0))
    result: Tried | Failed | None = None
    """None while it runs."""
    worker: Worker | None = field(default=None, repr=False)


class Backtests:
    """Starts, stops and remembers backtests. Used by several threads."""

    def __init__(self, config: str) -> None:
        self.config = config
        self.hints = Hinting()
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._examining = threading.Lock()
        self._examined: tuple[float, Answer] | None = None
        self._examiner: threading.Thread | None = None

    def start(self, typed: Typed, asked: Try) -> Run:
        """Start a backtest, unless too many run."""
        run = Run(typed)
        with self._lock:
            if sum(each.result is None for each in self._runs.values()) >= MOST_RUNNING:
                return self._store(
                    Run(typed, result=Failed(f"{MOST_RUNNING} backtests are running; cancel one, or wait"))
                )
            worker = run.worker = Worker()
            self._store(run)
        threading.Thread(target=_follow, args=(run, worker, asked), name="backtest", daemon=True).start()
        return run

    def refuse(self, typed: Typed, problem: str) -> Run:
        """Remember what was typed, with the reason why nothing was started."""
        with self._lock:
            return self._store(Run(typed, result=Failed(problem)))

    def _store(self, run: Run) -> Run:
        self._runs[run.id] = run
        while len(self._runs) > _MOST_STORED:
            self._runs.pop(next(each.id for each in self._runs.values() if each.result is not None))
        return run

    def find(self, identity: str) -> Run | None:
        """A backtest that is still stored."""
        with self._lock:
            return self._runs.get(identity)

    def examined(self) -> Answer:
        """The routes on the disk, and which of them can never match; looked at again after half a minute."""
        with self._examining:
            if self._examined is None or time.monotonic() - self._examined[0] > _FRESH_SECONDS:
                found = self.hints.ask(Examine(self.config))
                is_fresh = not (isinstance(found, Failed) and found.busy)
                self._examined = (time.monotonic() if is_fresh else -_FRESH_SECONDS, found)
            return self._examined[1]

    def examined_within(self, seconds: float) -> Answer:
        """As ``examined``, which may have to start a process. After this time: what was found before, if anything."""
        with self._lock:
            if self._examiner is None or not self._examiner.is_alive():
                self._examiner = threading.Thread(target=self.examined, name="examine routes", daemon=True)
                self._examiner.start()
            examiner = self._examiner
        examiner.join(seconds)
        return _BEING_READ if self._examined is None else self._examined[1]

    def files(self) -> list[str]:
        """The route files that can be edited: those of the config, and those that they import. Raises EditError."""
        named = route_files(self.config)
        if not any(map(imports_others, named)):
            return named
        examined = self.examined()
        return list(dict.fromkeys((*named, *(examined.files if isinstance(examined, Examined) else ()))))

    def running(self) -> list[Run]:
        """Those that have no result yet."""
        with self._lock:
            return [each for each in self._runs.values() if each.result is None]

    def cancel(self, run: Run) -> None:
        """Stop a backtest, if it runs."""
        if run.result is None and run.worker is not None:
            run.result = Failed("cancelled")
            run.worker.kill()


def _follow(run: Run, worker: Worker, asked: Try) -> None:
    """Wait for the result."""

    def note(progress: Progress) -> None:
        run.progress = progress

    found = worker.ask(asked, asked.seconds + _GRACE_SECONDS, note)
    worker.close()
    if run.result is None:
        run.result = found if isinstance(found, Tried | Failed) else Failed(_ENDED)


class Hinting:
    """The process that checks what is typed. It is started for the first question, and again after it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)
        self._worker: Worker | None = None

    def ask(self, asked: Check | Complete | Examine) -> Answer:
        """The answer, or why there is none."""
        if not self._waiting.acquire(blocking=False):
            return _OTHERS
        try:
            return self._ask(asked)
        finally:
            self._waiting.release()

    def _ask(self, asked: Check | Complete | Examine) -> Answer:
        if not self._lock.acquire(timeout=_FIRST_HINT_SECONDS):
            return _OTHERS
        try:
            started = time.monotonic()
            answer = None if self._worker is None else self._answer(self._worker, asked, _HINT_SECONDS)
            if answer is None and time.monotonic() - started < _HINT_SECONDS:
                # There is no process, or it has ended, as after ten minutes without a question.
                self._worker = Worker()
                answer = self._answer(self._worker, asked, _FIRST_HINT_SECONDS)
            return answer or Failed("checking takes too long, or needs too much memory", busy=True)
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def _answer(self, worker: Worker, asked: Check | Complete | Examine, seconds: float) -> Answer | None:
        answer = worker.ask(asked, seconds)
        if answer is None:
            worker.close()
            self._worker = None
        return answer
