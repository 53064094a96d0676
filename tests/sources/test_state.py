"""What a source says of itself is what happened to it."""

from __future__ import annotations

import os
from pathlib import Path

from bridge.alert.rejected import RejectedMessage
from bridge.simulate.server import StandInFalco
from bridge.sources.contract import Batch
from bridge.sources.files.source import FileSource
from bridge.sources.grpc.source import GrpcSource
from bridge.sources.http.source import Guard, HttpSource
from bridge.sources.state import StateTracker
from bridge.sources.stdin_source import StdinSource
from tests.sources.collector import running
from tests.support.recordings import NAMES, grpc_messages
from tests.support.waiting import wait_until

BODY = b'{"time":"2016-08-04T16:17:57.882054739Z","rule":"r","priority":"Warning","output":"o"}\n'


def test_a_failure_ends_the_connection_and_a_success_the_problem() -> None:
    """Connected since the first success after the last failure; failures are counted for good."""
    keeper = StateTracker("s", "unix:/f.sock")
    keeper.connected()
    since = keeper.now().connected_since_ns
    keeper.connected()
    assert since is not None
    assert keeper.now().connected_since_ns == since
    keeper.failed("no answer")
    assert (keeper.now().connected_since_ns, keeper.now().problem) == (None, "no answer")
    keeper.connected()
    assert (keeper.now().problem, keeper.now().failures) == ("", 1)


def test_only_what_was_committed_counts() -> None:
    """What ``accept`` raised for was not taken."""
    keeper = StateTracker("s")
    batch = Batch("s", 5, (), (RejectedMessage("no alert", b"x"),))

    def refuse(_batch: Batch) -> None:
        raise RuntimeError

    try:
        keeper.counting(refuse)(batch)
    except RuntimeError:
        assert keeper.now().rejected == 0
    keeper.counting(lambda _batch: None)(batch)
    assert (keeper.now().rejected, keeper.now().last_alert_ns) == (1, None)


def test_the_state_shows_a_falcos_alerts_and_its_end(tmp_path: Path) -> None:
    """Each Falco by its address."""
    address = f"unix:{tmp_path}/f.sock"
    source = GrpcSource("f", address)
    assert source.state()[0].connected_since_ns is None
    with running(source):
        with StandInFalco(address) as falco:
            falco.put(*grpc_messages(NAMES[0])[:5], b"\xff")
            wait_until(lambda: source.state()[0].rejected == 1, "all messages")
            state = source.state()[0]
            assert (state.source_name, state.peer, state.alerts, state.problem) == ("f", address, 5, "")
            assert state.connected_since_ns is not None
            assert state.last_alert_ns is not None
            assert state.alerts_per_second > 0
        wait_until(lambda: source.state()[0].problem, "the failure")
        assert source.state()[0].failures >= 1
        assert source.state()[0].connected_since_ns is None


def test_the_other_sources_tell_the_least(tmp_path: Path) -> None:
    """Since when they listen or follow, what they committed, and that standard input has ended."""
    (tmp_path / "a.jsonl").write_bytes(BODY)
    read, write = os.pipe()
    file, stdin = FileSource("f", str(tmp_path / "a.jsonl"), read_from="start"), StdinSource("s", read)
    http = HttpSource("h", "127.0.0.1", 0, Guard())
    with running(file), running(stdin), running(http):
        os.write(write, BODY)
        for source in (file, stdin):
            wait_until(lambda source=source: source.state()[0].alerts == 1, "the alert")
        wait_until(lambda: http.state()[0].connected_since_ns, "the listener")
        assert file.state()[0].detail == "1 file, 0 bytes behind"
        os.close(write)
        wait_until(lambda: stdin.state()[0].detail == "ended", "the end of the input")
        assert stdin.state()[0].connected_since_ns is None
    os.close(read)
