"""Dead letters: list, show, retry, discard. In the running bridge, or directly in the journal if no bridge runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum

import structlog

from bridge.journal import JournalError
from bridge.journal.location import Location
from bridge.journal.opening import open_to_read, open_to_write
from bridge.journal.protocols import DeadLetterQueue
from bridge.journal.records import AttemptRecord, DeadLetter, DeadLetterAct
from bridge.operator.actor import Actor, OperationError
from bridge.operator.model.dead_letters import (
    AttemptStatus,
    DeadLetterActStatus,
    DeadLetterAlert,
    DeadLetterDetail,
    DeadLetterPage,
    DeadLettersChanged,
    DeadLetterSummary,
    ListDeadLetters,
    SelectDeadLetters,
    ShowDeadLetter,
)
from bridge.operator.operations.pages import Page

_BATCH = 500
"""Dead letters changed in one transaction, so that the router does not wait long for it."""


class DeadLetterAction(StrEnum):
    """What to do with dead letters."""

    RETRY = "retry"
    DISCARD = "discard"


class DeadLetterOperations:
    """The operations of a running bridge. Callable from any thread."""

    def __init__(self, journal: Location, wake: Callable[[], None]) -> None:
        """``wake`` notifies the courier of new deliveries."""
        self._journal = journal
        self._wake = wake

    def list_page(self, _actor: Actor, request: ListDeadLetters) -> DeadLetterPage:
        """One page of dead letters."""
        with _reading(self._journal) as queue:
            return list_page(queue, request)

    def show(self, _actor: Actor, request: ShowDeadLetter) -> DeadLetterDetail:
        """One dead letter."""
        with _reading(self._journal) as queue:
            found = show(queue, request.id)
        if found is None:
            raise OperationError(f"there is no dead letter {request.id}; GET /api/v1/dead-letters lists them", 404)
        return found

    def retry(self, actor: Actor, request: SelectDeadLetters) -> DeadLettersChanged:
        """Send dead letters again."""
        return self._change(DeadLetterAction.RETRY, actor, request)

    def discard(self, actor: Actor, request: SelectDeadLetters) -> DeadLettersChanged:
        """Discard dead letters; the history still shows them."""
        return self._change(DeadLetterAction.DISCARD, actor, request)

    def _change(self, action: DeadLetterAction, actor: Actor, request: SelectDeadLetters) -> DeadLettersChanged:
        if (request.ids is not None) + (request.channel is not None) + request.all != 1:
            raise OperationError("give exactly one of `ids`, `channel` and `all`", 400)
        try:
            journal = open_to_write(self._journal, again=True)  # the router's own connection is in use
            try:
                changed = change(journal.dead_letters, action, request, actor.name)
            finally:
                journal.close()
        except JournalError as error:
            raise OperationError(str(error), 503) from error
        log = structlog.get_logger("operator")
        log.info("dead letters changed", action=action.value, count=len(changed), actor=actor.name)
        self._wake()
        return DeadLettersChanged(ids=changed)


def list_page(queue: DeadLetterQueue, request: ListDeadLetters) -> DeadLetterPage:
    """The page that follows ``request.after``."""
    ids = [identity for identity in queue.ids(request.channel) if identity > request.after]
    page = Page[DeadLetterSummary](request.limit)
    for identity in ids:
        for letter in queue.letters(delivery_id=identity):
            if not page.add(summary(letter)):
                return DeadLetterPage(items=page.items, next=page.items[-1].id)
    return DeadLetterPage(items=page.items, next=None)


def show(queue: DeadLetterQueue, identity: int) -> DeadLetterDetail | None:
    """The dead letter with that id and its attempts; None if there is none."""
    for letter in queue.letters(delivery_id=identity):
        return detail(letter, queue.attempts(identity), queue.acts(identity))
    return None


def change(queue: DeadLetterQueue, action: DeadLetterAction, which: SelectDeadLetters, actor: str) -> list[int]:
    """Retry or discard dead letters in this journal, in somebody's name. Returns the ids of those that were changed."""
    ids: Sequence[int] = queue.ids(which.channel) if which.ids is None else which.ids
    act = queue.retry if action is DeadLetterAction.RETRY else queue.discard
    changed: list[int] = []
    for start in range(0, len(ids), _BATCH):
        changed += act(ids[start : start + _BATCH], time.time_ns(), actor)
    return changed


def summary(letter: DeadLetter) -> DeadLetterSummary:
    """The dead letter without its attempts."""
    alert = letter.alert
    return DeadLetterSummary(
        id=letter.id,
        channel=letter.channel,
        routes=list(letter.routes),
        created_ns=letter.created_ns,
        died_ns=letter.settled_ns,
        attempts=letter.attempts,
        status=letter.status,
        reason=letter.reason,
        alert=DeadLetterAlert(
            id=alert.id,
            time_ns=alert.time_ns,
            rule=alert.rule,
            priority=str(alert.priority),
            source=alert.source,
            hostname=alert.hostname,
            output=alert.output,
            output_fields=dict(alert.fields),
        ),
    )


def detail(letter: DeadLetter, attempts: Sequence[AttemptRecord], acts: Sequence[DeadLetterAct]) -> DeadLetterDetail:
    """The dead letter with its attempts, and the acts on it."""
    short = summary(letter)
    tried = [
        AttemptStatus(number=each.number, attempted_ns=each.attempted_ns, status=each.status, reason=each.reason)
        for each in attempts
    ]
    members = {name: getattr(short, name) for name in short.__struct_fields__}
    return DeadLetterDetail(**members, tried=tried, acts=[act_status(each) for each in acts])


def act_status(act: DeadLetterAct) -> DeadLetterActStatus:
    """The act as the API shows it."""
    return DeadLetterActStatus(acted_ns=act.acted_ns, action=act.action, actor=act.actor)


@contextmanager
def _reading(journal_location: Location) -> Iterator[DeadLetterQueue]:
    try:
        journal = open_to_read(journal_location, again=True)
        try:
            yield journal.dead_letters
        finally:
            journal.close()
    except JournalError as error:
        raise OperationError(str(error), 503) from error
