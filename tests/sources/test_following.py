"""Files that are rotated, linked, truncated, deleted, created late, or many: every line is read once."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import threading
import time
from collections import Counter
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.common.files import file_watch
from bridge.common.files.file_watch import FileWatch, file_system
from bridge.common.files.inotify import Inotify
from bridge.sources.contract import Batch
from bridge.sources.files.pattern import folders_of
from bridge.sources.files.position import STARTED, Position, copy_of
from bridge.sources.files.schedule import FollowTimes
from bridge.sources.files.source import FileSource
from bridge.sources.files.tail import open_tail
from bridge.sources.line_reader import LineReader
from bridge.sources.lines import MAX_LINE_BYTES, LineSplitter
from bridge.sources.payload import Payload
from tests.sources.collector import Collector, running
from tests.sources.test_files import append, follow, line, rules
from tests.support.waiting import wait_until


def cri(content: bytes, mark: str = "F", stream: str = "stdout") -> bytes:
    return f"2026-01-01T00:00:00.1Z {stream} {mark} ".encode() + content + b"\n"


def test_lines_written_before_the_first_alert_survive_a_restart(tmp_path: Path) -> None:
    """The end of the file at the first start is committed at once, and so is the fact that there was no file."""
    path = tmp_path / "falco.log"
    append(path, 1)
    with running(follow(path, read_from="end")) as first:
        wait_until(lambda: first.checkpoint, "the position")
    append(path, 2)
    with running(follow(path, first.checkpoint, read_from="end")) as second:
        wait_until(lambda: rules(second) == ["r2"], "the second line")
    none = tmp_path / "later.log"
    with running(follow(none, read_from="end")) as third:
        wait_until(lambda: third.checkpoint, "the position")
    append(none, 3)
    with running(follow(none, third.checkpoint, read_from="end")) as fourth:
        wait_until(lambda: rules(fourth) == ["r3"], "the third line")


def test_links_are_followed_while_their_targets_are_rotated(tmp_path: Path) -> None:
    """As in /var/log/containers: the link stays, and the file behind it is renamed and created again."""
    pods, containers = tmp_path / "pods" / "falco", tmp_path / "containers"
    pods.mkdir(parents=True)
    containers.mkdir()
    (containers / "falco-abc_falco_falco-0123.log").symlink_to(pods / "0.log")
    pattern = containers / "falco-*_falco_falco-*.log"
    append(pods / "0.log", 1)
    with running(follow(pattern)) as first:
        wait_until(lambda: rules(first) == ["r1"], "the first")
        (pods / "0.log").rename(pods / "0.log.20260101")
        append(pods / "0.log.20260101", 2)
        append(pods / "0.log", 3)
        wait_until(lambda: sorted(rules(first)) == ["r1", "r2", "r3"], "both files")
    append(pods / "0.log", 4)
    (pods / "0.log").rename(pods / "0.log.20260102")
    append(pods / "0.log", 5)
    with running(follow(pattern, first.checkpoint)) as second:
        wait_until(lambda: sorted(rules(second)) == ["r4", "r5"], "the rest")


@pytest.mark.parametrize("restart", [False, True])
def test_a_containers_line_may_continue_in_the_next_file(restart: bool, tmp_path: Path) -> None:
    """The parts before and after the rotation are one alert, even with a restart in between."""
    path = tmp_path / "0.log"
    whole = line(2).strip()
    path.write_bytes(cri(line(1).strip()) + cri(whole[:20], "P"))
    with running(follow(path)) as first:
        wait_until(lambda: rules(first) == ["r1"], "the first")
        path.rename(tmp_path / "0.log.1")
        path.write_bytes(cri(b"chatter", stream="stderr"))
        checkpoint = first.checkpoint
        if not restart:
            with path.open("ab") as file:
                file.write(cri(whole[20:]) + cri(line(3).strip()))
            wait_until(lambda: rules(first) == ["r1", "r2", "r3"], "the second")
            checkpoint = first.checkpoint
    if restart:
        with path.open("ab") as file:
            file.write(cri(whole[20:]) + cri(line(3).strip()))
    with running(follow(path, checkpoint)) as second:
        append(tmp_path / "other", 0)
        with path.open("ab") as file:
            file.write(cri(line(4).strip()))
        wait_until(lambda: rules(second)[-1:] == ["r4"], "the last")
        assert rules(second) == (["r2", "r3", "r4"] if restart else ["r4"])
        assert first.rejected == second.rejected == []


def test_files_that_were_rotated_while_the_bridge_was_down_are_read(tmp_path: Path) -> None:
    """After several rotations: in order, and without the files that were read before."""
    path = tmp_path / "falco.log"
    append(tmp_path / "falco.log.9", 99)
    append(path, 1)
    with running(follow(path)) as first:
        wait_until(lambda: rules(first) == ["r1"], "the first")
    append(path, 2)
    for number in range(3):
        path.rename(tmp_path / f"falco.log.{number}")
        append(path, 3 + number)
    (tmp_path / "falco.log.5.gz").write_bytes(b"compressed")
    os.utime(tmp_path / "falco.log.9", ns=(0, 0))
    with running(follow(path, first.checkpoint), Collector(first.checkpoint)) as second:
        wait_until(lambda: rules(second) == ["r2", "r3", "r4", "r5"], "the rest, in order")
    with running(follow(path, second.checkpoint)) as third:
        append(path, 6)
        wait_until(lambda: rules(third) == ["r6"], "the last")


def test_new_folders_and_files_are_found(tmp_path: Path) -> None:
    """At any depth of the pattern, because the kernel reports them: the next regular scan is an hour away."""
    times = FollowTimes(scan=3600)
    with running(follow(tmp_path / "logs" / "falco_*" / "*" / "*.log", times=times)) as taken:
        wait_until(lambda: taken.checkpoint, "the start")
        for number in range(3):
            folder = tmp_path / "logs" / f"falco_{number}" / "falco"
            folder.mkdir(parents=True)
            append(folder / "0.log", number)
        wait_until(lambda: sorted(rules(taken)) == ["r0", "r1", "r2"], "all three")
        shutil.rmtree(tmp_path / "logs")
        folder = tmp_path / "logs" / "falco_9" / "falco"
        folder.mkdir(parents=True)
        append(folder / "0.log", 9)
        wait_until(lambda: rules(taken)[-1] == "r9", "the new one")
    assert folders_of(str(tmp_path / "no" / "such" / "*.log")) == [str(tmp_path)]


def test_a_truncated_file_that_grew_past_its_old_end_is_noticed(tmp_path: Path) -> None:
    """By its beginning."""
    path = tmp_path / "falco.log"
    append(path, 1, 2)
    source = follow(path)
    with capture_logs() as logs, running(source) as taken:
        wait_until(lambda: len(rules(taken)) == 2, "two lines")
        append(path, 33)
        with path.open("r+b") as file:
            file.truncate(0)
            file.write(line(4) + line(5) + line(6) + line(7))
        wait_until(lambda: rules(taken)[-4:] == ["r4", "r5", "r6", "r7"], "the new lines")
        assert "truncated 1 times" in source.state()[0].detail
    assert sum("truncated" in each["event"] for each in logs) == 1


def copytruncated(path: Path) -> None:
    """Copy and truncate a file as logrotate does."""
    shutil.copy(path, path.with_name(path.name + ".1"))
    os.truncate(path, 0)


def test_unread_lines_are_read_from_copytruncates_copy(tmp_path: Path) -> None:
    """Once, and before the lines that follow."""
    path = tmp_path / "falco.log"
    append(path, *range(20))
    taken = Collector()
    with running(source := follow(path), taken):
        wait_until(lambda: len(taken.alerts) == 20, "the first lines")
        taken.hold.clear()
        append(path, 20)
        wait_until(lambda: source.state()[0].detail.startswith("1 file, 0 bytes"), "the reader to wait for the commit")
        append(path, *range(21, 30))
        copytruncated(path)
        append(path, *range(30, 35))
        taken.hold.set()
        wait_until(lambda: rules(taken) == [f"r{number}" for number in range(35)], "all, in order")
    with running(follow(path, taken.checkpoint)) as again:
        append(path, 35)
        wait_until(lambda: rules(again) == ["r35"], "the next line alone")


@pytest.mark.parametrize("running_meanwhile", [True, False])
def test_lines_between_two_copytruncates_are_read(running_meanwhile: bool, tmp_path: Path) -> None:
    """The bridge was blocked, or down, during both: the second copy holds lines that it has never seen."""
    path = tmp_path / "falco.log"

    def rotated_twice() -> None:
        append(path, 20)
        copytruncated(path)
        append(path, *range(21, 30))
        path.with_name("falco.log.1").rename(tmp_path / "falco.log.2")
        copytruncated(path)
        append(path, *range(30, 35))

    append(path, *range(20))
    taken = Collector()
    with running(follow(path), taken):
        wait_until(lambda: len(taken.alerts) == 20, "the first lines")
        if running_meanwhile:
            held = threading.Event()
            taken.before = lambda _batch: held.set()
            taken.hold.clear()
            append(path, 19)
            assert held.wait(60)
            rotated_twice()
            taken.hold.set()
            wait_until(lambda: rules(taken)[-1] == "r34", "the last")
    if not running_meanwhile:
        rotated_twice()
        with running(follow(path, taken.checkpoint), taken):
            wait_until(lambda: rules(taken)[-1] == "r34", "the last")
    assert list(dict.fromkeys(rules(taken))) == [f"r{number}" for number in range(35)]


def test_lines_that_copytruncate_removed_while_the_bridge_was_down_are_read_from_the_copy(tmp_path: Path) -> None:
    """Without a copy, a warning says that lines may be lost."""
    path = tmp_path / "falco.log"
    append(path, *range(20))
    with running(follow(path)) as first:
        wait_until(lambda: len(first.alerts) == 20, "the first lines")
    append(path, 20, 21)
    copytruncated(path)
    append(path, 22)
    with capture_logs() as logs, running(follow(path, first.checkpoint), Collector(first.checkpoint)) as second:
        wait_until(lambda: rules(second) == ["r20", "r21", "r22"], "the rest, in order")
    assert not [each for each in logs if "may be lost" in each["event"]]
    (tmp_path / "falco.log.1").unlink()
    append(path, *range(23, 50))
    os.truncate(path, 0)
    append(path, 50)
    with capture_logs() as logs, running(follow(path, second.checkpoint)) as third:
        wait_until(lambda: rules(third) == ["r50"], "what is there")
    assert [each for each in logs if "may be lost" in each["event"]]


def test_files_written_after_a_deleted_one_are_read(tmp_path: Path) -> None:
    """The known file was rotated away and deleted while the bridge was down; a later one still exists."""
    path = tmp_path / "falco.log"
    append(path, 1)
    with running(follow(path)) as first:
        wait_until(lambda: rules(first) == ["r1"], "the first")
    path.rename(tmp_path / "falco.log.2")
    append(path, 2)
    path.rename(tmp_path / "falco.log.1")
    append(path, 3)
    (tmp_path / "falco.log.2").unlink()
    with capture_logs() as logs, running(follow(path, first.checkpoint), Collector(first.checkpoint)) as second:
        wait_until(lambda: rules(second) == ["r2", "r3"], "the later files, in order")
    assert [each for each in logs if "may be lost" in each["event"]]
    with running(follow(path, second.checkpoint)) as third:
        append(path, 4)
        wait_until(lambda: rules(third) == ["r4"], "the last")


def test_the_copy_of_a_file_that_was_found_but_not_read_is_recognized(tmp_path: Path) -> None:
    """Its beginning is stored when it is found, however short it is."""
    path = tmp_path / "falco.log"
    for lines in ([1], range(1, 20)):
        path.write_bytes(b"")
        append(path, *lines)
        tail = open_tail(str(path), str(path), 0)
        assert tail is not None
        shutil.copy(path, tmp_path / "falco.log.1")
        path.write_bytes(line(20) * 40)
        assert tail.was_truncated()
        assert copy_of(tail.known_position()) == f"{path}.1"
        os.close(tail.descriptor)


def test_a_checkpoint_of_an_older_version_is_read(tmp_path: Path) -> None:
    """It has neither the time of the last write nor the length of the beginning."""
    path = tmp_path / "falco.log"
    append(path, *range(20))
    with running(follow(path)) as first:
        wait_until(lambda: len(first.alerts) == 20, "the first lines")
    older = {part: json.dumps(json.loads(text)[:6]) if text else "" for part, text in first.checkpoint.items()}
    path.rename(tmp_path / "falco.log.1")
    append(path, 20)
    with running(follow(path, older)) as second:
        wait_until(lambda: rules(second) == ["r20"], "the new line")


@pytest.mark.parametrize("number", ["device", "inode"])
def test_a_file_with_another_number_continues_where_it_was(number: str, tmp_path: Path) -> None:
    """A start of the machine may number its devices differently, and a copy on another disk has another inode."""
    path = tmp_path / "falco.log"
    append(path, *range(1, 9))
    with running(follow(path)) as first:
        wait_until(lambda: len(first.alerts) == 8, "the lines")
    place = ["path", "device", "inode"].index(number)
    position = json.loads(first.checkpoint["1"])
    position[place] += 1
    append(path, 9)
    with running(follow(path, first.checkpoint | {"1": json.dumps(position)})) as second:
        wait_until(lambda: rules(second) == ["r9"], "the line written meanwhile")


def test_a_position_describes_the_content_that_was_read(tmp_path: Path) -> None:
    """Not the content after copytruncate, by which the copy could not be found."""
    path = tmp_path / "falco.log"
    append(path, *range(20))
    tail = open_tail(str(path), str(path), 0)
    assert tail is not None
    tail.take(1, Payload())
    copytruncated(path)
    position = Position(*json.loads(tail.position()))
    os.close(tail.descriptor)
    assert copy_of(position) == f"{path}.1"


def test_a_short_read_is_not_the_end_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network file system: the rest would wait for the next line, and the file would seem truncated."""
    path = tmp_path / "falco.log"
    append(path, *range(20))
    read, sizes = os.pread, cycle([100, 7, 33])
    monkeypatch.setattr(os, "pread", lambda descriptor, size, offset: read(descriptor, min(size, next(sizes)), offset))
    tail = open_tail(str(path), str(path), 0)
    assert tail is not None
    payload = Payload()
    assert not tail.was_truncated()
    assert tail.take(1, payload) == path.stat().st_size
    assert len(payload.alerts) == 20
    assert not tail.was_truncated()
    os.close(tail.descriptor)


def test_the_hole_that_copytruncate_leaves_is_skipped(tmp_path: Path) -> None:
    """It is left if the writer does not append. A hole of a gigabyte costs nothing."""
    path = tmp_path / "falco.log"
    append(path, 1)
    with running(follow(path)) as taken:
        wait_until(lambda: rules(taken) == ["r1"], "the first")
        os.truncate(path, 0)
        with path.open("r+b") as file:
            file.seek(1 << 30)
            file.write(line(2))
        wait_until(lambda: rules(taken) == ["r1", "r2"], "the second")
    with running(follow(path, taken.checkpoint)) as again:
        append(path, 3)
        wait_until(lambda: rules(again) == ["r3"], "the third")


def test_a_deleted_file_is_read_to_its_end_and_closed(tmp_path: Path) -> None:
    """Including a last line without a line break. Nothing of it stays open, or in the checkpoint."""
    path = tmp_path / "falco.log"
    source = follow(path, times=FollowTimes(deleted=0.1, scan=0.1))
    append(path, 1)
    with running(source) as taken:
        wait_until(lambda: rules(taken) == ["r1"], "the first")
        with path.open("ab") as file:
            file.write(line(2) + line(3).strip())
            path.unlink()
        wait_until(lambda: rules(taken) == ["r1", "r2", "r3"], "the rest")
        wait_until(lambda: taken.checkpoint == {STARTED: ""}, "the end of it")
        assert source.state()[0].detail == "0 files, 0 bytes behind"


def test_a_renamed_file_is_followed_until_it_has_a_successor(tmp_path: Path) -> None:
    """Falco writes to it until it reopens its log."""
    path, renamed = tmp_path / "falco.log", tmp_path / "falco.log.1"
    append(path, 1)
    with running(source := follow(path, times=FollowTimes(renamed=0.0, scan=0.05))) as taken:
        wait_until(lambda: rules(taken) == ["r1"], "the first")
        path.rename(renamed)
        scan = source.schedule.next_scan
        wait_until(lambda: source.schedule.next_scan > scan + 0.2, "some scans")
        append(renamed, 2)
        wait_until(lambda: rules(taken) == ["r1", "r2"], "the second")
        append(path, 3)
        wait_until(lambda: rules(taken) == ["r1", "r2", "r3"], "the third")
        wait_until(lambda: "".join(taken.checkpoint.values()).count("falco.log") == 2, "one file")


def test_files_are_polled_if_the_kernel_gives_no_watches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For lack of instances or watches, or on a network file system. It is logged once, and nothing is missed."""

    def exhausted(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    for number, patch in enumerate(
        (
            lambda: monkeypatch.setattr(file_watch, "Inotify", exhausted),
            lambda: monkeypatch.setattr(Inotify, "add", exhausted),
            lambda: monkeypatch.setattr(file_watch, "file_system", lambda _: "nfs4"),
        )
    ):
        patch()
        path = tmp_path / str(number) / "falco.log"
        path.parent.mkdir()
        append(path, 1)
        with capture_logs() as logs, running(follow(path, times=FollowTimes(scan=3600))) as taken:
            wait_until(lambda taken=taken: rules(taken) == ["r1"], "the first")
            path.rename(path.with_name("falco.log.1"))
            append(path, 2)
            wait_until(lambda taken=taken: rules(taken) == ["r1", "r2"], "the second")
            append(path, 3)
            wait_until(lambda taken=taken: rules(taken)[-1] == "r3", "the third")
        assert sum("instead of watched" in each["event"] for each in logs) == 1
        monkeypatch.undo()
    assert file_system(Path("/proc").stat().st_dev) == "proc"
    assert file_system(0xFFFFF) == ""


def test_all_files_are_scanned_after_the_kernels_queue_overflowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next regular scan is an hour away."""
    path = tmp_path / "falco.log"
    append(path, 1)
    overflow = file_watch.Changes(anything=True)
    with running(source := follow(path, times=FollowTimes(scan=3600))) as taken:
        wait_until(lambda: rules(taken) == ["r1"], "the first")
        monkeypatch.setattr(FileWatch, "wait", lambda *_: overflow)
        append(path, 2)
        source._wake()
        wait_until(lambda: rules(taken) == ["r1", "r2"], "the second")


def test_a_file_that_cannot_be_read_is_logged_once(tmp_path: Path) -> None:
    """A pipe does not block the source, and the other files are read."""
    os.mkfifo(tmp_path / "a.log")
    (tmp_path / "b.log").symlink_to(tmp_path / "b.log")
    append(tmp_path / "c.log", 1)
    with capture_logs() as logs, running(follow(tmp_path / "*.log")) as taken:
        wait_until(lambda: rules(taken) == ["r1"], "the regular file")
        append(tmp_path / "d.log", 2)
        wait_until(lambda: rules(taken) == ["r1", "r2"], "the later one")
    assert sum(each["event"] == "file not readable" for each in logs) == 1


def test_a_busy_file_does_not_starve_the_others(tmp_path: Path) -> None:
    """A line in a quiet file is read after one piece of the busy file."""
    busy, quiet = tmp_path / "a.log", tmp_path / "b.log"
    append(busy, *range(100_000))
    append(quiet, 999_999)
    with running(follow(tmp_path / "*.log")) as taken:
        wait_until(lambda: "r999999" in set(rules(taken)), "the quiet one")
        wait_until(lambda: len(rules(taken)) == 100_001, "the busy one")
    assert rules(taken).index("r999999") < 10_000


def test_a_stop_reads_what_the_files_hold_and_not_what_is_written_meanwhile(tmp_path: Path) -> None:
    """A constant writer does not delay a stop. The rest is read at the next start."""
    path = tmp_path / "falco.log"
    append(path, *range(20_000))
    source, taken = follow(path), Collector()

    def keep_writing(_: Batch) -> None:
        if len(taken.batches) == 1:
            source.stop()
        append(path, *range(20_000, 22_000))

    taken.before = keep_writing
    with running(source, taken):
        wait_until(lambda: source._watch is None and taken.batches, "the end")
    assert 20_000 <= len(taken.alerts) < 30_000
    taken.before = lambda _: None
    with running(follow(path, taken.checkpoint)) as rest:
        append(path, 999_999)
        wait_until(lambda: rules(rest)[-1:] == ["r999999"], "the rest")
    counted = Counter(rules(taken)) + Counter(rules(rest))
    assert all(counted[f"r{number}"] == 1 for number in range(20_000))


def test_a_watch_is_not_closed_while_it_is_woken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its descriptor could belong to another file by then, which would be written to."""
    path, closed, early = tmp_path / "falco.log", threading.Event(), list[bool]()
    append(path, 1)
    close = FileWatch.close

    def wake(_watch: FileWatch) -> None:
        append(path, 2)  # wakes the source, which sees that it must stop
        early.append(closed.wait(0.5))

    def note_and_close(watch: FileWatch) -> None:
        closed.set()
        close(watch)

    monkeypatch.setattr(FileWatch, "wake", wake)
    monkeypatch.setattr(FileWatch, "close", note_and_close)
    with running(follow(path)) as taken:
        wait_until(lambda: rules(taken) == ["r1"], "the first line")
    assert (early, rules(taken)) == ([False], ["r1", "r2"])


def test_a_fault_while_committing_repeats_and_loses_nothing(tmp_path: Path) -> None:
    """The source is restarted and continues from the committed position."""
    path = tmp_path / "falco.log"
    append(path, *range(20_000))
    source, taken = follow(path), Collector()

    def fail_once(_: Batch) -> None:
        if len(taken.batches) == 2:
            taken.before = lambda _: None
            raise ZeroDivisionError

    taken.before = fail_once
    with pytest.raises(ZeroDivisionError):
        source.run(taken)
    with running(source, taken):
        wait_until(lambda: len(rules(taken)) >= 20_000, "all lines")
    assert Counter(rules(taken)) == Counter(f"r{number}" for number in range(20_000))


def test_thousands_of_files_are_followed_and_cost_nothing_while_idle(tmp_path: Path, full: bool) -> None:
    """Afterwards the thread sleeps."""
    times = FollowTimes(scan=1.0, share=20)  # on a loaded machine a scan takes long, and delays the next
    count = 5000 if full else 400
    for number in range(count):
        append(tmp_path / f"{number}.log", number)
    with running(source := follow(tmp_path / "*.log", times=times)) as taken:
        wait_until(lambda: len(rules(taken)) == count, "the first lines")
        assert source.state()[0].detail == f"{count} files, 0 bytes behind"
        for number in range(0, count, 7):
            append(tmp_path / f"{number}.log", count + number)
        wait_until(lambda: len(rules(taken)) == count + len(range(0, count, 7)), "the second lines")
        batches = len(taken.batches)
        before, scan = time.process_time(), source.schedule.next_scan
        wait_until(lambda: source.schedule.next_scan > scan, "the next scan")
        assert time.process_time() - before < 2.0  # CPU time, not wall time
        assert len(taken.batches) == batches


def test_a_line_that_is_too_long_is_rejected_and_the_next_is_read(tmp_path: Path) -> None:
    """Only its beginning is stored."""
    path = tmp_path / "falco.log"
    with path.open("wb") as file:
        file.write(line(1) + b'{"rule": "' + b"x" * (MAX_LINE_BYTES + 1) + b"\n" + line(2))
    with running(follow(path)) as taken:
        wait_until(lambda: rules(taken) == ["r1", "r2"], "both")
    assert taken.rejected == ["is longer than 8 MiB"]


TEXT = b"10:00:00.00000000%d: Warning shell (user=root command=sh -c %s)"


def test_a_line_break_in_a_value_does_not_end_a_text_alert(tmp_path: Path) -> None:
    """The next lines belong to it, unless they begin like an alert or like Falco's summary."""
    path = tmp_path / "falco.log"
    broken = TEXT % (1, b"echo a\n\n b")
    path.write_bytes(
        broken + b"\n" + TEXT % (2, b"x") + b"\n" + line(3) + TEXT % (4, b"y") + b"\nEvents detected: 4\nz\n"
    )
    with running(follow(path)) as taken:
        wait_until(lambda: len(taken.alerts) == 4, "all four")
        assert taken.alerts[0].output == broken.decode()
        assert taken.alerts[3].output == (TEXT % (4, b"y")).decode()
        with path.open("ab") as file:
            file.write(TEXT % (5, b"q\nr") + b"\n")
        wait_until(lambda: len(taken.alerts) == 5, "the fifth")
        assert taken.alerts[4].output.endswith("q\nr)")
    with running(follow(path, taken.checkpoint)) as again:
        append(path, 6)
        wait_until(lambda: rules(again) == ["r6"], "the sixth")


@given(st.lists(st.sampled_from([cri(b'{"rule": "a"', "P"), cri(b"}"), cri(b'{"rule": "b"}'), cri(b"x", "P", "stderr"),
                                 line(1), b"\n", b"{\n", TEXT % (1, b"z") + b"\n", b"more\n", b"\xff\xfe\n", b'{"log":"{',
                                 json.dumps({"log": "{}\n", "stream": "stdout"}).encode() + b"\n"]), max_size=30),
       st.integers(1, 40))  # fmt: skip
def test_any_lines_in_any_pieces_bring_the_same(lines: list[bytes], size: int) -> None:
    """Nothing is raised, and a complete JSON line is never lost."""

    def read(pieces: list[bytes]) -> Payload:
        splitter, reader, payload = LineSplitter(), LineReader(), Payload()
        for piece in pieces:
            for each in splitter.feed(piece):
                reader.take(each, 0, payload)
        reader.flush(0, payload)
        return payload

    data = b"".join(lines)
    whole = read([data])
    assert read([data[at : at + size] for at in range(0, len(data), size)]) == whole
    assert sum(alert.rule == "r1" for alert in whole.alerts) == data.split(b"\n").count(line(1).strip())


def test_a_pattern_that_matches_no_file_is_logged(tmp_path: Path) -> None:
    """Once, so that a typo is found at the first start."""
    with capture_logs() as logs, running(FileSource("file", str(tmp_path / "*.lgo"))) as taken:
        wait_until(lambda: taken.checkpoint, "the start")
    assert [each["pattern"] for each in logs if each["event"] == "no file matches yet"] == [str(tmp_path / "*.lgo")]


def test_too_many_open_files_have_their_own_remedy(tmp_path: Path) -> None:
    """It differs from that for a file without permission."""
    (tmp_path / "a.log").write_text("")
    made = FileSource("f", str(tmp_path / "*.log"), None, "start")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with (tmp_path / "a.log").open() as lowest:
        free = lowest.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        with capture_logs() as logs:
            made._files._try_open(str(tmp_path / "a.log"), str(tmp_path / "a.log"), 0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "LimitNOFILE" in logs[0]["remedy"]


def test_a_commit_holds_only_the_positions_of_the_files_that_were_read(tmp_path: Path) -> None:
    """So its cost depends on what was written, not on the number of files."""
    for number in range(20):
        append(tmp_path / f"{number:02}.log", number)
    with running(follow(tmp_path / "*.log")) as first:
        wait_until(lambda: len(first.alerts) == 20, "the first lines")
    known = first.checkpoint
    with running(follow(tmp_path / "*.log", known)) as second:
        append(tmp_path / "07.log", 107)
        wait_until(lambda: rules(second) == ["r107"], "the new line")
    assert {part for batch in second.batches for part in batch.checkpoint} == {"8"}
    assert len(known) == 21


def test_the_positions_of_deleted_files_are_removed_at_the_next_start(tmp_path: Path) -> None:
    """So the checkpoint does not grow for ever."""
    path, other = tmp_path / "a.log", tmp_path / "b.log"
    append(path, 1)
    append(other, 2)
    with running(follow(tmp_path / "*.log")) as first:
        wait_until(lambda: len(first.alerts) == 2, "both")
    path.unlink()
    with running(follow(tmp_path / "*.log", first.checkpoint), Collector(first.checkpoint)) as second:
        append(other, 3)
        wait_until(lambda: rules(second) == ["r3"], "the new line")
    assert [json.loads(each)[0] for each in second.checkpoint.values() if each] == [str(other)]
