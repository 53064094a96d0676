"""Another client that reads the same Falco is detected, without false alarms."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from structlog.testing import capture_logs

from bridge.alert import Alert, Priority, make_alert
from bridge.alert.forms.grpc_form import decode_grpc
from bridge.alert.internal import SNAPSHOT_RULE
from bridge.simulate.server import StandInFalco
from bridge.sources.grpc.competing_client import GapDetector, connections
from bridge.sources.grpc.source import GrpcSource
from tests.sources.collector import running
from tests.support.recordings import grpc_messages
from tests.support.waiting import wait_until

READER = """
import sys, threading
from bridge.sources.grpc.source import GrpcSource
GrpcSource("other", sys.argv[1]).run(lambda batch: None)
"""


def alerts(count: int) -> list[Alert]:
    return [_alert("a rule", "syscall", {}) for _ in range(count)]


def snapshot(matches: int | str, start: str = "1", drops: int = 0) -> list[Alert]:
    fields = {
        "falco.rules.matches_total": str(matches),
        "falco.outputs_queue_num_drops": str(drops),
        "falco.start_ts": start,
    }
    return [_alert(SNAPSHOT_RULE, "internal", fields)]


def _alert(rule: str, source: str, fields: dict[str, str]) -> Alert:
    return make_alert(
        time_ns=1, priority=Priority.WARNING, rule=rule, source=source, hostname="n", tags=(), output="", fields=fields
    )


def test_recordings_of_one_client_show_no_gap() -> None:
    """Although a snapshot or two of the real Falco overtook alerts."""
    for name in ("metrics_text", "metrics_json"):
        decoded = [decode_grpc(message, 0) for message in grpc_messages(name)]
        detector = GapDetector()
        assert [detector.missing([each]) for each in decoded if isinstance(each, Alert)] == [0] * len(decoded)


def test_a_gap_that_stays_is_counted_as_missing() -> None:
    """With the next snapshot. Late alerts, drops by Falco and undecodable messages are no gap."""
    detector = GapDetector()
    assert detector.missing([*alerts(3), *snapshot(50), *alerts(10), *snapshot(60)]) == 0
    assert detector.missing([*alerts(8), *snapshot(70)]) == 0
    assert detector.missing([*alerts(2), *snapshot(70)]) == 0
    assert detector.missing([*snapshot(75, drops=5), *snapshot(75, drops=5)]) == 0
    assert detector.missing(snapshot(78, drops=5), rejected=3) == 0
    assert detector.missing([*alerts(5), *snapshot(88, drops=5)]) == 0
    assert detector.missing([*alerts(5), *snapshot(98, drops=5)]) == 5


def test_a_restart_a_failure_and_a_malformed_snapshot_are_no_gap() -> None:
    """Counting starts again with each run of Falco and each broken stream. Snapshots without the count are ignored."""
    detector = GapDetector()
    detector.missing(snapshot(50))
    assert detector.missing([*snapshot(500, start="2"), *snapshot(500, start="2")]) == 0
    detector.missing(snapshot(600, start="2"))
    detector.reset()
    assert detector.missing([*snapshot(600, start="2"), *snapshot(600, start="2")]) == 0
    assert detector.missing([*snapshot("-1", "2"), *snapshot("9" * 400, "2"), *snapshot("٣", "2")]) == 0


def test_a_gap_is_logged_once_with_the_remedy(tmp_path: Path) -> None:
    """The state shows its current size."""
    snapshots = [message for message in grpc_messages("metrics_text") if b"metrics snapshot" in message]
    with StandInFalco(f"unix:{tmp_path}/f.sock") as falco, capture_logs() as logs:
        source = GrpcSource("f", falco.address)
        with running(source) as taken:
            falco.put(*snapshots)
            wait_until(lambda: len(taken.alerts) == len(snapshots), "the snapshots")
    warnings = [each for each in logs if "another client" in each["event"]]
    assert len(warnings) == 1
    assert "of its alerts went to another client" in warnings[0]["sign"]
    assert source.state()[0].detail.endswith("12 of its alerts went to another client")


def test_another_process_on_the_socket_is_detected(tmp_path: Path) -> None:
    """The bridge's own readers are not counted. The socket may be named through a link."""
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to("run")
    address = f"unix:{tmp_path}/link/f.sock"
    with StandInFalco(f"unix:{tmp_path}/run/f.sock"), capture_logs() as logs:
        source = GrpcSource("f", address, connections_seconds=0.1)
        with running(source), running(GrpcSource("g", address, connections_seconds=0.1)):
            wait_until(lambda: connections(f"{tmp_path}/link/f.sock") == 1, "the bridge's one connection")
            other = subprocess.Popen([sys.executable, "-c", READER, address])
            wait_until(lambda: "another client is connected" in source.state()[0].detail, "the detection")
            os.kill(other.pid, signal.SIGKILL)
            other.wait()
            wait_until(lambda: connections(f"{tmp_path}/link/f.sock") == 1, "its end")
    signs = {each["sign"] for each in logs if each["event"] == "another client reads this falco"}
    assert signs == {"another client is connected to its socket"}
