"""From alerts to commands: the state of all terminals. Pure: time is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from bridge.alert import Alert
from bridge.terminal.command import Command
from bridge.terminal.observation import Observation, observe_all
from bridge.terminal.ordering import WINDOW_NS, Ordering
from bridge.terminal.sessions.sessions import Sessions

_LINES_CHECKED_NS = 60_000_000_000


class Terminals(msgspec.Struct):
    """The state of all terminals, for alerts as they are received. msgspec encodes and decodes it."""

    ordering: Ordering = msgspec.field(default_factory=Ordering)
    sessions: Sessions = msgspec.field(default_factory=Sessions)
    lines_checked_ns: int = 0

    def new(self, alerts: Iterable[Alert]) -> list[Observation]:
        """What alerts say about terminals, without what was received before."""
        return self.ordering.new(observe_all(alerts))

    def take(self, observations: Sequence[Observation], now_ns: int) -> list[Command]:
        """Use what ``new`` returned. Returns the commands that it finishes.

        ``now_ns`` is the bridge's clock, in nanoseconds since the epoch.
        """
        self.ordering.add(observations, now_ns)
        return self._use({each.hostname: None for each in observations}, now_ns)

    def tick(self, now_ns: int) -> list[Command]:
        """Time has passed. Returns the commands that are finished by it."""
        finished = self._use(list(self.ordering.nodes), now_ns) + self.sessions.settle(now_ns)
        if abs(now_ns - self.lines_checked_ns) >= _LINES_CHECKED_NS:
            self.lines_checked_ns = now_ns
            self.sessions.forget_old_lines(now_ns)
        return finished

    def end(self, now_ns: int) -> list[Command]:
        """Nothing follows. Returns the commands that might have changed."""
        finished = self._use(list(self.ordering.nodes), now_ns + 2 * WINDOW_NS)
        return finished + self.sessions.end(now_ns)

    @property
    def waits(self) -> bool:
        """Whether time alone will finish a command."""
        return bool(self.sessions.open or self.ordering.waiting)

    def _use(self, hostnames: Iterable[str], now_ns: int) -> list[Command]:
        finished: list[Command] = []
        for observation, late in self.ordering.released(now_ns, list(hostnames)):
            finished += self.sessions.use(observation, now_ns, late=late)
        return finished


def commands_of(alerts: Iterable[Alert]) -> list[Command]:
    """The commands in recorded alerts, in the order in which they were typed. The alerts may be in any order."""
    observations = {each.identity: each for each in observe_all(alerts)}
    sessions, now_ns = Sessions(), 0
    finished: list[Command] = []
    for each in sorted(observations.values(), key=lambda each: (each.time_ns, each.number)):
        now_ns = each.time_ns
        if sessions.open:
            finished += sessions.settle(now_ns)
        finished += sessions.use(each, now_ns)
    finished += sessions.end(now_ns)
    return sorted(finished, key=lambda command: (command.time_ns, command.id))
