"""Speed of ``replay`` with 1,000 routes without memory: from JSON lines and from a journal, alone and on all CPUs."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure
from bench.routes import alerts_of, routes_text
from bridge.alert.forms.json_text import encode_json
from bridge.journal.opening import open_for_router
from bridge.routing import Entry, Routed
from bridge.workbench.replay.parts import Plan
from bridge.workbench.replay.recording import TimeRange, parts_of
from bridge.workbench.replay.replay import Replay, replay
from bridge.workbench.route_sets import load_route_set

_ALERTS = 100_000
_BATCH = 1000


def figures() -> Iterator[Figure]:
    """CPU microseconds an alert of one process, and alerts a second of the machine by the clock."""
    with tempfile.TemporaryDirectory() as folder:
        routes, lines, journal = (Path(folder, name) for name in ("bench.route", "alerts.jsonl", "journal.db"))
        routes.write_text(routes_text(1000), encoding="utf-8")
        _write(lines, journal)
        what = Replay(load_route_set([str(routes)], None, {}).router(), {})
        for name, path in (("JSON lines", lines), ("a journal", journal)):
            parts = tuple(parts_of([str(path)], TimeRange()))
            started = time.process_time()
            replay(what, Plan(parts, processes=1))
            yield Figure(f"{name}, one process", (time.process_time() - started) / _ALERTS * 1e6, "µs CPU/alert")
            started, before, count = time.perf_counter(), _children(), len(os.sched_getaffinity(0))
            replay(what, Plan(parts))
            cost = (_children() - before) / _ALERTS * 1e6
            yield Figure(f"{name}, {count} processes", cost, "µs CPU/alert")
            yield Figure(f"{name}, {count} processes, by CPU", count / cost * 1e6, "alerts/s")
            yield Figure(
                f"{name}, {count} processes, by the clock", _ALERTS / (time.perf_counter() - started), "alerts/s"
            )


def _children() -> float:
    """CPU seconds of the processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _write(lines: Path, journal_path: Path) -> None:
    alerts = [alert for seed in range(_ALERTS // 20_000) for alert in alerts_of(20_000, seed=seed)]
    lines.write_bytes(b"".join(encode_json(alert) + b"\n" for alert in alerts))
    journal = open_for_router(journal_path)
    for start in range(0, len(alerts), _BATCH):
        entries = [Entry(alert, Routed((), ())) for alert in alerts[start : start + _BATCH]]
        journal.alerts.append("bench", alerts[start].time_ns, entries)
    journal.close()
