"""Cost of matching an alert by number of routes, compared with decoding the same alert's JSON."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence

import orjson

from bench.figures import Figure
from bench.routes import alerts_of, new_alerts, routes_text
from bridge.alert import Alert
from bridge.alert.forms.json_text import encode_json
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.language.program.program import Program
from bridge.matching import Matcher, compile_condition

_ALERTS = 2000
_ROUNDS = 7
_SIZES = (10, 100, 1000, 10_000)
_NOW = 1_767_225_600_000_000_000


def figures() -> Iterator[Figure]:
    """CPU microseconds per alert with 18 fields, the best of seven rounds over 2,000 alerts."""
    alerts = alerts_of(_ALERTS)
    bodies = [encode_json(alert) for alert in alerts]
    decode = _best(lambda: [orjson.loads(body) for body in bodies], len(bodies))
    yield Figure("orjson.loads of the same alert", decode, "µs/alert")
    warm: dict[int, float] = {}
    cold: dict[int, float] = {}
    for size in _SIZES:
        program = _program(size)
        matcher, seconds, memory = _compiled(program)
        _run(matcher, alerts)
        warm[size] = _best(lambda m=matcher: _run(m, alerts), len(alerts))
        yield Figure(f"{size:,} routes, warm memos", warm[size], "µs/alert", warm[size] / decode, "orjson.loads")
        yield Figure(
            f"{size:,} routes, matches", sum(len(matcher.match(each, _NOW)) for each in alerts) / _ALERTS, "an alert"
        )
        mixed = _best_mixed(program)
        label = f"{size:,} routes, known values in new combinations"
        yield Figure(label, mixed, "µs/alert", mixed / decode, "orjson.loads")
        yield Figure(f"{size:,} routes, the first 500 alerts of a run", _best_first(program), "µs/alert")
        if size <= 1000:
            closures = _closures(program)
            few = alerts[: 200_000 // size // 10 or 1]
            cost = _best(lambda c=closures, f=few: [[p(a) for p in c] for a in f], len(few), rounds=3)
            yield Figure(f"{size:,} routes, a closure a route", cost, "µs/alert", cost / warm[size], "warm memos")
        cold[size] = _best_new(program)
        yield Figure(f"{size:,} routes, every value new", cold[size], "µs/alert")
        yield Figure(f"compile {size:,} checked routes", seconds * 1000, "ms")
        yield Figure(f"memory of {size:,} compiled routes", memory / 2**20, "MiB")
        yield Figure(f"{size:,} routes, a hostile alert (64 KiB of new command line)", _hostile(matcher), "µs/alert")
    yield Figure("growth from 100 to 10,000 routes, warm", warm[10_000] / warm[100], "x")
    yield Figure("growth from 100 to 10,000 routes, every value new", cold[10_000] / cold[100], "x")


def _program(size: int) -> Program:
    checked = check([SourceText("bench.route", routes_text(size))], Known(None, None))
    assert checked.program is not None, checked.diagnostics[:3]
    return checked.program


def _compiled(program: Program) -> tuple[Matcher, float, int]:
    """The matcher, the CPU seconds to compile it, and its bytes after it has matched alerts."""
    gc.collect()
    started = time.process_time()
    matcher = Matcher(program, {})
    seconds = time.process_time() - started
    tracemalloc.start()
    other = Matcher(program, {})
    _run(other, alerts_of(200))
    memory, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return matcher, seconds, memory


def _closures(program: Program) -> list[Callable[[Alert], bool]]:
    return [compile_condition(route.when, {}) for route in program.routes if route.when is not None]


def _run(matcher: Matcher, alerts: Sequence[Alert]) -> None:
    match = matcher.match
    for alert in alerts:
        match(alert, _NOW)


def _best(action: Callable[[], object], count: int, rounds: int = _ROUNDS) -> float:
    """CPU microseconds per item in the best round."""
    costs = []
    for _ in range(rounds):
        started = time.process_time()
        action()
        costs.append(time.process_time() - started)
    return min(costs) / count * 1e6


def _best_new(program: Program) -> float:
    matcher = Matcher(program, {})
    _run(matcher, new_alerts(50, seed=99))
    costs = []
    for seed in range(3):
        alerts = new_alerts(1000, seed=seed)
        started = time.process_time()
        _run(matcher, alerts)
        costs.append((time.process_time() - started) / len(alerts) * 1e6)
    return min(costs)


def _best_mixed(program: Program) -> float:
    """New alerts after twenty thousand of the same kind."""
    matcher = Matcher(program, {})
    _run(matcher, alerts_of(20_000, seed=50))
    costs = []
    for seed in range(3):
        alerts = alerts_of(_ALERTS, seed=60 + seed)
        started = time.process_time()
        _run(matcher, alerts)
        costs.append((time.process_time() - started) / len(alerts) * 1e6)
    return min(costs)


def _best_first(program: Program) -> float:
    """Starts from an empty index, whose tables are built and whose alternatives are activated."""
    costs = []
    for seed in range(3):
        matcher, alerts = Matcher(program, {}), alerts_of(500, seed=70 + seed)
        started = time.process_time()
        _run(matcher, alerts)
        costs.append((time.process_time() - started) / len(alerts) * 1e6)
    return min(costs)


def _hostile(matcher: Matcher) -> float:
    """Matching alerts, each with a new 64 KiB command line made of fragments of the routes' texts."""
    from msgspec.structs import replace

    alerts = [
        replace(alert, fields={**alert.fields, "proc.cmdline": f"{number}" + "rm -rf --job=1 SECRET1 healthz1 " * 2000})
        for number, alert in enumerate(alerts_of(20, seed=7))
    ]
    return _best(lambda: _run(matcher, alerts), len(alerts), rounds=3)
