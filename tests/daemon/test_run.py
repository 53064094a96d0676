"""The bridge as a process: start, drain, abort, and the errors that keep it from starting."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from bridge.alert.wire.methods import GET
from tests.e2e.harness import Instance, holds_back, log_lines
from tests.support.recordings import grpc_messages
from tests.support.waiting import wait_until

ROUTES = 'route "all" { to archive }\n'
ROOT = Path(__file__).parent.parent.parent
CHANNELS = {"archive": "file://archive.jsonl"}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    yield instance
    instance.end()


class StuckFalco:
    """A Falco whose ``get`` sends one alert and then nothing more until ``release`` is set."""

    def __init__(self) -> None:
        self.reading = threading.Event()
        """Set once the bridge reads from it."""
        self.release = threading.Event()

    def get(self, _request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
        self.reading.set()
        yield grpc_messages("cat_text")[0]
        self.release.wait(60)


@contextmanager
def stuck_falco(path: Path) -> Iterator[StuckFalco]:
    falco = StuckFalco()
    service, method = GET.strip("/").split("/")
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: grpc.unary_stream_rpc_method_handler(falco.get)}),)
    )
    server.add_insecure_port(f"unix:{path}")
    server.start()
    try:
        yield falco
    finally:
        falco.release.set()
        server.stop(None).wait()


def started(instance: Instance) -> subprocess.Popen[bytes]:
    bridge = instance.bridge()
    wait_until(lambda: '"started"' in instance.log, "the bridge to start")
    return bridge


def test_sigterm_drains_and_exits_with_zero(instance: Instance) -> None:
    """The last line of the log has the totals."""
    instance.configure(ROUTES, CHANNELS)
    instance.falco("--generate", "--count", "50")
    bridge = instance.bridge()
    instance.await_kept(50)
    assert instance.stop(bridge) == 0, instance.log
    last = log_lines(instance.log)[-1]
    assert (last["event"], last["alerts"], last["undelivered"]) == ("stopped", 50, 0)


@pytest.mark.parametrize("under_nohup", [False, True])
def test_a_terminal_that_is_closed_stops_it_as_sigterm_does(instance: Instance, under_nohup: bool) -> None:
    """Under nohup it does nothing, and neither does a later SIGHUP."""
    instance.configure(ROUTES, CHANNELS)
    (instance.folder / "bridge.log").touch()
    process, terminal = pty.fork()
    if process == 0:  # in the child, whose controlling terminal is the new one
        os.chdir(instance.folder)
        signal.signal(signal.SIGHUP, signal.SIG_IGN if under_nohup else signal.SIG_DFL)
        os.dup2(os.open("bridge.log", os.O_WRONLY | os.O_CREAT), 2)
        os.execv(sys.executable, [sys.executable, "-m", "bridge", "--config", "falco-bridge.yaml"])
    try:
        instance.await_logged('"started"')
        os.close(terminal)
        if under_nohup:
            os.kill(process, signal.SIGHUP)
            os.kill(process, signal.SIGTERM)
        assert os.waitpid(process, 0)[1] == 0, instance.log
    except BaseException:
        os.kill(process, signal.SIGKILL)
        raise
    assert [log_lines(instance.log)[-1]["event"], "reload" in instance.log] == ["stopped", False]


def test_sighup_reloads_it(instance: Instance) -> None:
    """Its courier, which a service manager may signal as well, ignores it."""
    instance.configure(ROUTES, CHANNELS)
    bridge = started(instance)
    courier = instance.await_courier()
    for process in (courier, bridge.pid):
        os.kill(process, signal.SIGHUP)
    instance.await_logged('"reloaded"')
    assert (instance.courier_pid(), bridge.poll()) == (courier, None)
    assert instance.stop(bridge) == 0


def test_a_log_that_cannot_be_written_costs_no_alert(tmp_path: Path) -> None:
    """Its disk is full: log lines are lost, and nothing else."""
    (tmp_path / "all.route").write_text(ROUTES, encoding="utf-8")
    config = tmp_path / "falco-bridge.yaml"
    config.write_text(
        "sources: [{stdin: true}]\nchannels: {archive: file://archive.jsonl}\nroutes: [all.route]\njournal: j.db\n",
        "utf-8",
    )
    alerts = (ROOT / "examples" / "quickstart" / "alerts.jsonl").read_bytes()
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bridge", "--config", config], input=b"no alert\n" + alerts, stderr=full, timeout=60,
            cwd=ROOT, check=False,
        )  # fmt: skip
    assert done.returncode == 0
    archived = (tmp_path / "archive.jsonl").read_text("utf-8").splitlines()
    assert len(archived) == sum(json.loads(line)["source"] != "internal" for line in alerts.splitlines())


def test_alerts_are_not_logged_one_by_one(instance: Instance) -> None:
    """The log at info does not grow with the alerts."""
    instance.configure(ROUTES, CHANNELS)
    instance.falco("--generate", "--count", "300")
    bridge = instance.bridge()
    instance.await_kept(300)
    assert instance.stop(bridge) == 0
    assert len(log_lines(instance.log)) < 12


def test_a_read_that_never_ends_is_aborted_at_the_deadline(instance: Instance) -> None:
    """The log says that alerts may be lost, and the exit code is 1."""
    instance.configure(ROUTES, CHANNELS, shutdown={"drain": "700ms"})
    with stuck_falco(instance.folder / "falco.sock") as falco:
        bridge = started(instance)
        wait_until(falco.reading.is_set, "the read")
        assert instance.stop(bridge) == 1, instance.log
    assert "alerts may be lost" in instance.log


def test_two_signals_at_once_count_as_one(instance: Instance) -> None:
    """As GNU timeout sends it: to its child, and to its child's group."""
    instance.configure(ROUTES, CHANNELS)
    with stuck_falco(instance.folder / "falco.sock") as falco:
        bridge = started(instance)
        wait_until(falco.reading.is_set, "the read")
        bridge.send_signal(signal.SIGTERM)
        bridge.send_signal(signal.SIGINT)  # of two that are alike, a process may see one
        wait_until(lambda: '"stopping"' in instance.log, "the drain")
        falco.release.set()
        assert bridge.wait(20) == 0, instance.log
    assert "alerts may be lost" not in instance.log


def test_a_second_signal_aborts_the_drain(instance: Instance) -> None:
    """Long before the deadline."""
    instance.configure(ROUTES, CHANNELS, shutdown={"drain": "5m"})
    with stuck_falco(instance.folder / "falco.sock") as falco:
        bridge = started(instance)
        wait_until(falco.reading.is_set, "the read")
        bridge.send_signal(signal.SIGINT)
        wait_until(lambda: '"stopping"' in instance.log, "the drain")
        begun = time.monotonic()
        _PAUSE.wait(0.2)
        bridge.send_signal(signal.SIGTERM)
        assert bridge.wait(20) == 1
        assert time.monotonic() - begun < 15
    assert "alerts may be lost" in instance.log
    assert "send one signal only" in instance.log


_PAUSE = threading.Event()


def test_a_bridge_that_is_stopped_while_it_starts_exits_cleanly(instance: Instance) -> None:
    """SIGTERM during the start is handled once it has started."""
    instance.configure(ROUTES, CHANNELS)
    bridge = instance.bridge()
    wait_until(lambda: holds_back(bridge.pid, signal.SIGTERM), "the first moment")
    bridge.terminate()
    assert bridge.wait(60) == 0, instance.log
    assert [line["event"] for line in log_lines(instance.log)][-1] == "stopped"


def test_a_hanging_channel_does_not_hold_up_the_stop(instance: Instance) -> None:
    """The delivery stays in the journal, and the exit code is 0."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        instance.configure(ROUTES, {"archive": f"json://127.0.0.1:{deaf.getsockname()[1]}/"}, shutdown={"drain": "1s"})
        instance.falco("--generate", "--count", "3")
        bridge = instance.bridge()
        instance.await_kept(3)
        assert instance.stop(bridge) == 0, instance.log
    assert log_lines(instance.log)[-1]["undelivered"] == 3


def test_a_second_bridge_on_one_journal_is_rejected(instance: Instance) -> None:
    """The error names the process that has the journal; the first bridge is not affected."""
    instance.configure(ROUTES, CHANNELS)
    first = started(instance)
    second = subprocess.run(
        [sys.executable, "-m", "bridge", "--config", "falco-bridge.yaml"], cwd=instance.folder, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert second.returncode == 3
    assert f"process {first.pid}" in second.stderr
    assert instance.stop(first) == 0


def test_a_throttle_holds_in_a_running_bridge(instance: Instance) -> None:
    """Over a restart as well: one notification of all."""
    instance.configure('route "r" { to archive throttle 1 per 10h }\n', CHANNELS)
    instance.falco("--generate", "--count", "200")
    first = started(instance)
    instance.await_kept(200)
    assert instance.stop(first) == 0
    instance.falco("--generate", "--count", "100", "--seed", "7")
    second = started(instance)
    instance.await_kept(300)
    assert instance.stop(second) == 0
    assert len((instance.folder / "archive.jsonl").read_text(encoding="utf-8").splitlines()) == 1


def test_silences_and_incidents_by_command(instance: Instance) -> None:
    """A silence is added, listed and expired; an incident is listed, acknowledged and resolved."""
    instance.configure('route "r" { to archive throttle 1 per 10h }\n', CHANNELS)
    instance.falco("--generate", "--count", "20")
    bridge = started(instance)
    instance.await_kept(20)

    def command(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "bridge", *words, "--config", "falco-bridge.yaml"], cwd=instance.folder,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    added = command("silence", "add", "rule exists", "--for", "1h", "--comment", "a test")
    assert "it would have held back 1 alert" in added
    silence = added.rpartition("silence ")[2].split()[0]
    assert f"{silence}  active" in command("silence", "list")
    assert "ended" in command("silence", "expire", silence)
    assert "  open  " in command("incidents", "--open")
    assert "acknowledged by" in command("ack", "r")
    assert command("incidents", "--open") == "no incidents\n"
    assert "resolved by" in command("resolve", "r")
    assert instance.stop(bridge) == 0


def test_redacted_text_is_nowhere_on_the_disk(instance: Instance) -> None:
    """Neither in the journal nor in what a channel received."""
    instance.configure('redact proc.cmdline, output matching "rm -rf \\\\S+"\n' + ROUTES, CHANNELS)
    instance.falco("--generate", "--count", "400")
    bridge = instance.bridge()
    instance.await_kept(400)
    instance.await_settled()
    assert instance.stop(bridge) == 0
    files = [path for path in instance.folder.iterdir() if path.name.startswith(("journal", "archive"))]
    assert files
    assert all(b"rm -rf /" not in path.read_bytes() for path in files)
    assert any(b"***" in path.read_bytes() for path in files)


def test_a_killed_courier_is_restarted(instance: Instance) -> None:
    """The log reports it, and deliveries continue."""
    instance.configure(ROUTES, CHANNELS)
    bridge = started(instance)
    wait_until((instance.folder / "journal.db.courier.lock").exists, "the courier")
    wait_until(lambda: _pid(instance) is not None, "the courier's number")
    first = _pid(instance)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: _pid(instance) not in {None, first}, "another courier")
    instance.falco("--generate", "--count", "5")
    instance.await_kept(5)
    instance.await_settled()
    assert instance.stop(bridge) == 0
    assert "killed by SIGKILL" in instance.log


def _pid(instance: Instance) -> int | None:
    try:
        return instance.courier_pid()
    except (ValueError, FileNotFoundError):
        return None
