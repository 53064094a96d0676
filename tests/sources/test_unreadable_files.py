"""Files that exist and cannot be opened: what they hold is neither skipped nor read again when they can be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.sources.contract import Accept
from bridge.sources.files.schedule import FollowTimes, ScanSchedule
from bridge.sources.files.source import FileSource
from tests.sources.collector import Collector, running
from tests.sources.test_files import append, rules
from tests.support.limits import obey_modes
from tests.support.waiting import wait_until


class _Unprivileged(FileSource):
    def run(self, accept: Accept) -> None:
        obey_modes()
        super().run(accept)


def _follow(path: Path, checkpoint: dict[str, str] | None = None, read_from: str = "start") -> FileSource:
    start = "start" if read_from == "start" else "end"
    return _Unprivileged("file", str(path), checkpoint, start, schedule=ScanSchedule(FollowTimes(scan=0.1)))


def _refused(source: FileSource) -> bool:
    return "Permission denied" in source.state()[0].problem


@pytest.mark.parametrize("restarted", [False, True])
def test_a_file_that_could_not_be_read_at_the_first_start_is_read_from_its_old_end(
    restarted: bool, tmp_path: Path
) -> None:
    """With ``read_from: end``: a permission that is given later does not bring the alerts of years."""
    path = tmp_path / "falco.log"
    append(path, 1, 2)
    path.chmod(0)
    with running(source := _follow(path, read_from="end")) as taken:
        wait_until(lambda: _refused(source), "the problem")
        wait_until(lambda: len(taken.checkpoint) == 2, "the position")
        if not restarted:
            append(path, 3)
            path.chmod(0o600)
            wait_until(lambda: rules(taken) == ["r3"], "the new line")
            assert not source.state()[0].problem
    if restarted:
        append(path, 3)
        path.chmod(0o600)
        with running(_follow(path, taken.checkpoint, "end")) as again:
            wait_until(lambda: rules(again) == ["r3"], "the new line")


def test_the_position_of_a_file_that_cannot_be_read_after_a_restart_is_kept(tmp_path: Path) -> None:
    """Through several starts. It is not called missing."""
    path, other = tmp_path / "a.log", tmp_path / "b.log"
    append(path, 1)
    append(other, 2)
    with running(_follow(tmp_path / "*.log")) as first:
        wait_until(lambda: len(first.alerts) == 2, "both")
    path.chmod(0)
    append(path, 3)
    checkpoint = first.checkpoint
    for number in (4, 5):
        with capture_logs() as logs, running(_follow(tmp_path / "*.log", checkpoint), Collector(checkpoint)) as taken:
            append(other, number)
            wait_until(lambda: rules(taken) == [f"r{number}"], "the other file")  # noqa: B023  # called at once
        assert [each["event"] for each in logs] == ["file not readable"]
        checkpoint = taken.checkpoint
    path.chmod(0o600)
    with running(_follow(tmp_path / "*.log", checkpoint), Collector(checkpoint)) as last:
        wait_until(lambda: rules(last) == ["r3"], "the line written meanwhile")
        append(path, 6)
        wait_until(lambda: rules(last) == ["r3", "r6"], "a later one")
    assert len(last.checkpoint) == 3


def test_an_unreadable_file_that_was_replaced_is_read_from_its_start(tmp_path: Path) -> None:
    """Its inode is the same, its beginning is not."""
    path = tmp_path / "falco.log"
    append(path, 1)
    with running(_follow(path)) as first:
        wait_until(lambda: rules(first) == ["r1"], "the first line")
    path.write_bytes(b"")
    append(path, 2, 3)
    path.chmod(0)
    with running(source := _follow(path, first.checkpoint), Collector(first.checkpoint)) as second:
        wait_until(lambda: _refused(source), "the problem")
        path.chmod(0o600)
        wait_until(lambda: rules(second) == ["r2", "r3"], "both")


def test_the_position_of_an_unreadable_file_goes_with_the_file(tmp_path: Path) -> None:
    """So the checkpoint does not grow for ever."""
    path = tmp_path / "falco.log"
    append(path, 1)
    path.chmod(0)
    with capture_logs() as logs, running(source := _follow(path, read_from="end")) as taken:
        wait_until(lambda: len(taken.checkpoint) == 2, "the position")
        path.unlink()
        wait_until(lambda: len(taken.checkpoint) == 1, "its removal")
        assert not source.state()[0].problem
    assert [each["event"] for each in logs] == [
        "file not readable", "file missing or truncated since the last run; its last lines may be lost"
    ]  # fmt: skip


def test_a_name_that_is_not_utf8_is_shown_escaped(tmp_path: Path) -> None:
    """The status is JSON, and is read in terminals."""
    path = tmp_path / os.fsdecode(b"a\xff\n.log")
    append(path, 1)
    path.chmod(0)
    with running(source := _follow(tmp_path / "*.log")):
        wait_until(lambda: _refused(source), "the problem")
        assert rf"{tmp_path}/a\udcff\x0a.log" in source.state()[0].problem


def test_a_link_to_a_folder_that_is_not_mounted_is_reported(tmp_path: Path) -> None:
    """As in a container that has /var/log/containers and not /var/log/pods. Not if there are other files."""
    link = tmp_path / "falco.log"
    link.symlink_to(tmp_path / "pods" / "0.log")
    with capture_logs() as logs, running(source := _follow(tmp_path / "*.log")) as taken:
        wait_until(lambda: "the target of the link does not exist; mount" in source.state()[0].problem, "the problem")
        append(tmp_path / "other.log", 1)
        wait_until(lambda: rules(taken) == ["r1"], "the other file")
        wait_until(lambda: not source.state()[0].problem, "no problem")
    assert [each["event"] for each in logs] == ["file not readable"]
