"""Alerts sent to the socket are answered after the commit, and nothing in the spool can do harm."""

from __future__ import annotations

import grp
import json
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.common.errors import SetupError
from bridge.sources.contract import Aborted
from bridge.sources.ingest import spool as spool_module
from bridge.sources.ingest.client import SpoolError, UnreachedError, send_alerts, write_to_spool
from bridge.sources.ingest.source import IngestLimits, SocketSource
from bridge.sources.ingest.spool import Spool
from tests.sources.collector import Collector, running
from tests.support.limits import no_threads, obey_modes
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
    def open(self, **limits: Any) -> Iterator[SocketSource]:
        source = SocketSource("socket", self.path, self.spool, limits=IngestLimits(**limits))
        with running(source, self.taken):
            yield source

    def send(self, data: bytes, seconds: float = 60.0) -> str:
        return send_alerts(str(self.path), data, seconds)

    def rules(self) -> list[str]:
        return [each.rule for each in self.taken.alerts]


@pytest.fixture
def ingest(tmp_path: Path) -> Ingest:
    return Ingest(tmp_path)


# The socket


def test_the_answer_comes_after_the_commit(ingest: Ingest) -> None:
    """There is none while the commit waits."""
    ingest.taken.hold.clear()
    answers: list[str] = []
    with ingest.open():
        thread = threading.Thread(target=lambda: answers.append(ingest.send(alert(1))))
        thread.start()
        thread.join(0.5)
        assert answers == []
        ingest.taken.hold.set()
        thread.join(60)
    assert answers == ["200 1 accepted"]
    assert ingest.rules() == ["r1"]


@pytest.mark.parametrize("name", NAMES)
def test_every_recording_is_accepted(ingest: Ingest, name: str) -> None:
    """JSON, text, without properties, and with invalid UTF-8."""
    bodies = http_bodies(name)
    with ingest.open():
        for body in bodies:
            assert ingest.send(body).startswith("200 1 accepted")
    assert len(ingest.taken.alerts) == len(bodies)


def test_lines_are_decoded_one_by_one(ingest: Ingest) -> None:
    """Lines that are not alerts are rejected, and the answer says so."""
    with ingest.open():
        assert ingest.send(alert(1) + b"\n" + alert(2) + b"\n") == "200 2 accepted"
        assert ingest.send(b'{"x": 1}\n' + alert(3)).startswith(
            "400 1 accepted, 1 rejected and quarantined: the message has neither a rule"
        )
        assert ingest.send(b" \n").startswith("400 nothing")
        assert ingest.send(b"{}\n" * 10_001).startswith("413 at most 10000 alerts")
    assert ingest.rules() == ["r1", "r2", "r3"]
    assert len(ingest.taken.rejected) == 1


def test_a_sender_that_is_too_slow_is_refused(ingest: Ingest) -> None:
    """It does not keep its connection."""
    with ingest.open(seconds=0.5), socket.socket(socket.AF_UNIX) as slow:
        slow.settimeout(60)
        slow.connect(str(ingest.path))
        slow.sendall(b'{"rule": ')
        assert slow.recv(100).startswith(b"408 ")


def test_a_request_that_is_too_large_is_refused(ingest: Ingest) -> None:
    """The next one is accepted."""
    with ingest.open(bytes=100_000):
        with pytest.raises(UnreachedError):
            ingest.send(b"x" * 10_000_000)
        assert ingest.send(alert(1)) == "200 1 accepted"


def test_connections_beyond_the_limit_are_closed(ingest: Ingest) -> None:
    """Their senders use the spool. Closed connections no longer count."""
    with ingest.open(connections=3):
        holding = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for each in holding:
            each.connect(str(ingest.path))
        with pytest.raises(UnreachedError):
            ingest.send(alert(1))
        for each in holding:
            each.close()
        wait_until(lambda: accepts_again(ingest), "a free connection")


def accepts_again(ingest: Ingest) -> bool:
    try:
        return ingest.send(alert(2)) == "200 1 accepted"
    except UnreachedError:
        return False


def test_a_hundred_senders_at_once_get_their_answers(ingest: Ingest) -> None:
    """Each gets one."""
    answers: list[str] = []
    with ingest.open(connections=200):
        threads = [
            threading.Thread(target=lambda number=number: answers.append(ingest.send(alert(number))))
            for number in range(100)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert answers == ["200 1 accepted"] * 100
    assert sorted(ingest.rules()) == sorted(f"r{number}" for number in range(100))


def test_an_aborted_batch_is_not_answered(ingest: Ingest) -> None:
    """The sender then uses the spool."""

    def abort(_batch: object) -> None:
        raise Aborted("x")

    ingest.taken.before = abort
    with ingest.open(), pytest.raises(UnreachedError):
        ingest.send(alert(1))


def test_a_stop_serves_the_open_connections(ingest: Ingest) -> None:
    """It removes the socket first."""
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
        thread.join(60)
    assert answers == ["200 1 accepted"]


def test_the_socket_and_the_spool_are_private_to_the_user_or_the_group(tmp_path: Path) -> None:
    """Files in the spool belong to the group."""
    alone = Ingest(tmp_path)
    with alone.open():
        assert stat.S_IMODE(alone.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(alone.spool.stat().st_mode) == 0o700
    name = grp.getgrgid(os.getegid()).gr_name
    path, spool = tmp_path / "g.sock", tmp_path / "g.spool"
    with running(SocketSource("socket", path, spool, name)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert stat.S_IMODE(spool.stat().st_mode) == 0o3770
        assert spool.stat().st_gid == os.getegid()
    write_to_spool(str(spool), alert(1))
    (file,) = spool.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


# The spool


def test_the_spool_is_read_at_the_start_and_while_the_bridge_runs(ingest: Ingest) -> None:
    """In order. Each file is removed after its commit."""
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


def test_an_aborted_batch_stays_in_the_spool(ingest: Ingest) -> None:
    """The next start reads it."""
    ingest.spool.mkdir(0o700)
    write_to_spool(str(ingest.spool), alert(1))

    def abort(_batch: object) -> None:
        raise Aborted("x")

    taken = Collector()
    taken.before = abort
    source = SocketSource("socket", ingest.path, ingest.spool)
    with pytest.raises(Aborted):
        source.run(taken)
    source.stop()
    assert len(list(ingest.spool.iterdir())) == 1


def test_hostile_files_in_the_spool_do_no_harm(ingest: Ingest, tmp_path: Path) -> None:
    """Links are not followed, pipes do not block, large and malformed files are rejected. The alert is committed."""
    secret = tmp_path / "shadow"
    secret.write_bytes(alert(666))
    ingest.spool.mkdir(0o700)
    (ingest.spool / "1-link").symlink_to(secret)
    os.link(secret, ingest.spool / "2-second-name")
    os.mkfifo(ingest.spool / "3-pipe")
    (ingest.spool / "4-large").write_bytes(b"x" * (2 << 20))
    (ingest.spool / "5-nonsense").write_bytes(b"\x00nonsense\xff" * 50)
    (ingest.spool / "6-empty").write_bytes(b"")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(ingest.spool / "7-socket"))
    (ingest.spool / "8-folder" / "within").mkdir(parents=True)
    (ingest.spool / "9-dangling").symlink_to("/nowhere/at/all")
    (ingest.spool / os.fsdecode(b"9a-\xff\n\x1b[31m")).write_bytes(b"{}")
    write_to_spool(str(ingest.spool), alert(1))
    with ingest.open(bytes=1 << 20) as source:
        wait_until(lambda: [each.name for each in ingest.spool.iterdir()] == ["8-folder"], "all but the folder")
        wait_until(lambda: "1 unusable files in the spool" in source.state()[0].detail, "the detail")
    assert ingest.rules() == ["r1"]
    assert secret.read_bytes() == alert(666)
    reasons = "\n".join(ingest.taken.rejected)
    for part in ("symbolic link", "hard link", "was a pipe", "more than 1048576 bytes", "was a socket", "neither JSON"):
        assert part in reasons
    assert max(len(each.raw) for batch in ingest.taken.batches for each in batch.rejected) <= 64 << 10


def test_odd_entries_hide_no_file_and_take_no_room(ingest: Ingest) -> None:
    """More folders and unfinished files than a batch holds, all with names that sort first."""
    ingest.spool.mkdir(0o700)
    for number in range(600):
        (ingest.spool / f"!{number}").mkdir()
        (ingest.spool / f".{number}").write_bytes(b"")
    write_to_spool(str(ingest.spool), alert(1), max_files=700)
    with ingest.open() as source:
        wait_until(lambda: ingest.rules() == ["r1"], "the alert")
        wait_until(lambda: "600 unusable files" in source.state()[0].detail, "the count")
    with pytest.raises(SpoolError, match=r"full \(600 files, 600 of them unfinished, 0 bytes\); remove the unfinished"):
        write_to_spool(str(ingest.spool), alert(1), max_files=600)
    with pytest.raises(SpoolError, match="holds 400 folders, links or other entries"):
        write_to_spool(_folders_only(ingest, 400), alert(1), max_files=100)


def _folders_only(ingest: Ingest, count: int) -> str:
    folder = ingest.spool.with_name("folders")
    for number in range(count):
        (folder / str(number)).mkdir(parents=True)
    return str(folder)


def test_more_odd_entries_than_are_listed_at_once_hide_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in a folder that does not change any more, as at a start."""
    monkeypatch.setattr(spool_module, "_MAX_LISTED", 3)
    folder, taken = tmp_path / "in.spool", Collector()
    spool = Spool(folder)
    for number in range(200):
        (folder / f"folder{number}").mkdir()
    write_to_spool(str(folder), alert(1))
    os.utime(folder, (1, 1))
    spool.take("s", taken)
    assert [each.rule for each in taken.alerts] == ["r1"]


def test_a_file_that_becomes_readable_is_read(tmp_path: Path) -> None:
    """A permission that is given later does not change the folder. The file is logged once."""
    folder, taken = tmp_path / "in.spool", Collector()
    spool = Spool(folder, retry_seconds=0)
    write_to_spool(str(folder), alert(1))
    (file,) = folder.iterdir()
    file.chmod(0)
    with ThreadPoolExecutor(1, initializer=obey_modes) as thread, capture_logs() as logs:
        unread = [thread.submit(spool._take_files, spool._names(), "s", taken) for _ in range(2)]
        assert [each.result() for each in unread] == [None, None]
        assert (spool.unusable, len(logs)) == (1, 1)
        file.chmod(0o640)
        os.utime(folder, (1, 1))
        thread.submit(spool.take, "s", taken).result()
    assert ([each.rule for each in taken.alerts], spool.unusable, list(folder.iterdir())) == (["r1"], 0, [])


@pytest.mark.parametrize("made_again", [False, True])
def test_a_folder_that_was_replaced_is_read(ingest: Ingest, made_again: bool) -> None:
    """By the bridge, which makes it again, or by a person. Its old descriptor would show an empty folder for ever."""
    with ingest.open():
        wait_until(ingest.spool.exists, "the spool")
        ingest.spool.rename(ingest.spool.with_name("moved"))
        if made_again:
            ingest.spool.mkdir(0o700)
        wait_until(ingest.spool.exists, "the new spool")
        write_to_spool(str(ingest.spool), alert(1))
        wait_until(lambda: ingest.rules() == ["r1"], "its file")


def test_an_unfinished_file_is_removed_once_it_is_old(ingest: Ingest) -> None:
    """Its ``send`` was killed and never acknowledged. A recent one is still being written."""
    ingest.spool.mkdir(0o700)
    (ingest.spool / ".young").write_bytes(alert(1))
    (ingest.spool / ".old").write_bytes(alert(2))
    os.utime(ingest.spool / ".old", (time.time() - 9000, time.time() - 9000))
    write_to_spool(str(ingest.spool), alert(3))
    with ingest.open():
        wait_until(lambda: [each.name for each in ingest.spool.iterdir()] == [".young"], "the young file alone")
    assert ingest.rules() == ["r3"]


def test_a_text_line_in_the_spool_has_the_date_of_its_file(ingest: Ingest) -> None:
    """Not that of the bridge's start."""
    ingest.spool.mkdir(0o700)
    write_to_spool(str(ingest.spool), http_bodies("cat_text")[0])
    (file,) = ingest.spool.iterdir()
    written = 1_700_000_000
    os.utime(file, (written, written))
    with ingest.open():
        wait_until(lambda: bool(ingest.taken.alerts), "the alert")
    assert 0 <= written - ingest.taken.alerts[0].time_ns / 1e9 < 86_400


def test_a_full_spool_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    """Both by the number of files and by their size."""
    spool = tmp_path / "s"
    spool.mkdir(0o700)
    write_to_spool(str(spool), alert(1), max_files=2)
    write_to_spool(str(spool), alert(2), max_files=2)
    with pytest.raises(SpoolError, match=r"is full \(2 files"):
        write_to_spool(str(spool), alert(3), max_files=2)
    with pytest.raises(SpoolError, match=r"is full .* start the bridge"):
        write_to_spool(str(spool), alert(3), max_spool_bytes=2 * len(alert(1)) + 10)
    assert len(list(spool.iterdir())) == 2


def test_an_unsafe_spool_is_an_error_for_the_source_and_the_client(tmp_path: Path) -> None:
    """Missing, a link, or writable by everyone."""
    with pytest.raises(SpoolError, match="the bridge creates it"):
        write_to_spool(str(tmp_path / "none"), b"x")
    real = tmp_path / "real"
    real.mkdir(0o700)
    link = tmp_path / "link"
    link.symlink_to(real)
    with pytest.raises(SpoolError, match="must be a folder"):
        write_to_spool(str(link), b"x")
    with pytest.raises(SetupError, match="name a folder"):
        SocketSource("s", tmp_path / "a.sock", link)
    real.chmod(0o777)
    with pytest.raises(SpoolError, match="chmod o-w"):
        write_to_spool(str(real), b"x")
    with pytest.raises(SetupError, match="chmod o-w"):
        SocketSource("s", tmp_path / "b.sock", real)


def test_a_sender_is_turned_away_where_no_thread_is_left(ingest: Ingest) -> None:
    """It uses the spool. The next one is served, and the source ends when it is stopped."""
    with ingest.open():
        with no_threads(), pytest.raises(UnreachedError):
            ingest.send(alert(1))
        assert ingest.send(alert(2)) == "200 1 accepted"
    assert ingest.rules() == ["r2"]
