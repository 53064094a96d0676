"""A router and a state that look like those of a single bridge, and decide in halves over several partitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.alert import Alert
from bridge.common.clocks.clock import Step
from bridge.language.program.program import Program
from bridge.routing import Routed
from bridge.routing.incident_channels import NO_INCIDENT_CHANNELS, IncidentChannels
from bridge.routing.memory.clock_steps import follow
from bridge.routing.memory.engine import IncidentRecord
from bridge.routing.memory.rows import decode_row, encode_row
from bridge.routing.notification import Notification
from bridge.routing.partitions.matches import decode_match
from bridge.routing.partitions.merging import may_merge, merged
from bridge.routing.reason import Reason
from bridge.routing.router import Router
from bridge.routing.silences import NO_SILENCES, Silences, StoredAlert, none_stored
from bridge.routing.state import KEYS_PER_TABLE, Change, State, Table, Timer

COUNT = 4


class DividedState:
    """One state for each partition."""

    def __init__(self, keys_per_table: int = KEYS_PER_TABLE) -> None:
        self.keys_per_table = keys_per_table
        self.parts = [State(keys_per_table) for _ in range(COUNT)]
        self.router: DividedRouter

    @property
    def tables(self) -> dict[str, Table]:
        found: dict[str, Table] = {}
        for part in self.parts:
            for clause, table in part.tables.items():
                found.setdefault(clause, Table(clause, State())).entries.update(table.entries)
        return found

    @property
    def evicted(self) -> Mapping[str, int]:
        found = Counter[str]()
        for part in self.parts:
            found.update(part.evicted)
        return found

    def next_due(self) -> int | None:
        return min((due for part in self.parts if (due := part.next_due()) is not None), default=None)

    def changes(self) -> Iterator[Change]:
        for part in self.parts:
            yield from part.changes()

    def load(self, clause: str, key: bytes, row: Any, due_ns: int | None) -> None:
        assert self.router.shared is not None
        for partition in self.router.shared.partitions_of(clause, key, row):
            self.parts[partition].load(clause, key, row, due_ns)

    def move(self, partition: int) -> None:
        """Another owner takes the partition: it knows what is stored."""
        assert self.router.shared is not None
        part = State(self.keys_per_table) if self.keys_per_table < KEYS_PER_TABLE else self.router.shared.state()
        part.evicted = self.parts[partition].evicted
        for table in self.parts[partition].tables.values():
            for key, row in table.rows():
                part.load(table.clause, key, decode_row(encode_row(row)), table.due_ns(key))
        self.parts[partition] = part

    def follow(self, step: Step) -> None:
        for part in self.parts:
            follow(part, step)


class DividedRouter(Router):
    """Decides in halves. Between them, a match is bytes."""

    def __init__(
        self, program: Program, secret: bytes, incident_channels: IncidentChannels = NO_INCIDENT_CHANNELS
    ) -> None:
        super().__init__(program, {}, secret=secret, incident_channels=incident_channels)
        self._channels = incident_channels
        self.share(COUNT)

    def start(self, state: DividedState, now_ns: int) -> dict[str, int]:  # type: ignore[override]
        found: dict[str, int] = {}
        for part in state.parts:
            for clause, count in super().start(part, now_ns).items():
                found[clause] = found.get(clause, 0) + count
        return found

    def step(  # type: ignore[override]
        self,
        state: DividedState,
        cause: Alert | Timer,
        now_ns: int,
        silences: Silences = NO_SILENCES,
        stored: StoredAlert = none_stored,
    ) -> Routed:
        if isinstance(cause, Timer):
            routed = [super(DividedRouter, self).step(part, cause, now_ns, silences) for part in state.parts]
            return Routed((), tuple(each for one in routed for each in one.notifications))
        entry = super().route(State(), cause, now_ns, silences, stored)
        decisions, notifications = list(entry.routed.decisions), list(entry.routed.notifications)
        for partition, body in entry.matches:
            taken = super().take(state.parts[partition], decode_match(body), silences, stored)
            assert not taken.faults
            for each in taken.decisions:
                place = next(at for at, old in enumerate(decisions) if old.route == each.route)
                assert decisions[place].reason is Reason.PENDING
                decisions[place] = each
            for each in taken.notifications:
                self._merge(notifications, each)
        assert all(each.reason is not Reason.PENDING for each in decisions)
        return Routed(tuple(decisions), tuple(notifications), entry.routed.faults)

    def _merge(self, notifications: list[Notification], new: Notification) -> None:
        if may_merge(new, self._channels):
            for at, each in enumerate(notifications):
                if each.channel == new.channel and each.about is None:
                    notifications[at] = merged(self.program, each, new)
                    return
        notifications.append(new)

    def acknowledge(  # type: ignore[override]
        self, state: DividedState, target: str, actor: str, now_ns: int
    ) -> tuple[list[IncidentRecord], tuple[Notification, ...]]:
        found = [super(DividedRouter, self).acknowledge(part, target, actor, now_ns) for part in state.parts]
        return [each for records, _ in found for each in records], tuple(each for _, some in found for each in some)
