"""The cost of a claim, or of an expiry, does not depend on how many deliveries wait, nor on their states and keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from bridge.delivery import Capacity, DeliveryState, Settlement
from bridge.journal.protocols import Journal
from bridge.journal.sqlite.database import Database
from bridge.journal.sqlite.file import connect
from bridge.journal.sqlite.opening import assemble
from bridge.routing import Entry
from tests.support.builders import entry, settlement

FEW, MANY = 300, 6000
LATER = 10**9


def free(number: int) -> Entry:
    return entry(number, "chat")


def of_own_incident(number: int) -> Entry:
    return entry(number, "chat", incident=f"incident {number}")


def of_one_incident(number: int) -> Entry:
    return entry(number, "chat", incident="the same")


def waiting_for_retries(journal: Journal, ids: Sequence[int]) -> None:
    """All but the last twenty have failed."""
    journal.deliveries.settle(
        [Settlement(number, DeliveryState.PENDING, 0, LATER, 503, "HTTP 503: busy") for number in ids[:-20]]
    )


def as_they_are(_journal: Journal, _ids: Sequence[int]) -> None:
    """None was tried."""


@pytest.mark.parametrize("make", [free, of_own_incident, of_one_incident])
@pytest.mark.parametrize("prepare", [as_they_are, waiting_for_retries])
@pytest.mark.parametrize("batch_size", [1, 10])
def test_the_cost_of_a_claim_does_not_depend_on_what_waits(
    tmp_path: Path,
    make: Callable[[int], Entry],
    prepare: Callable[[Journal, Sequence[int]], None],
    batch_size: int,
) -> None:
    """Counted in steps of SQLite's virtual machine: claim, next due time and settlements."""
    few, many = (steps(tmp_path / f"{count}.db", count, make, prepare, batch_size) for count in (FEW, MANY))
    assert many < few * 1.5 + 100


@pytest.mark.parametrize("make", [free, of_own_incident, of_one_incident])
@pytest.mark.parametrize("before_ns", [0, 20])
def test_the_cost_of_an_expiry_does_not_depend_on_what_waits(
    tmp_path: Path, make: Callable[[int], Entry], before_ns: int
) -> None:
    """Whether none or twenty waited for too long."""
    few, many = (expiry_steps(tmp_path / f"{count}.db", count, make, before_ns) for count in (FEW, MANY))
    assert many < few * 1.5 + 100


def expiry_steps(path: Path, count: int, make: Callable[[int], Entry], before_ns: int) -> int:
    connection = connect(path)
    taken = 0

    def step() -> None:
        nonlocal taken
        taken += 1

    with closing(assemble(Database(connection, path))) as journal:
        for number in range(20):
            journal.alerts.append("s", number + 1, [make(number)])
        journal.alerts.append("s", 100, [make(number) for number in range(20, count)])
        connection.set_progress_handler(step, 1)
        assert journal.deliveries.expire("chat", before_ns, LATER, "too old", 500) == before_ns
        connection.set_progress_handler(None, 1)
    return taken


def steps(
    path: Path,
    count: int,
    make: Callable[[int], Entry],
    prepare: Callable[[Journal, Sequence[int]], None],
    batch_size: int,
) -> int:
    connection = connect(path)
    taken = 0

    def step() -> None:
        nonlocal taken
        taken += 1

    with closing(assemble(Database(connection, path))) as journal:
        journal.alerts.append("s", 0, [make(number) for number in range(count)])
        prepare(journal, range(1, count + 1))
        connection.set_progress_handler(step, 1)
        sends = journal.deliveries.claim(0, LATER, {"chat": Capacity(5, batch_size)})
        journal.deliveries.next_due(["chat"])
        journal.deliveries.settle([settlement(each.id) for send in sends for each in send])
        connection.set_progress_handler(None, 1)
    return taken
