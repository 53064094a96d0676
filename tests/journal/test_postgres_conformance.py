"""PostgreSQL passes the conformance suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest

from bridge.common.secret import Secret
from bridge.journal import opening
from bridge.journal.location import DatabaseLocation
from bridge.journal.postgres.connection import connect
from bridge.journal.postgres.database import Database
from bridge.journal.postgres.opening import assemble
from bridge.journal.protocols import Journal
from tests.journal import conformance
from tests.journal.engine import Engine
from tests.support.postgres import in_schema, new_schema
from tests.support.waiting import wait_until

_FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('tests.disk_is_full', true) = 'on' THEN
        RAISE disk_full USING MESSAGE = 'No space left on device';
    END IF;
    RETURN NEW;
END
$$
"""


@contextmanager
def full(location: DatabaseLocation) -> Iterator[Journal]:
    """A trigger that fails as the server does on a full disk."""
    with closing(connect(location, "test")) as admin:
        admin.execute(_FULL)
        for table in ("alerts", "deliveries", "channels"):
            admin.execute(
                f"CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION full_disk()"
            )
    connection = connect(location, "test")
    connection.execute("SET tests.disk_is_full = 'on'")
    with closing(
        assemble(Database(connection, partial(connect, location, "test"), str(location)), location)
    ) as journal:
        yield journal


def settled(location: DatabaseLocation) -> None:
    """Wait until the server has noticed that a writer was killed."""
    held = (
        "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'falco-bridge operator %' AND pid IN "
        "(SELECT l.pid FROM pg_locks AS l WHERE l.relation = to_regclass('alerts'))"
    )
    with closing(connect(location, "test")) as connection:
        wait_until(lambda: connection.execute(held).fetchone() is None, "the server to notice")


@contextmanager
def new_engines(
    postgres: str, folder: Path, open_for_router: Callable[[DatabaseLocation], Journal] = opening.open_for_router
) -> Iterator[Callable[[], Engine]]:
    """Makes engines, each with a schema of its own."""
    schemas: list[str] = []

    def engine() -> Engine:
        schemas.append(new_schema())
        url = in_schema(postgres, schemas[-1])
        location = DatabaseLocation(Secret(url), folder / schemas[-1])
        return Engine(
            open_for_router=partial(open_for_router, location),
            open_to_write=partial(opening.open_to_write, location),
            open_to_read=partial(opening.open_to_read, location),
            full=partial(full, location),
            open_code=f"open_to_write(__import__('bridge.journal.location').journal.location.location_of({url!r}))",
            settled=partial(settled, location),
        )

    yield engine
    with closing(psycopg.connect(postgres, autocommit=True)) as connection:
        for schema in schemas:
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.fixture(scope="module")
def engines(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Engine]]:
    with new_engines(postgres, tmp_path_factory.getbasetemp()) as made:
        yield made


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
