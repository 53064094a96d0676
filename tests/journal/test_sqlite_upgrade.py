"""Journals of older formats are upgraded in place, and read as they are by a reader.

The dumps in tests/data/journals were written by the versions that had those formats.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bridge.delivery import Capacity, Circuit, DeliveryState, Health
from bridge.journal.opening import open_for_router, open_to_read
from bridge.journal.protocols import Journal
from bridge.journal.sqlite.schema import VERSION
from bridge.routing import Reason
from bridge.routing.memory.clauses.new import Sighting
from tests.support.builders import entry

DUMPS = Path(__file__).parent.parent / "data" / "journals"
CHECKPOINTS = {2: {"": "", "0": '["/var/log/falco.log",7]'}} | {number: {"f": "line 7"} for number in range(3, VERSION)}
SOURCE_COLUMN = {2: "road", 3: "road"} | dict.fromkeys(range(4, VERSION), "source_name")
CHAT = Health(
    circuit=Circuit.OPEN, since_ns=5, failures=7, failing_ns=6, probe_ns=8, notified_ns=9, before=(4, 2, 1),
    delivered=11, digested=3, dead=1, success_ns=10, failure_ns=12, status=503, reason="HTTP 503: busy",
    rate="1 per 1s",
)  # fmt: skip


@pytest.fixture(params=sorted(CHECKPOINTS))
def version(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture
def path(tmp_path: Path, version: int) -> Path:
    """A journal of that format."""
    path = tmp_path / "j.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DUMPS / f"format-{version}.sql").read_text(encoding="utf-8"))
    return path


def check_content(journal: Journal, version: int) -> None:
    """Everything but the checkpoints, which only a router reads."""
    alerts = list(journal.history.alerts())
    assert [(each.alert.output, each.source_name, each.received_ns) for each in alerts] == [
        (f"alert {number}", "file", 100) for number in range(1, 5)
    ]
    assert alerts[1].alert.fields == {"proc.cmdline": "rm 2"}
    assert [[(each.route, each.reason, each.channels) for each in found.decisions] for found in alerts] == [
        [("shells", Reason.SENT, ("chat",))],
        [("shells", Reason.SENT, ("chat", "pager"))],
        [("quiet", Reason.DROPPED, ())],
        [("otherwise", Reason.UNMATCHED, ("chat",))],
    ]
    records = list(journal.history.deliveries())
    assert [(each.channel, each.state, each.attempts, each.digest_id) for each in records] == [
        ("chat", DeliveryState.DELIVERED, 1, 1),
        ("chat", DeliveryState.PENDING, 1, None),
        ("pager", DeliveryState.DEAD, 1, None),
        ("chat", DeliveryState.PENDING, 0, None),
    ]
    (attempt,) = journal.dead_letters.attempts(2)
    assert (attempt.attempted_ns, attempt.status, attempt.reason) == (210, 503, "HTTP 503: busy")
    (letter,) = journal.dead_letters.letters()
    assert (letter.id, letter.settled_ns, letter.reason) == (3, 220, "HTTP 404: no such service")
    (message,) = journal.history.quarantine()
    assert (message.source_name, message.reason, message.raw) == ("file", "is not JSON", b"\xff not json")
    chat = Health(**{name: getattr(CHAT, name) for name in Health.__slots__} | {"channel_fault": version > 2})
    assert [(each.clause, each.row, each.due_ns) for each in journal.memory.load()] == (
        [("shells\nnew", Sighting(5), 7)] if version > 4 else []
    )
    assert journal.deliveries.health() == {"chat": chat, "pager": Health(rejected=True, dead=1)}
    assert (journal.deliveries.waiting("chat"), journal.deliveries.next_due(["chat"])) == (2, 100)


def test_a_reader_reads_an_older_format(path: Path, version: int) -> None:
    """Without changing the file."""
    before = path.read_bytes()
    with closing(open_to_read(path)) as reader:
        check_content(reader, version)
    assert path.read_bytes() == before


def test_a_router_upgrades_an_older_format(path: Path, version: int) -> None:
    """Once, with everything that the journal holds; then it works like any other."""
    for _ in range(2):
        with closing(open_for_router(path)) as journal:
            check_content(journal, version)
            assert journal.alerts.checkpoint("file") == CHECKPOINTS[version]
    with closing(open_to_read(path)) as reader:
        check_content(reader, version)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_an_upgraded_journal_continues_where_it_was(path: Path) -> None:
    """Deliveries keep their order keys, released ones included; new rows follow the old ones."""
    with closing(open_for_router(path)) as journal:
        journal.alerts.append("file", 1000, [entry(9, "chat", route="otherwise", ordered=True)], (), {"f": "line 9"})
        sends = journal.deliveries.claim(1000, 10, {"chat": Capacity(5, 10)})
        assert [[each.id for each in send] for send in sends] == [[2], [4, 5]]


def test_an_upgraded_journal_has_the_schema_of_a_new_one(path: Path, tmp_path: Path) -> None:
    """Tables, columns, indexes and triggers."""
    open_for_router(path).close()
    open_for_router(tmp_path / "new.db").close()
    assert schema(path) == schema(tmp_path / "new.db")


def schema(path: Path) -> dict[str, object]:
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
        return {
            f"{kind} {name}": [
                row[1:] for row in connection.execute(f"PRAGMA {'table' if kind == 'table' else 'index'}_info({name})")
            ]
            for kind, name in names
        }


def test_a_failed_upgrade_changes_nothing(path: Path, version: int) -> None:
    """An upgrade is one transaction: a journal is of the old format or of the new one."""
    from bridge.journal import JournalError

    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE whole_checkpoints (x)")
        connection.execute("CREATE TABLE IF NOT EXISTS state (x)")
        connection.execute("CREATE TABLE IF NOT EXISTS state_log (x)")
        connection.execute("CREATE TABLE IF NOT EXISTS dead_letter_acts (x)")
        connection.execute("CREATE TABLE old_deliveries (x)")
        connection.execute("CREATE INDEX IF NOT EXISTS deliveries_age ON old_deliveries (x)")
        connection.execute("DROP INDEX IF EXISTS deliveries_order")
        connection.execute("UPDATE channels SET health = x'00'")
        connection.commit()
    with pytest.raises(JournalError):
        open_for_router(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (version,)
        assert connection.execute(f"SELECT {SOURCE_COLUMN[version]} FROM alerts LIMIT 1").fetchone() == ("file",)
