"""One partition at its owner: its state, and what follows from its matches, timers and requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

import msgspec
import structlog

from bridge.alert import Alert
from bridge.common.clocks.clock import Step
from bridge.journal.partitions import PartitionWrite, StoredMatch, StoredRequest
from bridge.pipeline.owner.requests import Answer, RequestKind, decode_request, encode
from bridge.pipeline.owner.unknown_routes import UnknownRoutes
from bridge.routing import Decision, Notification, Routed
from bridge.routing.decision import Fault
from bridge.routing.memory.clock_steps import follow
from bridge.routing.partitions.matches import Match, decode_match
from bridge.routing.partitions.split import NOT_AT_OWNER
from bridge.routing.router import Router
from bridge.routing.silences import Silences
from bridge.routing.state import State, Timer

_TIMERS = 300
"""How many timers fire at most before the next matches are read."""


@dataclass(frozen=True, slots=True)
class Deciding:
    """What an owner decides with."""

    router: Router
    previous: Router | None
    """The router before it, for matches of routes that this one has no more."""
    silences: Silences
    alerts: Callable[[Collection[str]], dict[str, Alert]]
    """Stored alerts by id, for silences over what is held."""
    now_ns: int
    unknown_routes: UnknownRoutes = field(default_factory=UnknownRoutes)

    def should_wait(self, match: Match) -> bool:
        """Whether the routes of the match may be known soon."""
        routers = (self.router,) if self.previous is None else (self.router, self.previous)
        return self.unknown_routes.should_wait(match, routers, self.now_ns)

    def router_for(self, match: Match) -> Router:
        """The one that knows the routes of the match; the present one if none does."""
        if self.previous is None or not self.router.unknown(match) or self.previous.unknown(match):
            return self.router
        return self.previous


@dataclass(slots=True)
class Outcome:
    """What is to be stored, and what is to be reported."""

    consumed: list[int] = field(default_factory=list)
    decisions: dict[int, Sequence[Decision]] = field(default_factory=dict)
    about: list[tuple[int, Notification]] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    answers: dict[int, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


class OwnedPartition:
    """Used by the owner's thread alone."""

    def __init__(self, number: int, token: int, state: State) -> None:
        self.number = number
        self.token = token
        self.state = state
        self.outcome = Outcome()
        """What was not taken yet."""
        self._steps_ns: int | None = None
        """As in PartitionWrite."""
        self._decided_ns = 0
        """The time of the latest decision about a match."""
        self._log = structlog.get_logger("owner")

    def follow(self, step: Step, steps_ns: int) -> None:
        """The clock of the database was set: move all times. They contain ``steps_ns`` then."""
        follow(self.state, step)
        self._steps_ns = steps_ns
        self._decided_ns = step.now_ns  # what was received before may have its time from the clock of before

    def decide(self, matches: Iterable[StoredMatch], deciding: Deciding) -> bool:
        """Decide about matches in their order. Timers that were due before a match fire before it.

        Returns False if one of them must wait, and so those after it.
        """
        for stored in matches:
            try:
                match = decode_match(stored.body)
            except msgspec.MsgspecError as error:
                self._log.error("match unreadable; skipped", partition=self.number, problem=str(error))
                self.outcome.consumed.append(stored.alert_seq)
                continue
            if deciding.should_wait(match):
                return False
            self.outcome.consumed.append(stored.alert_seq)
            self._decided_ns = max(self._decided_ns, min(match.received_ns, deciding.now_ns))
            if match.received_ns != self._decided_ns:  # one that received it may not know yet that the clock was set
                match = msgspec.structs.replace(match, received_ns=self._decided_ns)
            self.fire(match.received_ns, deciding)
            router = deciding.router_for(match)
            routed = router.take(self.state, match, deciding.silences, lambda each: _stored(deciding, each))
            self._add(routed, stored.alert_seq)
            unknown = [each.route for each in routed.decisions if each.detail == NOT_AT_OWNER]
            deciding.unknown_routes.report(unknown, deciding.now_ns)
        return True

    def fire(self, now_ns: int, deciding: Deciding) -> bool:
        """Fire timers that are due. Returns whether there may be more of them."""
        due_ns = self.state.next_due()
        if due_ns is None or due_ns > now_ns:
            return False
        named: Collection[str] = ()
        limit = _TIMERS
        if deciding.silences:
            named, limit = deciding.router.due_alerts(self.state, now_ns, limit, deciding.silences)
        timer = Timer(_alerts(deciding, named), limit)
        self._add(deciding.router.step(self.state, timer, now_ns, deciding.silences), None)
        due_ns = self.state.next_due()
        return due_ns is not None and due_ns <= now_ns

    def answer(self, stored: StoredRequest, router: Router, now_ns: int) -> None:
        """Do what another bridge asks."""
        changed: tuple[str, ...] = ()
        try:
            request = decode_request(stored.body)
        except msgspec.MsgspecError as error:
            self._log.error("request unreadable", problem=str(error))
        else:
            change = router.acknowledge if request.kind is RequestKind.ACKNOWLEDGE else router.resolve
            records, notifications = change(self.state, request.target, request.actor, now_ns)
            changed = tuple(each.id for each in records)
            self.outcome.notifications += notifications
        self.outcome.answers[stored.id] = encode(Answer(changed))

    def take_write(self) -> PartitionWrite | None:
        """What is to be stored since the last call; None if there is nothing."""
        outcome, self.outcome = self.outcome, Outcome()
        write = PartitionWrite(
            self.number, outcome.consumed, outcome.decisions, outcome.about, outcome.notifications,
            self.state.changes(), outcome.answers, self._steps_ns,
        )  # fmt: skip
        self._steps_ns = None
        return None if write == PartitionWrite(self.number, [], {}, [], [], (), {}) else write

    def _add(self, routed: Routed, alert_seq: int | None) -> None:
        """Add what was decided; about the alert with this number, if there is one."""
        for each in routed.notifications:
            if each.about is None and alert_seq is not None:
                self.outcome.about.append((alert_seq, each))
            else:
                self.outcome.notifications.append(each)
        if routed.decisions and alert_seq is not None:
            self.outcome.decisions[alert_seq] = routed.decisions
        self.outcome.faults += routed.faults


def _stored(deciding: Deciding, alert_id: str) -> Alert | None:
    return _alerts(deciding, (alert_id,)).get(alert_id)


def _alerts(deciding: Deciding, ids: Collection[str]) -> dict[str, Alert]:
    return deciding.alerts(ids) if ids else {}
