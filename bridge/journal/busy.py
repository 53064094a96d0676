"""Waits while a journal is busy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bridge.journal.errors import JournalBusyError

_Result = TypeVar("_Result")


def retry_while_busy(
    action: Callable[[], _Result], on_busy: Callable[[JournalBusyError], None], wait: Callable[[], bool]
) -> _Result:
    """Call ``action`` until the journal is not busy, and return its result.

    ``on_busy`` is called once, with the first JournalBusyError. ``wait`` is called before each retry; when it returns
    False, the last JournalBusyError is raised.
    """
    reported = False
    while True:
        try:
            return action()
        except JournalBusyError as error:
            if not reported:
                reported = True
                on_busy(error)
            if not wait():
                raise
