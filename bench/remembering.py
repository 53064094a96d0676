"""What routes with memory cost an alert: 1,000 routes of which 200 remember, against the same without memory."""

from __future__ import annotations

import gc
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bench.figures import Figure
from bench.routes import alerts_of, routes_text
from bridge.alert import Alert
from bridge.journal import JournalError
from bridge.journal.opening import open_for_router
from bridge.journal.records import MemoryWrite
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.language.program.clauses import After, Clause, Throttle
from bridge.language.program.program import Program
from bridge.pipeline.intake import Intake
from bridge.pipeline.services.timers import Timers, load_state
from bridge.routing.router import Router
from bridge.routing.silences import NO_SILENCES, Silence, Silences, SilenceText, parse_silence
from bridge.routing.state import State
from bridge.sources.contract import Batch

_ALERTS = 40_000
_KEYS = 10_000
_BATCH = 500
_ROUNDS = 3
_PART = 200_000
_SECOND = 1_000_000_000
_EVERY = """
route "throttled" { to archive }
route "counted" { to archive }
"""


def figures() -> Iterator[Figure]:
    """CPU time of intake, which decides and commits to a real journal, in batches of five hundred alerts."""
    plain = _program(())
    key = ("container.id",)
    remembering = _program((Throttle("t", 5, 600 * _SECOND, key), After("a", 3, 60 * _SECOND, key)))
    alerts = _alerts(_ALERTS)
    rounds = [(_run(plain, alerts), _run(remembering, alerts)) for _ in range(_ROUNDS)]
    without, with_memory = (min(runs, key=lambda run: run.cost) for runs in zip(*rounds, strict=True))
    yield Figure("1,000 routes without memory: decide and commit", without.cost, "µs/alert")
    yield Figure("200 of them remember, two match each alert", with_memory.cost, "µs/alert",
                 without.cost / with_memory.cost, "of the speed without")  # fmt: skip
    yield Figure("alerts a second without memory", 1e6 / without.cost, "alerts/s")
    yield Figure("alerts a second with memory", 1e6 / with_memory.cost, "alerts/s")
    yield Figure("state that is written to the journal", with_memory.state_bytes / with_memory.passed,
                 "bytes per alert and clause")  # fmt: skip
    yield from _timers()
    yield from _many_keys()
    yield from _load()


class _Run(NamedTuple):
    """What one run of intake cost."""

    cost: float
    """CPU microseconds an alert."""
    state_bytes: float
    """Bytes of state that an alert writes."""
    passed: float
    """Clauses that an alert passed."""


def _run(program: Program, alerts: Sequence[Alert]) -> _Run:
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as folder:
        journal = open_for_router(Path(folder) / "journal.db")
        intake = Intake(journal.alerts, Router(program, {}), on_deliveries=lambda: None, on_fault=_fail)
        gc.collect()
        gc.freeze()  # the alerts that are prepared here would not exist
        started = time.process_time()
        for first in range(0, len(alerts), _BATCH):
            batch = alerts[first : first + _BATCH]
            intake.accept(Batch("bench", batch[-1].time_ns, batch))
        cost = (time.process_time() - started) / len(alerts) * 1e6
        clauses = {route.name: len(route.clauses) for route in program.routes}
        passed = sum(count * clauses.get(route, 0) for (route, _), count in intake.counts.decisions.items())
        journal.close()
        return _Run(cost, _state_bytes(Path(folder) / "journal.db") / len(alerts), passed / len(alerts))


def _state_bytes(path: Path) -> float:
    """All that was written: the rows of the log that are left stand for those that were applied."""
    with closing(sqlite3.connect(path)) as connection:
        last, rows, size = connection.execute(
            "SELECT max(number), count(*), sum(length(changes)) FROM state_log"
        ).fetchone()
    return 0.0 if not rows else last * size / rows


def _fail(error: JournalError) -> None:
    raise error


def _program(clauses: Sequence[Clause]) -> Program:
    checked = check([SourceText("bench.route", _EVERY + routes_text(1000))], Known(None, None)).program
    assert checked is not None
    if not clauses:
        return checked
    routes = list(checked.routes)
    for index in range(200):
        clause = clauses[index % 2]
        routes[index] = replace(routes[index], clauses=(clause,)) if not routes[index].drop else routes[index]
    return replace(checked, routes=tuple(routes))


def _alerts(count: int) -> list[Alert]:
    from msgspec.structs import replace as changed

    return [
        changed(alert, id=f"{number:032x}", fields={**alert.fields, "container.id": f"k{number % _KEYS}"})
        for number, alert in enumerate(alerts_of(count, seed=3))
    ]


def _timers() -> Iterator[Figure]:
    """Ten thousand groups whose digests are due at once, while alerts are received; without and with a silence.

    The silence is there when the alerts are received, or is added later, so that they have to be read.
    """
    from bridge.language.program.clauses import Group

    router = _one_route(Group("g", ("container.id",), 30 * _SECOND))
    condition = parse_silence("rule = none", "", {})
    assert isinstance(condition, SilenceText)
    yield from _fired(router, NO_SILENCES, "")
    silence = Silence("s", condition.condition, 0, 1 << 62)
    yield from _fired(router, Silences([silence], {}), " while there is a silence")
    yield from _fired(router, Silences([silence], {}), " with a silence added later", is_late=True)


def _fired(router: Router, silences: Silences, words: str, *, is_late: bool = False) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as folder:
        journal = open_for_router(Path(folder) / "journal.db")
        state = State()
        intake = Intake(
            journal.alerts, router, on_deliveries=lambda: None, on_fault=_fail, state=state,
            stored_alerts=journal.history.alerts_of,
        )  # fmt: skip
        if not is_late:
            intake.use_silences(silences)
        alerts = _alerts(3 * _KEYS)
        earlier = time.time_ns() - 31 * _SECOND
        for first in range(0, 2 * _KEYS, _BATCH):
            intake.accept(Batch("bench", earlier, alerts[first : first + _BATCH]))
        if is_late:
            intake.use_silences(silences)
        quiet = max(_delays(intake, alerts[2 * _KEYS : 2 * _KEYS + 2000], lambda: False))
        timers = Timers(intake)
        started = time.perf_counter()
        timers.start()
        beside = max(_delays(intake, alerts[2 * _KEYS + 2000 :], lambda: not _any_due(state)))
        while _any_due(state):
            time.sleep(0.005)
        taken = time.perf_counter() - started
        timers.close()
        journal.close()
    yield Figure(f"10,000 timers that are due at once, until all have fired{words}", taken, "s")
    yield Figure(f"a batch of twenty alerts beside them, the slowest{words}", beside * 1000, "ms")
    yield Figure(f"the slowest without timers{words}", quiet * 1000, "ms")


def _delays(intake: Intake, alerts: Sequence[Alert], ended: Callable[[], bool]) -> list[float]:
    """How long each batch of twenty alerts waited until it was stored. One arrives every twenty milliseconds.

    Waiting counts from the arrival, also behind the batch before.
    """
    found = []
    arrival = time.perf_counter()
    for first in range(0, len(alerts), 20):
        if ended():
            break
        time.sleep(max(0.0, arrival - time.perf_counter()))
        intake.accept(Batch("bench", time.time_ns(), alerts[first : first + 20]))
        found.append(time.perf_counter() - arrival)
        arrival += 0.02
    return found or [0.0]


def _any_due(state: State) -> bool:
    """Whether a timer is due. Does not take intake's lock, which would be a part of the wait that is measured."""
    earliest = state.timers[:1]
    return bool(earliest) and earliest[0][0] <= time.time_ns()


def _one_route(clause: Clause) -> Router:
    checked = check([SourceText("bench.route", 'route "r" { to a }')], Known(None, None)).program
    assert checked is not None
    return Router(replace(checked, routes=(replace(checked.routes[0], clauses=(clause,)),)), {})


def _numbered(alert: Alert, number: int) -> Alert:
    from msgspec.structs import replace as changed

    fields = {**alert.fields, "container.id": f"k{number}"}
    return changed(alert, id=f"{number:032x}", time_ns=number * 1_000_000, fields=fields)


def _many_keys() -> Iterator[Figure]:
    """A million different keys on one route: those that were not used for longest are evicted."""
    router, state = _one_route(Throttle("t", 5, 600 * _SECOND, ("container.id",))), State()
    alert = alerts_of(1)[0]
    costs, resident = [], []
    for part in range(5):
        spent = 0.0
        for first in range(part * _PART, (part + 1) * _PART, _BATCH):
            alerts = [_numbered(alert, number) for number in range(first, first + _BATCH)]
            started = time.process_time()
            for each in alerts:
                router.route(state, each, each.time_ns)
            state.changes()
            spent += time.process_time() - started
        costs.append(spent / _PART * 1e6)
        resident.append(_resident_mib())
    yield Figure("a million keys on one route, the last 200,000", costs[-1], "µs/alert", costs[-1] / costs[1],
                 "of the second 200,000")  # fmt: skip
    yield Figure("keys that were evicted", sum(state.evicted.values()), "rows")
    yield Figure("resident memory after the second 200,000", resident[1], "MiB")
    yield Figure("resident memory after the last 200,000", resident[-1], "MiB")


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / (1 << 20)


def _load() -> Iterator[Figure]:
    """What a start needs to read the state."""
    router, state = _one_route(Throttle("t", 5, 600 * _SECOND, ("container.id",))), State()
    alert = alerts_of(1)[0]
    for number in range(50_000):  # one row of the throttle and one incident each
        router.route(state, _numbered(alert, number), number * 1_000_000)
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as folder:
        path = Path(folder) / "journal.db"
        with closing(open_for_router(path)) as journal:
            journal.alerts.append("bench", 0, [], memory=MemoryWrite(state.changes()))
        with closing(open_for_router(path)) as journal:
            started = time.process_time()
            loaded = load_state(journal.memory)
            yield Figure(f"state of {loaded.size:,} keys read at the start", time.process_time() - started, "s")
