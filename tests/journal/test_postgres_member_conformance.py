"""A member of a fleet passes the conformance suite, with the leases of all channels.

Left out are tests of dead letters that are retried at a time that the test chooses: in a fleet they are due by the
database's clock (`tests/journal/test_postgres_leases.py`). So is the one about health of removed channels: it stays while they are leased.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from bridge.journal.location import DatabaseLocation
from bridge.journal.members import CHANNEL, COURIER, INTAKE, MEMORY, ROUTER, Member
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from tests.journal import conformance
from tests.journal.engine import Engine
from tests.journal.test_postgres_conformance import new_engines
from tests.support.waiting import wait_until

CHANNELS = ("absent", "chat", "pager")
MEMBER = Member("one", "one", "host", "1", os.getpid(), (ROUTER, INTAKE, MEMORY, COURIER), lease_seconds=60)


def open_member(location: DatabaseLocation) -> Journal:
    journal = open_for_router(location, None, MEMBER)
    assert journal.membership is not None
    holding = journal.membership.hold(CHANNEL, COURIER, lambda: CHANNELS)
    wait_until(lambda: len(holding.tokens) == len(CHANNELS), "the leases")
    journal.deliveries.own_channels(holding.tokens, 0)
    return journal


@pytest.fixture(scope="module")
def engines(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Engine]]:
    with new_engines(postgres, tmp_path_factory.getbasetemp(), open_member) as made:
        yield made


class TestAlertLog(conformance.AlertLogConformance):
    """Appending."""


class TestDeadLetters(conformance.DeadLetterConformance):
    """Dead letters."""

    test_dead_letters_are_retried_with_the_age_of_a_new_delivery = None


class TestHistory(conformance.HistoryConformance):
    """Reading."""


class TestMaintenance(conformance.MaintenanceConformance):
    """Retention."""


class TestMemory(conformance.MemoryConformance):
    """Silences, and the state that a single bridge has left."""


class TestOrder(conformance.OrderConformance):
    """Order keys."""

    test_a_batch_ends_before_a_delivery_of_its_key_that_is_not_due = None
    test_a_retried_dead_letter_waits_for_its_key = None
    test_dead_letters_of_one_key_are_retried_in_order = None


class TestLeases(conformance.LeaseConformance):
    """Claims."""


class TestQueue(conformance.QueueConformance):
    """Waiting, expiry, health."""

    test_health_is_recorded_with_the_settlements = None
