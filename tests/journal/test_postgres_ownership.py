"""One router and one courier own a database; a session that was lost changes nothing that another one owns."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import psycopg
import pytest

from bridge.common.secret import Secret
from bridge.delivery import Capacity
from bridge.journal import JournalBusyError, JournalError
from bridge.journal.busy import retry_while_busy
from bridge.journal.location import DatabaseLocation, location_of
from bridge.journal.opening import open_for_courier, open_for_router, open_to_read, open_to_write
from bridge.journal.postgres import opening as postgres_opening
from bridge.journal.protocols import Journal
from bridge.journal.records import MemoryWrite
from tests.journal.engine import claimed
from tests.support.builders import alert, entries, notification, settlement
from tests.support.postgres import drop_schema, in_schema, new_schema
from tests.support.waiting import wait_until

Result = TypeVar("Result")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A router that is refused waits for 5 s."""
    monkeypatch.setattr(postgres_opening, "_ROUTER_SECONDS", 0.3)


@pytest.fixture
def url(postgres: str) -> Iterator[str]:
    schema = new_schema()
    yield in_schema(postgres, schema)
    drop_schema(postgres, schema)


@pytest.fixture
def location(url: str, tmp_path: Path) -> DatabaseLocation:
    return DatabaseLocation(Secret(url), tmp_path / "local")


@pytest.fixture
def elsewhere(url: str, tmp_path: Path) -> DatabaseLocation:
    """The same database, used from another machine."""
    (tmp_path / "other").mkdir()
    return DatabaseLocation(Secret(url), tmp_path / "other" / "local")


def end_sessions(url: str, role: str) -> None:
    """What the server does with the sessions of a client that it takes for dead."""
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name LIKE %s "
            "AND pid IN (SELECT l.pid FROM pg_locks AS l WHERE l.locktype = 'advisory' AND l.granted)",
            (f"falco-bridge {role} % {os.getpid()}",),
        ).fetchall()
    assert ended == [(True,)]


def test_a_second_router_is_refused(location: DatabaseLocation, elsewhere: DatabaseLocation) -> None:
    """The error names the process that has the journal. Once that has closed it, another one can open it."""
    with closing(open_for_router(location)):
        with pytest.raises(JournalError, match=r"another falco-bridge \(falco-bridge router .+, from .+\) is using"):
            open_for_router(elsewhere)
        with pytest.raises(JournalError, match="uses the local files"):
            open_for_router(location)
    open_for_router(elsewhere).close()


def test_a_router_that_was_killed_is_followed_at_once(location: DatabaseLocation, url: str) -> None:
    """The server ends its session, and with it the lock."""
    code = (
        "import sys, time\nfrom bridge.journal.location import location_of\n"
        "from bridge.journal.opening import open_for_router\n"
        f"journal = open_for_router(location_of({url!r}))\nprint('open', flush=True)\ntime.sleep(1000)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        process.send_signal(signal.SIGKILL)
    open_for_router(location).close()


def test_a_session_that_was_lost_is_opened_again(location: DatabaseLocation, url: str) -> None:
    """By the next call, reads and writes alike; the lock is acquired again."""
    with closing(open_for_router(location)) as journal:
        journal.alerts.append("falco", 0, entries(1))
        end_sessions(url, "router")
        assert journal.history.alert_count() == 1
        end_sessions(url, "router")
        assert journal.alerts.append("falco", 0, entries(2)) == 1
        with pytest.raises(JournalError, match="another falco-bridge"):
            open_for_router(location_of(url))


def test_a_router_that_was_replaced_writes_nothing(
    location: DatabaseLocation, elsewhere: DatabaseLocation, url: str
) -> None:
    """It lost its session, and another one took over and ended, before it noticed."""
    with closing(open_for_router(location)) as old:
        old.alerts.append("falco", 0, entries(1))
        end_sessions(url, "router")
        with closing(open_for_router(elsewhere)) as new:
            new.alerts.append("falco", 0, entries(2))
        with pytest.raises(JournalError, match="has taken over the journal"):
            old.alerts.append("falco", 0, entries(3))
    with closing(open_to_read(location)) as journal:
        assert [each.alert.time_ns for each in journal.history.alerts()] == [1, 2]


def test_a_courier_waits_for_the_one_before(location: DatabaseLocation, url: str) -> None:
    """Beside the router, and until the other courier's session ends."""
    opened: list[Journal] = []
    with closing(open_for_router(location)), closing(open_for_courier(location)):
        waiting = threading.Thread(target=lambda: opened.append(open_for_courier(location)))
        waiting.start()
        waiting.join(0.3)
        assert not opened
        end_sessions(url, "courier")
        waiting.join(60)
    (courier,) = opened
    courier.close()


def until_done(call: Callable[[], Result]) -> Result:
    """What router and courier do while a journal is busy."""
    return retry_while_busy(call, lambda _error: None, lambda: True)


def test_a_standby_waits_and_takes_over(location: DatabaseLocation, elsewhere: DatabaseLocation) -> None:
    """It says once whom it waits for."""
    reported: list[str] = []
    opened: list[Journal] = []
    with closing(open_for_router(location)):
        waiting = threading.Thread(target=lambda: opened.append(open_for_router(elsewhere, reported.append)))
        waiting.start()
        wait_until(lambda: reported, "the standby to wait")
        waiting.join(1.0)
        assert not opened
    waiting.join(60)
    opened.pop().close()
    assert len(reported) == 1
    assert "is using the journal" in reported[0]


class Proxy:
    """Stands between a journal and its server, and loses the answer to a COMMIT, or the COMMIT."""

    def __init__(self, url: str, folder: Path) -> None:
        found = psycopg.conninfo.conninfo_to_dict(url)
        self._host, self._port = str(found["host"]), int(found.get("port") or 5432)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / f".s.PGSQL.{found.get('port') or 5432}"))
        self._listener.listen()
        self.url = f"{url}&host={quote(str(folder), safe='')}"  # the last one counts
        self.lose: str = ""
        """``answer`` or ``request``: what of the next COMMIT is lost."""
        self.lost = 0
        self.is_away = False
        """Whether new connections end at once."""
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.is_away:
                    client.close()
                    continue
                server = self._connect()
                lost = threading.Event()  # set once this session's COMMIT was sent, and its answer is to be lost
                for source, target, passes in (
                    (server, client, lambda _data, lost=lost: not lost.is_set()),
                    (client, server, lambda data, lost=lost: self._passes(data, lost)),
                ):
                    threading.Thread(target=_pump, args=(source, target, passes), daemon=True).start()

    def _connect(self) -> socket.socket:
        if not self._host.startswith("/"):
            return socket.create_connection((self._host, self._port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{self._host}/.s.PGSQL.{self._port}")
        return server

    def _passes(self, data: bytes, lost: threading.Event) -> bool:
        if not self.lose or b"COMMIT" not in data:
            return True
        how, self.lose = self.lose, ""
        self.lost += 1
        if how == "answer":
            lost.set()
        return how == "answer"


def _pump(source: socket.socket, target: socket.socket, passes: Callable[[bytes], bool]) -> None:
    """Forward what arrives; end both connections with the first data that does not pass."""
    with suppress(OSError):
        while (data := source.recv(1 << 16)) and passes(data):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
    source.close()


@pytest.fixture
def proxy(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    proxy = Proxy(url, tmp_path_factory.mktemp("p"))
    yield proxy
    proxy.close()


@pytest.mark.parametrize("lose", ["answer", "request"])
def test_a_commit_without_an_answer_is_done_once(proxy: Proxy, tmp_path: Path, lose: str) -> None:
    """Alerts, and notifications of timers, which have no id: whether the server has committed or not."""
    timer = notification("chat", about=alert(1).id)
    with closing(open_for_router(DatabaseLocation(Secret(proxy.url), tmp_path / "local"))) as journal:
        journal.alerts.append("falco", 0, entries(1, channel="other"))
        proxy.lose = lose
        batch, write = entries(2), MemoryWrite((), (timer,))
        assert until_done(lambda: journal.alerts.append("falco", 0, batch, memory=write)) == 2
        assert proxy.lost == 1
        assert journal.history.alert_count() == 2
        assert len(list(journal.history.deliveries())) == 3
        proxy.lose = lose
        assert until_done(lambda: claimed(journal, Capacity(9))) == [["shells2"], ["shells1"]]
        assert proxy.lost == 2
        proxy.lose = lose
        settled = [settlement(1)]
        until_done(lambda: journal.deliveries.settle(settled))
        assert proxy.lost == 3
        assert [each.attempts for each in journal.history.deliveries()] == [1, 0, 0]


def test_an_unknown_outcome_stays_known_while_other_changes_fail(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away for long. Before the batch is stored again, another change of this bridge is lost."""
    timer = notification("chat", about=alert(1).id)
    monkeypatch.setattr("bridge.journal.postgres.database.BUSY_SECONDS", 0.0)
    with closing(open_for_router(DatabaseLocation(Secret(proxy.url), tmp_path / "local"))) as journal:
        journal.alerts.append("falco", 0, entries(1, channel="other"))
        batch, write = entries(2), MemoryWrite((), (timer,))
        proxy.lose, proxy.is_away = "answer", True
        with pytest.raises(JournalBusyError):
            journal.alerts.append("falco", 0, batch, memory=write)
        proxy.lose, proxy.is_away = "request", False
        with pytest.raises(JournalBusyError):
            journal.memory.remove_silences(["unknown"])
        assert proxy.lost == 2
        assert journal.alerts.append("falco", 0, batch, memory=write) == 2
        assert journal.history.alert_count() == 2
        assert len(list(journal.history.deliveries())) == 3


def test_an_operator_learns_that_a_change_is_uncertain(
    proxy: Proxy, location: DatabaseLocation, tmp_path: Path
) -> None:
    """It has no role, so the database does not show whether it was made."""
    open_for_router(location).close()
    with closing(open_to_write(DatabaseLocation(Secret(proxy.url), tmp_path / "local"))) as journal:
        proxy.lose = "answer"
        with pytest.raises(JournalError, match="it may have been made"):
            journal.dead_letters.discard([1], 0)
