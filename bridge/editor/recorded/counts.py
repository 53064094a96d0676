"""How often routes matched, for an editor: counted from the journal of the config, beside the server's loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bridge.common.clocks.times import SECOND_NS
from bridge.editor.project import EditedFile, Snapshot
from bridge.editor.recorded.reader import with_journal
from bridge.history.recent_hits import WINDOWS, Counted, HitCounter
from bridge.journal.location import Location
from bridge.language.diagnostics.source import Span
from bridge.language.program.group import RouteGroup
from bridge.language.syntax import tree as syntax

_DAY = next(number for number, (name, _) in enumerate(WINDOWS) if name == "24 h")
_FRESH_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class RouteNote:
    """What is shown behind the head of a route."""

    span: Span
    text: str
    tooltip: str


@dataclass
class RouteCounts:
    """The latest count of each config's journal. Never waits: an answer comes later, and ``changed`` is called then."""

    changed: Callable[[], None]
    _counted: dict[Path, tuple[float, frozenset[str], Counted | None]] = field(default_factory=dict)
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    def of(self, config: Path, routes: Collection[str]) -> Counted | None:
        """What is known about a config's routes, which is nothing at first, or if the journal cannot be read."""
        names = frozenset(routes)
        at, before, counted = self._counted.get(config, (float("-inf"), frozenset(), None))
        if (time.monotonic() - at > _FRESH_SECONDS or before != names) and not self._running:
            task = asyncio.get_running_loop().create_task(self._count(config, names))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return counted

    async def _count(self, config: Path, names: frozenset[str]) -> None:
        def count(journal: Location) -> Counted:
            return HitCounter(journal).count(names)

        counted = await asyncio.to_thread(with_journal, config, count)
        changed = counted != self._counted.get(config, (0, names, None))[2]
        self._counted[config] = time.monotonic(), names, counted
        if changed:
            self.changed()


def route_names(snapshot: Snapshot) -> list[str]:
    """The names of all routes, as the journal has them."""
    return [name for path, file in snapshot.files.items() for name, _ in _routes(snapshot, path, file)]


def notes(snapshot: Snapshot, file: EditedFile, counted: Counted) -> list[RouteNote]:
    """How often each route of a file matched in a day, and when last."""
    found: list[RouteNote] = []
    for name, head in _routes(snapshot, file.source.path, file):
        count = counted.routes.get(name)
        if count is not None:
            number = f"{count.counts[_DAY]:,}{'' if counted.complete[_DAY] else '+'}"
            last = "no match is stored" if count.last_ns is None else f"last match: {moment(count.last_ns)}"
            note = " (older alerts were not counted)" if counted.stopped else ""
            found.append(RouteNote(head, f"{number} in 24 h", f"{last}{note}"))
    return found


def _routes(snapshot: Snapshot, path: str, file: EditedFile) -> list[tuple[str, Span]]:
    group = next((each for each in snapshot.known.groups if path in each.files), RouteGroup("", ()))
    waiting: list[syntax.Statement] = list(reversed(file.parsed.file.statements))
    found: list[tuple[str, Span]] = []
    while waiting:
        statement = waiting.pop()
        if isinstance(statement, syntax.WhereStatement):
            waiting += reversed(statement.body)
        elif isinstance(statement, syntax.RouteStatement):
            name = "otherwise" if statement.name is None else statement.name.text
            found.append((group.qualified(name), statement.head))
    return found


def moment(moment_ns: int) -> str:
    """A time for people, to the minute."""
    return f"{datetime.fromtimestamp(moment_ns // SECOND_NS, UTC):%Y-%m-%d %H:%M} UTC"
