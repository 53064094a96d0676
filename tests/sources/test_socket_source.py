"""What is handed over on the socket is taken after its commit; what lies in the spool cannot hurt."""

from __future__ import annotations

import grp
import json
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.common.errors import SetupError
from bridge.sources.contract import Aborted
from bridge.sources.ingest import client as ingest_client
from bridge.sources.ingest import source as socket_source
from bridge.sources.ingest.client import SpoolError, UnreachedError, send_alerts, write_to_spool
from bridge.sources.ingest.source import SocketSource
from tests.sources.collector import Collector, running
from tests.support.recordings import NAMES, http_bodies
from tests.support.waiting import wait_until


def alert(number: int) -> bytes:
    return json.dumps({"rule": f"r{number}", "time": "2026-01-01T00:00:00Z", "output": "o"}).encode()


class Ingest:
    """A source in a folder, and what it committed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "in.sock"
        self.spool = folder / "in.spool"
        self.taken = Collector()

    @contextmanager
    def open(self) -> Iterator[SocketSource]:
        source = SocketSource("socket", self.path, self.spool)
        with running(source, self.taken):
            yield source

    def send(self, data: bytes, seconds: float = 20.0) -> str:
        return send_alerts(str(self.path), data, seconds)

    def rules(self) -> list[str]:
        return [each.rule for each in self.taken.alerts]


@pytest.fixture
def ingest(tmp_path: Path) -> Ingest:
    return Ingest(tmp_path)


# The socket


def test_the_answer_comes_after_the_commit(ingest: Ingest) -> None:
    """Not before."""
    ingest.taken.hold.clear()
    answers: list[str] = []
    with ingest.open():
        thread = threading.Thread(target=lambda: answers.append(ingest.send(alert(1))))
        thread.start()
        thread.join(0.5)
        assert answers == []
        ingest.taken.hold.set()
        thread.join(20)
    assert answers == ["200 1 taken"]
    assert ingest.rules() == ["r1"]


@pytest.mark.parametrize("name", NAMES)
def test_every_recording_is_taken_whole(ingest: Ingest, name: str) -> None:
    """JSON, text, without properties, with hostile bytes."""
    bodies = http_bodies(name)
    with ingest.open():
        for body in bodies:
            assert ingest.send(body).startswith("200 1 taken")
    assert len(ingest.taken.alerts) == len(bodies)


def test_many_at_once_and_what_is_none(ingest: Ingest) -> None:
    """Lines are taken one by one; what is no alert is kept aside and told."""
    with ingest.open():
        assert ingest.send(alert(1) + b"\n" + alert(2) + b"\n") == "200 2 taken"
        assert ingest.send(b'{"x": 1}\n' + alert(3)).startswith(
            "400 1 taken, 1 kept aside: the message has neither a rule"
        )
        assert ingest.send(b" \n").startswith("400 nothing")
        assert ingest.send(b"{}\n" * 10_001).startswith("413 at most 10000 alerts")
    assert ingest.rules() == ["r1", "r2", "r3"]
    assert len(ingest.taken.rejected) == 1


def test_what_is_too_large_or_too_slow_is_refused(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next is served."""
    monkeypatch.setattr(socket_source, "MAX_BYTES", 100_000)
    monkeypatch.setattr(socket_source, "_TIMEOUT_SECONDS", 0.5)
    with ingest.open():
        with socket.socket(socket.AF_UNIX) as slow:
            slow.settimeout(20)
            slow.connect(str(ingest.path))
            slow.sendall(b'{"rule": ')
            assert slow.recv(100).startswith(b"408 ")
        with pytest.raises(UnreachedError):
            ingest.send(b"x" * 10_000_000)
        assert ingest.send(alert(1)) == "200 1 taken"


def test_more_connections_than_there_are_places(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are hung up on, so that their alert goes to the spool; the places come free again."""
    monkeypatch.setattr(socket_source, "_MAX_CONNECTIONS", 3)
    with ingest.open():
        holding = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for each in holding:
            each.connect(str(ingest.path))
        with pytest.raises(UnreachedError):
            ingest.send(alert(1))
        for each in holding:
            each.close()
        wait_until(lambda: taken_again(ingest), "a place")


def taken_again(ingest: Ingest) -> bool:
    try:
        return ingest.send(alert(2)) == "200 1 taken"
    except UnreachedError:
        return False


def test_a_hundred_at_once(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hears of its own."""
    monkeypatch.setattr(socket_source, "_MAX_CONNECTIONS", 200)
    answers: list[str] = []
    with ingest.open():
        threads = [
            threading.Thread(target=lambda number=number: answers.append(ingest.send(alert(number))))
            for number in range(100)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert answers == ["200 1 taken"] * 100
    assert sorted(ingest.rules()) == sorted(f"r{number}" for number in range(100))


def test_a_bridge_that_leaves_answers_nobody_it_has_not_served(ingest: Ingest) -> None:
    """No answer: the sender leaves the alert in the spool."""

    def leave(_batch: object) -> None:
        raise Aborted("x")

    ingest.taken.before = leave
    with ingest.open(), pytest.raises(UnreachedError, match="hung up"):
        ingest.send(alert(1))


def test_stopping_serves_those_who_have_come(ingest: Ingest) -> None:
    """And takes the socket away for those who have not."""
    ingest.taken.hold.clear()
    answers: list[str] = []
    with ingest.open() as source:
        thread = threading.Thread(target=lambda: answers.append(ingest.send(alert(1))))
        thread.start()
        wait_until(lambda: bool(source._connections), "the connection")
        source.stop()
        with pytest.raises(UnreachedError, match="no bridge listens"):
            ingest.send(alert(2))
        ingest.taken.hold.set()
        thread.join(20)
    assert answers == ["200 1 taken"]


def test_the_socket_is_its_users_or_its_groups(tmp_path: Path) -> None:
    """0600 without a group, 0660 with one; the spool likewise, and what is written there is the group's."""
    alone = Ingest(tmp_path)
    with alone.open():
        assert stat.S_IMODE(alone.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(alone.spool.stat().st_mode) == 0o700
    name = grp.getgrgid(os.getegid()).gr_name
    path, spool = tmp_path / "g.sock", tmp_path / "g.spool"
    with running(SocketSource("socket", path, spool, name)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert stat.S_IMODE(spool.stat().st_mode) == 0o2770
        assert spool.stat().st_gid == os.getegid()
    write_to_spool(str(spool), alert(1))
    (file,) = spool.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


# The spool


def test_what_waits_in_the_spool_is_taken_at_the_start_and_while_it_runs(ingest: Ingest) -> None:
    """In the order in which it came; each file is gone after its commit, not before."""
    ingest.spool.mkdir(0o700)
    for number in range(3):
        write_to_spool(str(ingest.spool), alert(number))
    ingest.taken.hold.clear()
    with ingest.open():
        _pause(0.3)
        assert len(list(ingest.spool.iterdir())) == 3
        ingest.taken.hold.set()
        wait_until(lambda: not list(ingest.spool.iterdir()), "an empty spool")
        assert ingest.rules() == ["r0", "r1", "r2"]
        write_to_spool(str(ingest.spool), alert(3))
        wait_until(lambda: not list(ingest.spool.iterdir()), "an empty spool")
    assert ingest.rules() == ["r0", "r1", "r2", "r3"]


_PAUSE = threading.Event()


def _pause(seconds: float) -> None:
    _PAUSE.wait(seconds)


def test_a_bridge_that_leaves_before_the_commit_leaves_the_files(ingest: Ingest) -> None:
    """The next start takes them."""
    ingest.spool.mkdir(0o700)
    write_to_spool(str(ingest.spool), alert(1))

    def leave(_batch: object) -> None:
        raise Aborted("x")

    taken = Collector()
    taken.before = leave
    source = SocketSource("socket", ingest.path, ingest.spool)
    with pytest.raises(Aborted):
        source.run(taken)
    source.stop()
    assert len(list(ingest.spool.iterdir())) == 1


def test_hostile_things_in_the_spool_do_no_harm(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links lead nowhere, pipes hold nobody up, what is large or nonsense is kept aside; the alert among them comes."""
    monkeypatch.setattr("bridge.sources.ingest.spool.MAX_BYTES", 1 << 20)
    secret = tmp_path / "shadow"
    secret.write_bytes(alert(666))
    ingest.spool.mkdir(0o700)
    (ingest.spool / "1-link").symlink_to(secret)
    os.link(secret, ingest.spool / "2-second-name")
    os.mkfifo(ingest.spool / "3-pipe")
    (ingest.spool / "4-large").write_bytes(b"x" * (2 << 20))
    (ingest.spool / "5-nonsense").write_bytes(os.urandom(500))
    (ingest.spool / "6-empty").write_bytes(b"")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(ingest.spool / "7-socket"))
    (ingest.spool / "8-folder" / "within").mkdir(parents=True)
    (ingest.spool / "9-dangling").symlink_to("/nowhere/at/all")
    (ingest.spool / os.fsdecode(b"9a-\xff\n\x1b[31m")).write_bytes(b"{}")
    write_to_spool(str(ingest.spool), alert(1))
    with ingest.open() as source:
        wait_until(lambda: [each.name for each in ingest.spool.iterdir()] == ["8-folder"], "all but the folder")
        wait_until(lambda: "1 in the spool that cannot be taken in" in source.state()[0].detail, "the note")
    assert ingest.rules() == ["r1"]
    assert secret.read_bytes() == alert(666)
    told = "\n".join(ingest.taken.rejected)
    for part in ("was a link", "second name", "was a pipe", "more than 1048576 bytes", "was a socket", "neither JSON"):
        assert part in told
    kept = max(len(each.raw) for batch in ingest.taken.batches for each in batch.rejected)
    assert kept <= 64 << 10


def test_an_unfinished_file_is_left_until_it_is_old(ingest: Ingest) -> None:
    """A send that was killed was never acknowledged; one that writes just now must not be disturbed."""
    ingest.spool.mkdir(0o700)
    (ingest.spool / ".young").write_bytes(alert(1))
    (ingest.spool / ".old").write_bytes(alert(2))
    os.utime(ingest.spool / ".old", (time.time() - 9000, time.time() - 9000))
    write_to_spool(str(ingest.spool), alert(3))
    with ingest.open():
        wait_until(lambda: [each.name for each in ingest.spool.iterdir()] == [".young"], "the young alone")
    assert ingest.rules() == ["r3"]


def test_a_text_line_in_the_spool_is_of_the_day_it_was_written(ingest: Ingest) -> None:
    """Not of the day on which the bridge came back."""
    ingest.spool.mkdir(0o700)
    write_to_spool(str(ingest.spool), http_bodies("cat_text")[0])
    (file,) = ingest.spool.iterdir()
    written = 1_700_000_000
    os.utime(file, (written, written))
    with ingest.open():
        wait_until(lambda: bool(ingest.taken.alerts), "the alert")
    assert 0 <= written - ingest.taken.alerts[0].time_ns / 1e9 < 86_400


def test_a_full_spool_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In files and in bytes, with what to do."""
    spool = tmp_path / "s"
    spool.mkdir(0o700)
    monkeypatch.setattr(ingest_client, "MAX_FILES", 2)
    write_to_spool(str(spool), alert(1))
    write_to_spool(str(spool), alert(2))
    with pytest.raises(SpoolError, match=r"is full \(2 files"):
        write_to_spool(str(spool), alert(3))
    monkeypatch.setattr(ingest_client, "MAX_FILES", 100)
    monkeypatch.setattr(ingest_client, "MAX_SPOOL_BYTES", 2 * len(alert(1)) + 10)
    with pytest.raises(SpoolError, match=r"is full .* start the bridge"):
        write_to_spool(str(spool), alert(3))
    assert len(list(spool.iterdir())) == 2


def test_a_spool_that_is_none_is_refused_by_both(tmp_path: Path) -> None:
    """Missing, a link, or open to all."""
    with pytest.raises(SpoolError, match="the bridge makes it"):
        write_to_spool(str(tmp_path / "none"), b"x")
    real = tmp_path / "real"
    real.mkdir(0o700)
    link = tmp_path / "link"
    link.symlink_to(real)
    with pytest.raises(SpoolError, match="must be a folder"):
        write_to_spool(str(link), b"x")
    with pytest.raises(SetupError, match="must be a folder"):
        SocketSource("s", tmp_path / "a.sock", link)
    real.chmod(0o777)
    with pytest.raises(SpoolError, match="chmod o-w"):
        write_to_spool(str(real), b"x")
    with pytest.raises(SetupError, match="chmod o-w"):
        SocketSource("s", tmp_path / "b.sock", real)
