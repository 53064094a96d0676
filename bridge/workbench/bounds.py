"""Counts what routes do with recorded alerts, and compares the counts with bounds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from bridge.language.program.program import Program
from bridge.routing import OTHERWISE
from bridge.routing.router import Router
from bridge.routing.virtual_run import Step, VirtualRun
from bridge.workbench.alert_files import Line

_BOUND = re.compile(r'(?P<what>to\s+\S+|"[^"]+"|\S.*?)\s+(?P<how>exactly|at most|at least)\s+(?P<count>\d+)')
Comparison = Literal["exactly", "at most", "at least"]


@dataclass(frozen=True, slots=True)
class Bound:
    """``"rm -rf in prod" exactly 3`` or ``to pager at most 10``."""

    text: str
    """As it was written."""
    channel: bool
    """Whether ``name`` is a channel's; otherwise it is a route's."""
    name: str
    comparison: Comparison
    count: int

    def holds(self, count: int) -> bool:
        """Whether a count is within the bound."""
        match self.comparison:
            case "exactly":
                return count == self.count
            case "at most":
                return count <= self.count
            case "at least":
                return count >= self.count

    def is_known(self, program: Program) -> bool:
        """Whether the program has the route or channel."""
        if self.channel:
            named = {name for route in program.routes for name in route.channels}
            return self.name in {*program.otherwise, *named}
        return self.name == OTHERWISE or any(route.name == self.name for route in program.routes)


class RoutingCounts:
    """How many alerts each route matched, held back or not, and how many notifications each channel would have got."""

    def __init__(self, router: Router) -> None:
        self._run = VirtualRun(router)
        self._by_route: Counter[str] = Counter()
        self._by_channel: Counter[str] = Counter()

    def add(self, lines: Iterable[Line]) -> None:
        """Route recorded alerts, each at the time at which it was received. Timers fire in between."""
        for line in lines:
            self._count(self._run.steps(line.alert, line.at_ns))

    def finish(self) -> None:
        """Fire the timers that are still set: what is held is sent."""
        self._count(self._run.finish())

    def _count(self, steps: Iterable[Step]) -> None:
        for step in steps:
            self._by_route.update(decision.route for decision in step.routed.decisions)
            self._by_channel.update(each.channel for each in step.routed.notifications)

    def failure(self, bound: Bound) -> str | None:
        """Why the bound does not hold, in one sentence; None where it does."""
        count = (self._by_channel if bound.channel else self._by_route)[bound.name]
        if bound.holds(count):
            return None
        noun = "notification" if bound.channel else "match"
        plural = "" if count == 1 else "s" if bound.channel else "es"
        return f"expected {bound.comparison} {bound.count}, counted {count} {noun}{plural}"


def parse_bound(text: str) -> Bound:
    """The bound that a text states. Raises ValueError with a sentence that shows the form."""
    match = _BOUND.fullmatch(text.strip())
    if match is None:
        raise ValueError("write 'ROUTE exactly N', 'ROUTE at most N' or 'ROUTE at least N'")
    what = match["what"]
    channel = what.startswith("to ")
    name = what[3:].strip() if channel else what.strip('"')
    return Bound(text, channel, name, cast("Comparison", match["how"]), int(match["count"]))


def unknown_bounds(bounds: Sequence[Bound], program: Program) -> list[Bound]:
    """Those that name no route and no channel of the program."""
    return [bound for bound in bounds if not bound.is_known(program)]
