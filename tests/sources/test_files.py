"""Files and standard input: every line is read once, through renames, restarts and container formats."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.alert import Alert
from bridge.alert.forms.json_form import decode_json
from bridge.alert.forms.text_form import decode_text
from bridge.sources.files.position import STARTED
from bridge.sources.files.schedule import DEFAULT_TIMES, FollowTimes, ScanSchedule
from bridge.sources.files.source import FileSource
from bridge.sources.lines import MAX_LINE_BYTES, LineSplitter
from bridge.sources.stdin_source import StdinSource
from tests.sources.collector import Collector, running
from tests.support.recordings import NAMES, RECORDS
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
INPUTS = ROOT / "tests" / "data" / "inputs"


def line(number: int) -> bytes:
    return json.dumps({"rule": f"r{number}", "time": "2026-01-01T00:00:00Z"}).encode() + b"\n"


def rules(taken: Collector) -> list[str]:
    return [alert.rule for alert in taken.alerts]


def append(path: Path, *numbers: int) -> None:
    with path.open("ab") as file:
        file.write(b"".join(line(number) for number in numbers))


def follow(
    path: Path,
    checkpoint: Mapping[str, str] | None = None,
    read_from: str = "start",
    times: FollowTimes = DEFAULT_TIMES,
) -> FileSource:
    start = "start" if read_from == "start" else "end"
    return FileSource("file", str(path), checkpoint, start, schedule=ScanSchedule(times))


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    """From the start or from the end of the file. Half a line waits for its end."""
    path = tmp_path / "falco.log"
    append(path, 1)
    late = follow(path, read_from="end")
    with running(follow(path)) as from_start, running(late) as from_end:
        wait_until(lambda: rules(from_start) == ["r1"], "the first line")
        wait_until(lambda: late.state()[0].detail.startswith("1 file"), "the file to be opened at its end")
        with path.open("ab") as file:
            file.write(line(2)[:10])
            file.flush()
            append(tmp_path / "other", 9)
            file.write(line(2)[10:])
        wait_until(lambda: rules(from_start) == ["r1", "r2"], "the second line")
        wait_until(lambda: rules(from_end) == ["r2"], "the second line")


def test_a_rotated_file_is_read_to_its_end_and_the_new_one_from_its_start(tmp_path: Path) -> None:
    """The writer continues in the renamed file for a while."""
    path = tmp_path / "falco.log"
    append(path, 1)
    with running(follow(path)) as taken:
        wait_until(lambda: rules(taken) == ["r1"], "the first line")
        path.rename(tmp_path / "falco.log.1")
        append(tmp_path / "falco.log.1", 2)
        append(path, 3)
        append(tmp_path / "falco.log.1", 4)
        wait_until(lambda: sorted(rules(taken)) == ["r1", "r2", "r3", "r4"], "all four")


def test_a_restart_repeats_and_skips_nothing(tmp_path: Path) -> None:
    """Even if the file was rotated meanwhile."""
    path = tmp_path / "falco.log"
    append(path, 1, 2)
    with running(follow(path)) as first:
        wait_until(lambda: rules(first) == ["r1", "r2"], "two lines")
    append(path, 3)
    path.rename(tmp_path / "falco.log.1")
    append(path, 4)
    with running(follow(path, first.checkpoint)) as second:
        wait_until(lambda: sorted(rules(second)) == ["r3", "r4"], "the other two")
    with running(follow(path, second.checkpoint)) as third:
        append(path, 5)
        wait_until(lambda: rules(third) == ["r5"], "the fifth")


def test_a_new_file_with_a_reused_inode_is_read_from_its_start(tmp_path: Path) -> None:
    """It is recognized by its beginning."""
    path = tmp_path / "falco.log"
    append(path, 1, 2)
    with running(follow(path)) as first:
        wait_until(lambda: rules(first) == ["r1", "r2"], "two lines")
    data = line(3) + line(4) + line(5)
    with path.open("r+b") as file:  # the same inode, other content, no shorter
        file.write(data)
    with running(follow(path, first.checkpoint)) as second:
        wait_until(lambda: rules(second) == ["r3", "r4", "r5"], "the new lines")


def test_copytruncate_is_followed_and_logged(tmp_path: Path) -> None:
    """The new lines are read."""
    path = tmp_path / "falco.log"
    append(path, 1, 2, 3)
    with capture_logs() as logs, running(follow(path)) as taken:
        wait_until(lambda: len(rules(taken)) == 3, "three lines")
        os.truncate(path, 0)
        wait_until(lambda: any("truncated" in each["event"] for each in logs), "the warning")
        append(path, 4)
        wait_until(lambda: rules(taken)[-1] == "r4", "the next line")


def test_container_logs_are_unwrapped(tmp_path: Path) -> None:
    """CRI with partial lines, Docker's JSON, Falco's log lines. A restart within a partial line reads it again."""
    whole = line(1).strip()
    cri = [
        b"2026-01-01T00:00:00.1Z stderr F Falco version: 0.43.1",
        b"2026-01-01T00:00:00.2Z stdout P " + whole[:20],
        b"2026-01-01T00:00:00.2Z stderr F Opening source",
        b"2026-01-01T00:00:00.3Z stdout F " + whole[20:],
        json.dumps({"log": line(2).decode(), "stream": "stdout", "time": "x"}).encode(),
        b"2026-01-01T00:00:00.4Z stdout P " + line(3)[:10],
    ]
    path = tmp_path / "falco-abc_falco_falco-0123.log"
    path.write_bytes(b"\n".join(cri) + b"\n")
    with running(follow(tmp_path / "falco-*_falco_falco-*.log")) as first:
        wait_until(lambda: rules(first) == ["r1", "r2"], "both")
        assert first.rejected == []
    with path.open("ab") as file:
        file.write(b"2026-01-01T00:00:00.5Z stdout F " + line(3)[10:])
    with running(follow(tmp_path / "falco-*_falco_falco-*.log", first.checkpoint)) as second:
        wait_until(lambda: rules(second) == ["r3"], "the third")


def test_the_documented_pattern_names_falcos_containers_only(tmp_path: Path) -> None:
    """Not a pod of the same name in another namespace, which could forge alerts, and not the other containers."""
    names = re.findall(r"- file: /var/log/containers/(\S+)", (ROOT / "docs" / "sources.md").read_text(encoding="utf-8"))
    assert set(names) == {"falco-*_falco_falco-*.log"}
    for number, name in enumerate((
        "falco-x7k2p_default_app-0123.log", "falco-x7k2p_falco_falcoctl-artifact-follow-0123.log",
        "falco-falcosidekick-7d_falco_falcosidekick-0123.log", "falco-x7k2p_falco_falco-0123.log",
    )):  # fmt: skip
        append(tmp_path / name, number)
    with running(follow(tmp_path / names[0])) as taken:
        wait_until(lambda: "r3" in rules(taken), "Falco's container")
        wait_until(lambda: taken.checkpoint, "the position")
    assert rules(taken) == ["r3"]


def test_a_last_part_without_an_end_is_read_when_its_file_is_closed(tmp_path: Path) -> None:
    """The container was killed while it wrote the line, and its log was deleted later."""
    path = tmp_path / "0.log"
    path.write_bytes((INPUTS / "files" / "cri.log").read_bytes())
    with running(follow(path, times=FollowTimes(deleted=0.1, scan=0.1))) as taken:
        wait_until(lambda: len(taken.alerts) == 3, "the complete lines")
        path.unlink()
        wait_until(lambda: rules(taken)[-1] == "CRI no F", "the last part")
        wait_until(lambda: taken.checkpoint == {STARTED: ""}, "the end of the file")


@pytest.mark.parametrize("alert_first", [False, True])
def test_lines_without_an_alert_are_counted_and_logged_once(alert_first: bool, tmp_path: Path) -> None:
    """Falco's own log lines are not counted."""
    path = tmp_path / "x.log"
    path.write_bytes(
        (line(1) if alert_first else b"")
        + b"Fri May 17 08:16:53 2024: Falco version: 0.37.1\n" * 30
        + b"GET / HTTP/1.1\n" * 25
        + line(2)
    )
    with capture_logs() as logs, running(source := follow(path)) as taken:
        wait_until(lambda: rules(taken)[-1:] == ["r2"], "the alert")
        assert "25 lines without an alert" in source.state()[0].detail
    assert not [each for each in logs if each["event"] == "no alert in lines"]
    other = tmp_path / "other.log"
    other.write_bytes(b"GET / HTTP/1.1\n" * 25)
    with capture_logs() as logs, running(source := follow(other)):
        wait_until(lambda: "25 lines without" in source.state()[0].detail, "the lines")
        with other.open("ab") as file:
            file.write(b"GET / HTTP/1.1\n" * 25)
        wait_until(lambda: "50 lines without" in source.state()[0].detail, "more lines")
    assert [(each["lines"], each["source"]) for each in logs if each["event"] == "no alert in lines"] == [(25, "file")]


def test_a_malformed_line_is_rejected_and_its_neighbours_are_read(tmp_path: Path) -> None:
    """The source does not stop at it."""
    path = tmp_path / "falco.log"
    path.write_bytes(line(1) + b'{"rule": \n' + line(2))
    with running(follow(path)) as taken:
        wait_until(lambda: rules(taken) == ["r1", "r2"], "both")
        assert len(taken.rejected) == 1


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_output_is_read_from_a_file(name: str, tmp_path: Path) -> None:
    """The standard output of a real Falco, JSON or text, with its log lines."""
    path = RECORDS / f"{name}.stdout.txt"
    expected = [each for each in path.read_bytes().split(b"\n") if each.startswith(b"{")]
    with running(follow(path)) as taken:
        wait_until(lambda: len(taken.alerts) >= max(len(expected), 1), "every alert")
        if expected:
            found = {alert.id for alert in taken.alerts}
            assert {each.id for each in map(json_alert, expected)} <= found


def json_alert(body: bytes) -> Alert:
    found = decode_json(body, 0)
    assert isinstance(found, Alert)
    return found


def test_standard_input_is_read_to_its_end() -> None:
    """Including a last line without a line break. Then the source ends."""
    read, write = os.pipe()
    taken = Collector()
    thread = threading.Thread(target=StdinSource("stdin", read).run, args=(taken,), daemon=True)
    thread.start()
    os.write(write, b"Falco version 0.43\n" + line(1) + line(2)[:5])
    wait_until(lambda: rules(taken) == ["r1"], "the first line")
    os.write(write, line(2)[5:] + line(3).strip())
    os.close(write)
    thread.join(60)
    os.close(read)
    assert rules(taken) == ["r1", "r2", "r3"]


NOON = 1_767_614_400_000_000_000


def test_text_lines_are_decoded_as_far_as_they_go() -> None:
    """Time of day, priority and output. The day is inferred; other fields stay empty."""
    alert = decode_text(b"11:59:59.000000001: Warning A shell (user=root command=sh -c x)", NOON)
    assert isinstance(alert, Alert)
    assert (alert.time_ns, alert.priority.word, alert.rule) == (NOON - 999_999_999, "warning", "")
    yesterday = decode_text(b"23:00:00.000000000: Notice x (a=b)", NOON)
    assert isinstance(yesterday, Alert)
    assert yesterday.time_ns == NOON - 13 * 3600 * 10**9
    full = decode_text(b"2026-01-05T12:00:00.000000005+0000: Error x", NOON)
    assert isinstance(full, Alert)
    assert full.time_ns == NOON + 5
    assert not isinstance(decode_text(b"Falco initialized", NOON), Alert)


@given(st.binary(max_size=300))
def test_text_of_any_kind_never_raises(data: bytes) -> None:
    """The result is an alert or a reason."""
    decode_text(data, NOON)


@given(st.lists(st.binary(max_size=20), max_size=30), st.integers(1, 7))
def test_lines_are_the_same_however_they_are_cut(pieces: list[bytes], size: int) -> None:
    """Every byte is counted."""
    data = b"\n".join(pieces)
    splitter, found, counted = LineSplitter(), [], 0
    for start in range(0, len(data), size):
        for each in splitter.feed(data[start : start + size]):
            found.append(each.content)
            counted += each.size
    for each in splitter.end():
        found.append(each.content)
        counted += each.size
    assert counted == len(data)
    *whole, last = data.split(b"\n")
    assert found == [*whole, *([last] if last else [])]


def test_a_line_without_an_end_is_bounded() -> None:
    """Its beginning and its length are returned, and the next line is complete."""
    splitter = LineSplitter()
    for _ in range(20):
        assert list(splitter.feed(b"x" * (1 << 20))) == []
    (long, good) = splitter.feed(b"\ngood\n")
    assert (long.too_long, long.size, len(long.content) < MAX_LINE_BYTES) == (True, (20 << 20) + 1, True)
    assert good.content == b"good"
