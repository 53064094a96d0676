"""Cost of terminal commands: CPU of each alert of the terminal rules, and the worst that a write can cost."""

from __future__ import annotations

import gzip
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.figures import Figure
from bridge.alert import Alert
from bridge.alert.forms.json_form import decode_json
from bridge.terminal.lines.painter import Painter
from bridge.terminal.terminals import Terminals

_DATA = Path(__file__).parent.parent / "tests" / "data" / "terminal"
_BATCH = 50
_ROUNDS = 3
_WIDE = "x" * 8000
_HOSTILE = (
    "\x1b[20000C", "\x1b[9999@x", "\x1b[9999L", "\t" * 8000, "\n" * 8000, "한" * 2700, "\x1b[1;1H" * 1300,
    "\x1b[1K" * 2000, "x\x1b[1K" * 1600, "\x1b[50B" * 1600, "\x1b[8192Gx\n" * 800, " \r" * 4000, "a\x08" * 4000,
    "\r\n" * 4000, "\x1b[20L" * 1600, "x\x1b[D\x1b[@" * 1000,
)  # fmt: skip
"""Each after a row of 8,000 characters."""


def figures() -> Iterator[Figure]:
    """A recorded session of each shell, in batches; hostile writes of at most 8 kB."""
    for name in ("bash-80", "zsh-80", "ash-80", "mksh-80"):
        alerts = _recording(name)
        cost = min(_cost(alerts) for _ in range(_ROUNDS))
        yield Figure(f"from an alert to commands: {name}", cost / len(alerts) * 1e6, "µs CPU an alert")
    took, memory = zip(*map(_hostile, _HOSTILE), strict=True)
    yield Figure("the slowest hostile write", max(took) * 1000, "ms CPU")
    yield Figure("the largest one", max(memory) / 1e6, "MB")
    terminals = Terminals()
    terminals.take(terminals.new(alerts), alerts[-1].time_ns)
    yield Figure("the state of one terminal, stored", len(msgspec.msgpack.encode(terminals.sessions)) / 1000, "kB")


def _recording(name: str) -> list[Alert]:
    with gzip.open(_DATA / f"{name}.alerts.jsonl.gz") as lines:
        return [found for line in lines if isinstance(found := decode_json(line, 0), Alert)]


def _cost(alerts: list[Alert]) -> float:
    terminals, started = Terminals(), time.process_time()
    for start in range(0, len(alerts), _BATCH):
        batch = alerts[start : start + _BATCH]
        terminals.take(terminals.new(batch), batch[-1].time_ns)
        terminals.tick(batch[-1].time_ns)
    return time.process_time() - started


def _hostile(write: str) -> tuple[float, int]:
    """The CPU seconds of a write, and the memory that it needs."""
    painter = Painter()
    painter.feed(_WIDE)
    started = time.process_time()
    painter.feed(write)
    took = time.process_time() - started
    tracemalloc.start()
    Painter().feed(write)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return took, peak
