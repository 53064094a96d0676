"""The operations on recorded alerts, answered from the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bridge.alert import Alert
from bridge.console.backtest.runs import Backtests
from bridge.console.data.reader import Question, Reader
from bridge.console.data.route_list import list_routes
from bridge.console.data.terminal_sessions import Session, sessions_of
from bridge.history.recent_hits import WINDOWS, HitCounter
from bridge.history.story import DeliveryStory
from bridge.journal import JournalError
from bridge.journal.records import RecordedAlert
from bridge.operator.actor import Actor, OperationError
from bridge.operator.alert_model import (
    AlertDecision,
    AlertDelivery,
    AlertDetail,
    AlertPage,
    AlertSummary,
    ListRoutes,
    ListSessions,
    RouteMatches,
    RouteMatchPage,
    SearchAlerts,
    SessionPage,
    ShowAlert,
    ShowSession,
    Tail,
    TerminalCommand,
    TerminalSession,
    WatchAlerts,
)
from bridge.operator.client import AdminClient, AdminError
from bridge.operator.model.base import LARGEST_PAGE
from bridge.operator.model.dead_letters import AttemptStatus
from bridge.operator.model.status import Status
from bridge.operator.operations.dead_letters import act_status
from bridge.operator.operations.pages import Page
from bridge.terminal.derived import shown_text

_QUESTION = ("condition", "words", "rule", "route", "channel", "reason", "since", "until")
_WRONG, _UNKNOWN = 400, 404


class AlertOperations:
    """The operations on one journal. Callable from any thread."""

    def __init__(self, reader: Reader, hits: HitCounter, client: AdminClient, backtests: Backtests) -> None:
        """``client`` asks the bridge for its routes; ``backtests`` has those of the files."""
        self._reader = reader
        self._hits = hits
        self._backtests = backtests
        self._client = client

    def search(self, _actor: Actor, request: SearchAlerts) -> AlertPage:
        """The alerts that a question asks for."""
        question = Question(**{name: getattr(request, name) for name in _QUESTION}, before=request.cursor)
        with _reading():
            found = self._reader.find(question, request.limit)
        if found.problem:
            raise OperationError(found.problem, _WRONG)
        page = Page[AlertSummary](request.limit)
        for each in found.alerts:
            if not page.add(summary(each)):
                previous = found.alerts[len(page.items) - 1]
                return AlertPage(items=page.items, next=str(previous.number), stopped=False)
        return AlertPage(items=page.items, next=_next(found.next_before), stopped=found.stopped)

    def show(self, _actor: Actor, request: ShowAlert) -> AlertDetail:
        """One alert."""
        with _reading():
            story = self._reader.story(request.id)
        if story is None:
            raise OperationError(f"no alert {request.id} is stored; GET /api/v1/alerts finds alerts", _UNKNOWN)
        return AlertDetail(**_members(story.recorded), deliveries=[_delivery(each) for each in story.deliveries])

    def tail(self) -> Callable[[Actor, WatchAlerts], Tail]:
        """Begin a stream at the alert that is stored next."""
        number = -1

        def following(_actor: Actor, request: WatchAlerts) -> Tail:
            nonlocal number
            question = Question(condition=request.condition, words=request.words)
            if problem := self._reader.problem_of(question):
                raise OperationError(problem, _WRONG)
            with _reading():
                if number < 0:
                    number = self._reader.last_number()
                    return Tail(items=[], skipped=0)
                found, number, skipped = self._reader.stored_since(number, question)
            items = _newest_that_fit(found)
            return Tail(items=items, skipped=skipped + len(found) - len(items))

        return following

    def list_sessions(self, _actor: Actor, request: ListSessions) -> SessionPage:
        """Terminal sessions."""
        with _reading():
            found = self._reader.commands(before=int(request.cursor or 0))
        return SessionPage(items=[_session(each) for each in sessions_of(found.alerts)], next=_next(found.next_before))

    def list_routes(self, _actor: Actor, request: ListRoutes) -> RouteMatchPage:
        """How often routes have matched."""
        try:
            running = self._client.get("/api/v1/status", Status).routes
        except AdminError as error:
            raise OperationError(str(error), error.status) from error
        with _reading():
            found = list_routes(running, self._backtests, self._hits)
        first = int(request.cursor or 0)
        shown = found.rows[first : first + request.limit]
        spans = [name for name, _ in WINDOWS]
        return RouteMatchPage(
            items=[
                RouteMatches(
                    route=each.route,
                    matched=dict(zip(spans, each.hits.counts, strict=True)),
                    last_ns=each.hits.last_ns,
                    decisions=dict(each.decisions),
                    running=each.is_running,
                    file=each.file,
                    never=each.shadowed,
                )
                for each in shown
            ],
            complete=dict(zip(spans, found.counted.complete, strict=True)),
            oldest_ns=found.counted.oldest_ns,
            without_index=found.counted.without_index,
            not_examined=found.not_examined,
            more=found.more,
            next=_next(first + len(shown)) if first + len(shown) < len(found.rows) else None,
        )

    def show_session(self, _actor: Actor, request: ShowSession) -> TerminalSession:
        """One terminal session."""
        with _reading():
            found = sessions_of(self._reader.commands(request.id).alerts)
        if not found:
            sentence = f"no command of the session {request.id} is stored; GET /api/v1/sessions lists sessions"
            raise OperationError(sentence, _UNKNOWN)
        return _session(found[0])


def summary(recorded: RecordedAlert) -> AlertSummary:
    """A recorded alert as the API shows it."""
    return AlertSummary(**_members(recorded))


def _newest_that_fit(found: Sequence[RecordedAlert]) -> list[AlertSummary]:
    """The latest of these alerts that one event can contain, oldest first."""
    page = Page[AlertSummary](LARGEST_PAGE)
    for each in reversed(found):
        if not page.add(summary(each)):
            break
    return page.items[::-1]


def _members(recorded: RecordedAlert) -> dict[str, Any]:
    alert = recorded.alert
    return {
        "id": alert.id,
        "time_ns": alert.time_ns,
        "received_ns": recorded.received_ns,
        "source_name": recorded.source_name,
        "rule": alert.rule,
        "priority": str(alert.priority),
        "source": alert.source,
        "hostname": alert.hostname,
        "output": alert.output,
        "tags": list(alert.tags),
        "output_fields": dict(alert.fields),
        "decisions": [
            AlertDecision(
                route=each.route, reason=each.reason.value, detail=each.detail, channels=list(each.channels),
                incident=each.incident,
            )
            for each in recorded.decisions
        ],
    }  # fmt: skip


def _delivery(story: DeliveryStory) -> AlertDelivery:
    record = story.record
    delivery = record.delivery
    return AlertDelivery(
        id=delivery.id,
        channel=delivery.channel,
        state=delivery.state.value,
        relation=story.relation.value,
        attempts=delivery.attempts,
        status=delivery.status,
        reason=delivery.reason,
        created_ns=record.created_ns,
        settled_ns=record.settled_ns,
        failures=[
            AttemptStatus(number=each.number, attempted_ns=each.attempted_ns, status=each.status, reason=each.reason)
            for each in story.failures
        ],
        acts=[act_status(each) for each in story.acts],
    )


def _session(session: Session) -> TerminalSession:
    return TerminalSession(id=session.id, place=session.place, user=session.user, commands=_commands(session.commands))


def _commands(alerts: Sequence[Alert]) -> list[TerminalCommand]:
    return [
        TerminalCommand(
            alert_id=each.id,
            time_ns=each.time_ns,
            text=shown_text(each.fields),
            ran=each.fields.get("cmd.ran", ""),
            wrote=each.fields.get("cmd.wrote", ""),
            exit=each.fields.get("cmd.exit", ""),
        )
        for each in alerts
    ]


def _next(number: int) -> str | None:
    return str(number) if number else None


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except JournalError as error:
        raise OperationError(str(error), 503) from error
