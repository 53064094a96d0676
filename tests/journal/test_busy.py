"""Waiting for a journal that is busy."""

from __future__ import annotations

import pytest

from bridge.journal import JournalBusyError, JournalError
from bridge.journal.busy import retry_while_busy


class Busy:
    """Fails so often before it works."""

    def __init__(self, failures: int, error: type[JournalError] = JournalBusyError) -> None:
        self.left = failures
        self.error = error

    def __call__(self) -> str:
        self.left -= 1
        if self.left >= 0:
            raise self.error(f"{self.left} left")
        return "done"


def test_it_is_tried_until_it_works() -> None:
    """The first error is reported, once; each retry is waited for."""
    reported: list[str] = []
    waits: list[bool] = []
    result = retry_while_busy(Busy(3), lambda error: reported.append(str(error)), lambda: waits.append(True) is None)
    assert (result, reported, len(waits)) == ("done", ["2 left"], 3)


def test_nothing_is_reported_where_it_works_at_once() -> None:
    """Nor waited for."""
    assert retry_while_busy(Busy(0), pytest.fail, pytest.fail) == "done"


def test_the_last_error_is_raised_when_there_is_no_time_left() -> None:
    """Not the first one: it is the current state."""
    times = iter([True, False])
    with pytest.raises(JournalBusyError, match="1 left"):
        retry_while_busy(Busy(3), lambda _: None, lambda: next(times))


def test_other_errors_are_not_waited_for() -> None:
    """A damaged journal does not repair itself."""
    with pytest.raises(JournalError, match="0 left"):
        retry_while_busy(Busy(1, JournalError), pytest.fail, pytest.fail)
