"""What routes with memory cost an alert: 1,000 routes of which 200 remember, against the same without memory."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench.figures import Figure
from bench.routes import alerts_of, routes_text
from bridge.alert import Alert
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.language.program.clauses import After, Clause, Throttle
from bridge.language.program.program import Program
from bridge.routing.memory.rows import encode_row
from bridge.routing.router import Router
from bridge.routing.state import State, Timer

_ALERTS = 20_000
_KEYS = 10_000
_BATCH = 100
_SECOND = 1_000_000_000
_EVERY = """
route "throttled" { to archive }
route "counted" { to archive }
"""


def figures() -> Iterator[Figure]:
    """Deciding only: matching, clauses, and the rows to write as bytes, in batches of a hundred."""
    plain = _program(())
    key = ("container.id",)
    remembering = _program((Throttle("t", 5, 600 * _SECOND, key), After("a", 3, 60 * _SECOND, key)))
    alerts = _alerts(_ALERTS)
    rounds = [(_cost(plain, alerts), _cost(remembering, alerts)) for _ in range(3)]
    without, with_memory = (min(costs) for costs in zip(*rounds, strict=True))
    yield Figure("1,000 routes without memory", without, "µs/alert")
    yield Figure("200 of them remember, two match each alert", with_memory, "µs/alert", without / with_memory,
                 "of the speed without")  # fmt: skip
    yield from _timers()


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


def _cost(program: Program, alerts: Sequence[Alert]) -> float:
    router, state = Router(program, {}), State()
    started = time.process_time()
    for number, alert in enumerate(alerts):
        router.route(state, alert, alert.time_ns)
        if number % _BATCH == 0:
            for change in state.changes():
                if change.row is not None:
                    encode_row(change.row)
    return (time.process_time() - started) / len(alerts) * 1e6


def _timers() -> Iterator[Figure]:
    """Ten thousand groups whose digests are due at once."""
    from bridge.language.program.clauses import Group

    checked = check([SourceText("bench.route", 'route "r" { to a }')], Known(None, None)).program
    assert checked is not None
    route = replace(checked.routes[0], clauses=(Group("g", ("container.id",), 30 * _SECOND),))
    router, state = Router(replace(checked, routes=(route,)), {}), State()
    alerts = _alerts(_KEYS)
    for alert in alerts:
        router.route(state, alert, 0)
    started = time.process_time()
    longest = 0.0
    while state.next_due() is not None and (state.next_due() or 0) <= 31 * _SECOND:
        begun = time.process_time()
        router.step(state, Timer(limit=200), 31 * _SECOND)
        longest = max(longest, time.process_time() - begun)
    yield Figure("10,000 timers that are due at once", time.process_time() - started, "s")
    yield Figure("the longest step of 200 of them", longest * 1000, "ms")
