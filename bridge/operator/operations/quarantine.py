"""Quarantined messages: list and show. Reads the journal, whether a bridge runs or not."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.journal import JournalError
from bridge.journal.location import Location
from bridge.journal.opening import open_to_read
from bridge.journal.protocols import History
from bridge.journal.records import QuarantinedMessage
from bridge.operator.actor import Actor, OperationError
from bridge.operator.model.quarantine import ListQuarantine, Quarantined, QuarantinePage, ShowQuarantined
from bridge.operator.operations.pages import Page

_MOST_STORED = 1000
"""Messages in the quarantine; their numbers are nearly consecutive."""


class QuarantineOperations:
    """The operations of a running bridge. Callable from any thread."""

    def __init__(self, journal: Location) -> None:
        self._journal = journal

    def list_page(self, _actor: Actor, request: ListQuarantine) -> QuarantinePage:
        """One page of quarantined messages."""
        try:
            journal = open_to_read(self._journal, again=True)
            try:
                return _page(journal.history, request)
            finally:
                journal.close()
        except JournalError as error:
            raise OperationError(str(error), 503) from error

    def show(self, _actor: Actor, request: ShowQuarantined) -> Quarantined:
        """One quarantined message."""
        try:
            journal = open_to_read(self._journal, again=True)
            try:
                found = journal.history.quarantined(request.number)
            finally:
                journal.close()
        except JournalError as error:
            raise OperationError(str(error), 503) from error
        if found is None:
            sentence = f"message {request.number} is not in the quarantine, which holds the newest 1000"
            raise OperationError(f"{sentence}; GET /api/v1/quarantine lists them", 404)
        return quarantined(found)


def quarantined(message: QuarantinedMessage) -> Quarantined:
    """The message as the API shows it."""
    return Quarantined(
        number=message.number,
        received_ns=message.received_ns,
        source_name=message.source_name,
        reason=message.reason,
        raw=message.raw.decode("utf-8", "backslashreplace"),
    )


def _page(history: History, request: ListQuarantine) -> QuarantinePage:
    page = Page[Quarantined](request.limit)
    for message in _from(history, request):
        if not page.add(quarantined(message)):
            return QuarantinePage(items=page.items, next=page.items[-1].number)
    return QuarantinePage(items=page.items, next=None)


def _from(history: History, request: ListQuarantine) -> Iterator[QuarantinedMessage]:
    before = request.before
    if before is None:
        latest = history.newest_quarantined(1)
        if not latest:
            return
        before = latest[0].number + 1
    # One at a time: a thousand messages of 64 KiB are more than a page should cost in memory.
    for number in range(before - 1, max(before - 1 - 2 * _MOST_STORED, -1), -1):
        message = history.quarantined(number)
        if message is not None:
            yield message
