"""``journal copy``: everything arrives, from a file to a database and back, also after an interruption."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bridge.alert.rejected import RejectedMessage
from bridge.cli.main import main
from bridge.common.secret import Secret
from bridge.config.link_key import link_key
from bridge.delivery import Capacity, DeliveryState, Health, Settlement
from bridge.journal import JournalError
from bridge.journal.location import DatabaseLocation, Location
from bridge.journal.opening import copy, open_for_router, open_to_read
from bridge.journal.postgres import opening as postgres_opening
from bridge.journal.postgres.copying import PostgresStore
from bridge.journal.protocols import Journal
from bridge.journal.records import MemoryWrite, SilenceRecord
from bridge.journal.retention import RetentionPolicy
from bridge.journal.sql import copying
from tests.journal.conformance import change, of_incidents
from tests.journal.engine import claimed
from tests.support.builders import alert, entries, settlement
from tests.support.postgres import drop_schema, in_schema, new_schema


@pytest.fixture
def database(postgres: str, tmp_path: Path) -> Iterator[DatabaseLocation]:
    schema = new_schema()
    yield DatabaseLocation(Secret(in_schema(postgres, schema)), tmp_path / "local")
    drop_schema(postgres, schema)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A journal in which every table has rows."""
    path = tmp_path / "journal.db"
    with closing(open_for_router(path)) as journal:
        journal.memory.secret()
        link_key(path)
        journal.alerts.append("falco", 0, entries(*range(1200), channel="archive"), (), {"a": "1", "é": "2"})
        complete = journal.maintenance.prepare()
        assert complete is not None
        complete()
        rejected = [RejectedMessage("is no\0alert", bytes([n, 255])) for n in range(3)]
        memory = MemoryWrite((change("clause", b"x", 1, 10), change("other", b"\x00y", 2), change("other", b"z", None)))
        journal.alerts.append("falco", 7, of_incidents("aabab.", first=5000), rejected, memory=memory)
        journal.memory.put_silence(SilenceRecord("0a", "rule = x", "", 0, 9, "me", "", 1))
        claimed(journal, Capacity(1), 7)
        results = [settlement(2), settlement(3, DeliveryState.DEAD, 5, status=404, reason="gone\0"),
                   Settlement(4, DeliveryState.DELIVERED, 0, 0, 200, "", digest_id=2)]  # fmt: skip
        journal.deliveries.settle(results, {"chat": Health(failures=2, reason="busy")})
    return path


def content(location: Location) -> dict[str, Any]:
    """Everything that a journal holds, without NUL in texts."""
    with closing(open_to_read(location)) as journal:
        return {
            "alerts": [
                (each.number, each.alert, each.decisions, each.received_ns) for each in journal.history.alerts()
            ],
            "deliveries": [str(each).replace(r"\x00", "�") for each in journal.history.deliveries()],
            "dead": [str(each).replace(r"\x00", "�") for each in journal.dead_letters.letters()],
            "attempts": [str(each).replace(r"\x00", "�") for each in journal.dead_letters.attempts(3)],
            "acts": [journal.dead_letters.acts(number) for number in range(1, 10)],
            "quarantine": [str(each).replace(r"is no\x00", "is no�") for each in journal.history.quarantine()],
            "state": sorted((each.clause, each.key, str(each.row), each.due_ns) for each in journal.memory.load()),
            "silences": journal.memory.silences(),
            "secret": journal.memory.stored_secret(),
            "links": link_key(location),
            "checkpoint": journal.alerts.checkpoint("falco"),
            "health": journal.deliveries.health(),
        }


def in_order(journal: Journal) -> list[list[list[str]]]:
    """What is claimed from one round to the next."""
    journal.deliveries.release(100)
    rounds = []
    while sends := journal.deliveries.claim(100, 1000, {"chat": Capacity(9)}):
        rounds.append([[f"{each.notification.routes[0]}{each.alert.time_ns}" for each in send] for send in sends])
        journal.deliveries.settle([settlement(each.id) for send in sends for each in send])
    return rounds


def test_a_copy_holds_everything_and_works(file: Path, database: DatabaseLocation, tmp_path: Path) -> None:
    """To a database, and back to another file; new alerts get new numbers, and order keys keep their order."""
    before = content(file)
    done = copy(file, database, lambda _done, _of: None)
    assert (done.alerts, done.deliveries, done.copied) == (1206, 1206, 1206 + 1206 + 1 + 3 + 1)
    assert content(database) == before
    back = tmp_path / "back.db"
    copy(database, back, lambda _done, _of: None)
    assert content(back) == before
    orders = []
    for location in (file, database, back):
        with closing(open_for_router(location)) as journal:
            orders.append(in_order(journal))
            journal.alerts.append("falco", 9, entries(9000), [RejectedMessage("is no alert", b"")])
            assert [each.number for each in journal.history.alerts_with_id(alert(9000).id, 1)] == [1207]
            assert not journal.maintenance.step(RetentionPolicy(), 10)
    assert (
        orders[0] == orders[1] == orders[2] == [[["a5000"], ["b5002"], [".5005"]], [["a5001"], ["b5004"]], [["a5003"]]]
    )


def test_an_interrupted_copy_is_continued_and_cannot_be_used_before(
    file: Path, database: DatabaseLocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It copies only what is missing."""
    monkeypatch.setattr(copying, "PAGE", 100)
    monkeypatch.setattr(postgres_opening, "_ROUTER_SECONDS", 0.3)
    before, back = content(file), tmp_path / "back.db"
    for source, target in ((file, database), (database, back)):
        for stops_at in (500, 1500):
            with pytest.raises(KeyboardInterrupt):
                copy(source, target, interrupted(stops_at))
        with pytest.raises(JournalError, match=r"is an unfinished copy|no bridge has run with it yet"):
            open_to_read(target)
        assert copy(source, target, lambda _done, _of: None).copied < 1500
        assert content(target) == before


def interrupted(stops_at: int) -> Any:
    def at(done: int, _of: int) -> None:
        if done > stops_at:
            raise KeyboardInterrupt

    return at


def test_only_journals_that_nothing_uses_are_copied_to_places_without_one(
    file: Path, database: DatabaseLocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal in the target is not changed."""
    monkeypatch.setattr("bridge.journal.postgres.copying._WAIT_SECONDS", 0.2)
    with closing(open_for_router(file)), pytest.raises(JournalError, match="is using the journal"):
        copy(file, database, lambda _done, _of: None)
    copy(file, database, lambda _done, _of: None)
    with pytest.raises(JournalError, match="has a journal and was not changed"):
        copy(file, database, lambda _done, _of: None)
    with pytest.raises(JournalError, match="exists and was not changed"):
        copy(database, file, lambda _done, _of: None)
    with closing(open_for_router(database)), pytest.raises(JournalError, match="stop all bridges that use it"):
        copy(database, tmp_path / "back.db", lambda _done, _of: None)


def test_a_copy_that_differs_is_refused(
    file: Path, database: DatabaseLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that was begun from another journal."""
    monkeypatch.setattr(copying, "PAGE", 100)
    with pytest.raises(KeyboardInterrupt):
        copy(file, database, interrupted(500))
    with closing(PostgresStore(database)) as store:
        store._connection.execute("UPDATE alerts SET received_ns = 5 WHERE seq = 3")
    with pytest.raises(JournalError, match=r"differs from .* in the table alerts"):
        copy(file, database, lambda _done, _of: None)


def test_the_verb_copies_and_shows_no_password(
    file: Path, database: DatabaseLocation, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints what the copy holds, or why there is none, with exit 2."""
    url = f"{database.url.reveal()}&password=hunter2hunter2"
    assert main(["journal", "copy", str(file), url]) == 0
    assert main(["journal", "copy", str(file), url]) == 2
    out, err = capsys.readouterr()
    assert "has 1,206 alerts and 1,206 deliveries, the same as" in out
    assert "has a journal and was not changed" in err
    assert "hunter2" not in out + err
