"""SQLite passes the conformance suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from bridge.journal import opening
from bridge.journal.protocols import Journal
from bridge.journal.sqlite.database import Database
from bridge.journal.sqlite.file import connect
from bridge.journal.sqlite.opening import assemble
from tests.journal import conformance
from tests.journal.engine import Engine


@contextmanager
def full(path: Path) -> Iterator[Journal]:
    """SQLite's limit of pages stands for a full disk."""
    connection = connect(path)
    connection.execute("PRAGMA max_page_count = 1")  # as many as it has now
    with closing(assemble(Database(connection, path))) as journal:
        yield journal


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Engine]:
    def engine() -> Engine:
        path = tmp_path_factory.mktemp("journal") / "j.db"
        return Engine(
            open_for_router=partial(opening.open_for_router, path),
            open_to_write=partial(opening.open_to_write, path),
            open_to_read=partial(opening.open_to_read, path),
            full=partial(full, path),
            open_code=f"open_to_write(Path({str(path)!r}))",
        )

    return engine


class TestAlertLog(conformance.AlertLogConformance):
    """Appending."""


class TestOrder(conformance.OrderConformance):
    """Order keys."""


class TestLeases(conformance.LeaseConformance):
    """Claims."""


class TestQueue(conformance.QueueConformance):
    """Waiting, expiry, health."""


class TestDeadLetters(conformance.DeadLetterConformance):
    """Dead letters."""


class TestHistory(conformance.HistoryConformance):
    """Reading."""


class TestMaintenance(conformance.MaintenanceConformance):
    """Retention."""


class TestMemory(conformance.MemoryConformance):
    """State of clauses with memory."""
