"""Formats of a journal in PostgreSQL: what a start changes, what only an operator changes, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from bridge.common.secret import Secret
from bridge.delivery import Capacity
from bridge.journal import JournalError
from bridge.journal.location import DatabaseLocation
from bridge.journal.members import Member
from bridge.journal.opening import examine, migrate, open_for_courier, open_for_router, open_to_read
from bridge.journal.postgres.connection import PgConnection, connect
from bridge.journal.postgres.tables.migrate import Format, check, read_format
from bridge.journal.postgres.tables.migrate import migrate as apply
from bridge.journal.postgres.tables.migrations import MIGRATIONS, Migration
from bridge.journal.retention import RetentionPolicy
from tests.journal.engine import claimed
from tests.support.builders import entries, settlement
from tests.support.postgres import drop_schema, in_schema, new_schema

LATEST = len(MIGRATIONS)
NEXT = LATEST + 1
NARROWER = (*MIGRATIONS, Migration(("ALTER TABLE alerts ADD COLUMN narrower text",), NEXT, NEXT))
"""The tables of today, and a migration that contracts."""
FIRST = Migration(("CREATE TABLE things (number integer)",), 1, 1)
EXPANDS = Migration(("ALTER TABLE things ADD COLUMN name text",), 1, 1)
CONTRACTS = Migration(("ALTER TABLE things DROP COLUMN number",), 2, 2)
PAGE = (Path(__file__).parents[2] / "docs" / "postgresql.md").read_text(encoding="utf-8")


@pytest.fixture
def location(postgres: str, tmp_path: Path) -> Iterator[DatabaseLocation]:
    schema = new_schema()
    yield DatabaseLocation(Secret(in_schema(postgres, schema)), tmp_path / "local")
    drop_schema(postgres, schema)


@pytest.fixture
def connection(location: DatabaseLocation) -> Iterator[PgConnection]:
    with closing(connect(location, "test")) as connection:
        yield connection


def test_what_expands_is_applied_and_what_contracts_waits_for_an_operator(connection: PgConnection) -> None:
    """Whichever comes first creates an empty journal."""
    assert apply(connection, "db", contract=False, migrations=[FIRST]) == (0, 1)
    assert apply(connection, "db", contract=False, migrations=[FIRST, EXPANDS, CONTRACTS]) == (1, 2)
    assert read_format(connection) == Format(2, 1, 1)
    check(connection, "db", to_write=True, migrations=[FIRST, EXPANDS, CONTRACTS])
    assert apply(connection, "db", contract=True, migrations=[FIRST, EXPANDS, CONTRACTS]) == (2, 3)
    assert read_format(connection) == Format(3, 2, 2)


def test_an_older_version_uses_what_was_expanded_and_refuses_what_was_contracted(connection: PgConnection) -> None:
    """It knows the first format only."""
    apply(connection, "db", contract=False, migrations=[FIRST, EXPANDS])
    assert apply(connection, "db", contract=False, migrations=[FIRST]) == (2, 2)
    check(connection, "db", to_write=True, migrations=[FIRST])
    apply(connection, "db", contract=True, migrations=[FIRST, EXPANDS, CONTRACTS])
    for to_write in (False, True):
        with pytest.raises(JournalError, match="changed by a newer falco-bridge"):
            check(connection, "db", to_write=to_write, migrations=[FIRST])


def test_a_version_refuses_tables_that_lack_what_it_needs(connection: PgConnection) -> None:
    """Until they are upgraded."""
    apply(connection, "db", contract=False, migrations=[FIRST])
    with pytest.raises(JournalError, match="run falco-bridge journal migrate"):
        check(connection, "db", to_write=False, migrations=[FIRST, EXPANDS])


def test_a_migration_that_fails_changes_nothing(connection: PgConnection) -> None:
    """Nor do those before it."""
    apply(connection, "db", contract=False, migrations=[FIRST])
    broken = Migration(("SELECT no_such_column FROM things",), 1, 1)
    with pytest.raises(JournalError, match="no_such_column"):
        apply(connection, "db", contract=False, migrations=[FIRST, EXPANDS, broken])
    assert read_format(connection) == Format(1, 1, 1)


def test_what_comes_after_a_contraction_waits_for_the_operator(connection: PgConnection) -> None:
    """A version that needs it says what to run."""
    apply(connection, "db", contract=False, migrations=[FIRST])
    after = Migration(("ALTER TABLE things ADD COLUMN colour text",), 2, 2)
    assert apply(connection, "db", contract=False, migrations=[FIRST, CONTRACTS, after]) == (1, 1)
    with pytest.raises(JournalError, match="run falco-bridge journal migrate --contract, once no bridge of an older"):
        check(connection, "db", to_write=True, migrations=[FIRST, CONTRACTS, after])
    assert apply(connection, "db", contract=True, migrations=[FIRST, CONTRACTS, after]) == (1, 3)


def test_nothing_is_contracted_while_a_bridge_needs_it(location: DatabaseLocation, connection: PgConnection) -> None:
    """Members of a fleet that do not know the new format, and a bridge without a fleet. They are named."""
    migrate(location, contract=False)
    bridge = Member("m", "host-1a2b", "host", "0.9", 1, ("router", "memory"), lease_seconds=60)
    with closing(open_for_router(location, None, bridge)):
        with pytest.raises(JournalError, match=r"an older version use it: host-1a2b \(0\.9\)\. Upgrade or stop them"):
            apply(connection, "db", contract=True, migrations=NARROWER)
        connection.execute("UPDATE members SET info = '{}'")  # a version that did not say what it knows
        with pytest.raises(JournalError, match="host-1a2b"):
            apply(connection, "db", contract=True, migrations=NARROWER)
        connection.execute("UPDATE members SET info = %s::jsonb", (f'{{"format": {NEXT}}}',))
        with connection.transaction(force_rollback=True):
            assert apply(connection, "db", contract=True, migrations=NARROWER) == (LATEST, NEXT)
    with closing(open_for_router(location)), pytest.raises(JournalError, match=r"outside of a fleet.*router.*Stop it"):
        apply(connection, "db", contract=True, migrations=NARROWER)
    assert read_format(connection) == Format(LATEST, 1, 1)
    assert apply(connection, "db", contract=True, migrations=NARROWER) == (LATEST, NEXT)
    with pytest.raises(JournalError, match=f"format {NEXT}; this version knows {LATEST}, and {NEXT} is needed"):
        open_for_router(location, None, bridge)


def test_a_migration_does_not_make_others_wait_for_a_long_query(
    location: DatabaseLocation, connection: PgConnection
) -> None:
    """A backup that reads the tables for hours: the migration gives up, so that bridges can go on."""
    migrate(location, contract=False)
    wider = (*MIGRATIONS, Migration(("ALTER TABLE alerts ADD COLUMN wider text",), 1, 1))
    with closing(connect(location, "test")) as backup, backup.transaction():
        backup.execute("SELECT count(*) FROM alerts")
        with pytest.raises(JournalError, match=r"in use for 0 s.*nothing was changed"):
            apply(connection, "db", contract=False, migrations=wider, wait_seconds=0)
    assert apply(connection, "db", contract=False, migrations=wider) == (LATEST, NEXT)


def test_several_processes_migrate_at_once(location: DatabaseLocation) -> None:
    """One does the work, and the others wait for it."""
    results: list[tuple[int, int]] = []
    threads = [threading.Thread(target=lambda: results.append(migrate(location, contract=False))) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert sorted(results) == [(0, LATEST), *[(LATEST, LATEST)] * 3]


def test_a_check_changes_nothing(location: DatabaseLocation, connection: PgConnection) -> None:
    """Of an empty database, and of one that cannot be reached it says so."""
    examine(location)
    assert read_format(connection) is None
    nowhere = DatabaseLocation(Secret("postgresql://role:hunter2hunter2@/d?host=/nonexistent"))
    with pytest.raises(JournalError, match="cannot connect to the journal's database postgresql:///d:") as caught:
        examine(nowhere)
    assert "hunter2hunter2" not in f"{caught.value}{nowhere}{nowhere!r}"


def test_the_documented_role_is_enough(postgres: str, tmp_path: Path) -> None:
    """Another role makes the tables; the bridge's role cannot change them, and does everything else."""
    database = new_schema("db")
    statements = PAGE.partition("```sql\n")[2].partition("```")[0]
    with closing(psycopg.connect(postgres, autocommit=True)) as admin:
        admin.execute(f"CREATE DATABASE {database}")
        inside = postgres.replace("/postgres?", f"/{database}?")
        try:
            with closing(psycopg.connect(inside, autocommit=True)) as connection:
                for each in filter(str.strip, statements.split(";")):
                    connection.execute(each)
            owner, bridge = (
                DatabaseLocation(Secret(inside.replace("//tests@", f"//{role}@")), tmp_path / "local")
                for role in ("falco_bridge_owner", "falco_bridge")
            )
            with pytest.raises(JournalError, match="may not use"):
                open_for_router(bridge)
            assert migrate(owner, contract=False) == (0, LATEST)
            _use(bridge)
            with closing(connect(owner, "test")) as connection:
                connection.execute("DROP TABLE clock, partition_clocks; UPDATE journal_format SET version = 5")
            with pytest.raises(
                JournalError, match=r"older format 5, .* run falco-bridge journal migrate as the role that"
            ):
                open_for_router(bridge)
            assert migrate(owner, contract=False) == (5, LATEST)
            open_for_router(bridge).close()
        finally:
            admin.execute(f"DROP DATABASE {database} WITH (FORCE)")
            admin.execute("DROP ROLE IF EXISTS falco_bridge")
            admin.execute("DROP ROLE IF EXISTS falco_bridge_owner")


def _use(location: DatabaseLocation) -> None:
    with closing(open_for_router(location)) as journal, closing(open_for_courier(location)) as courier:
        journal.memory.secret()
        journal.alerts.append("falco", 0, entries(1, 2, channel="chat"))
        assert claimed(courier, Capacity(2)) == [["shells1"], ["shells2"]]
        courier.deliveries.settle([settlement(1), settlement(2)])
        while journal.maintenance.step(RetentionPolicy(), 10**18):
            pass
        with closing(open_to_read(location)) as reader:
            assert reader.history.alert_count() == 1
