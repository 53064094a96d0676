"""A bridge that is replaced by a new process at SIGUSR2, while real senders post all the time."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.daemon.signals import _SAME_SECONDS
from tests.e2e.harness import Instance, catches
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROUTES = 'route "all" { to archive }\n'
CHANNELS = {"archive": "file://archive.jsonl"}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    yield instance
    for process in pids_of(instance):
        os.kill(process, signal.SIGKILL)
    instance.end()


class Sender:
    """Posts one alert after the other, and retries nothing: what is refused or reset is lost."""

    def __init__(self, port: int, name: str, *, keep_alive: bool) -> None:
        self._port, self._name, self._keep_alive = port, name, keep_alive
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answers: Counter[str] = Counter()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(60)

    def _run(self) -> None:
        number = 0
        connection: http.client.HTTPConnection | None = None
        while not self._stopping.is_set():
            number += 1
            connection = connection or http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            try:
                connection.request("POST", "/", _alert(f"{self._name} {number}"))
                answer = connection.getresponse()
                answer.read()
                self.answers[str(answer.status)] += 1
            except OSError as error:
                self.answers[type(error).__name__] += 1
                connection.close()
                connection = None
                continue
            if not self._keep_alive or answer.will_close:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()


def _alert(rule: str) -> bytes:
    return json.dumps(
        {"time": "2026-01-02T03:04:05.000000006Z", "priority": "Notice", "rule": rule, "source": "syscall",
         "hostname": "node", "output": "x", "output_fields": {}, "tags": []}
    ).encode()  # fmt: skip


def pids_of(instance: Instance) -> list[int]:
    """The bridge's processes that run in the folder, without couriers."""
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal() and _is_bridge(each, instance)]


def _is_bridge(process: Path, instance: Instance) -> bool:
    try:
        state = (process / "stat").read_text("utf-8").rpartition(")")[2].split()[0]
        runs_here = (process / "cwd").readlink() == instance.folder and state != "Z"
        return runs_here and b"--config" in (process / "cmdline").read_bytes()
    except OSError:  # it has ended
        return False


def started(instance: Instance, count: int) -> None:
    """Wait until a bridge has started for the ``count``-th time."""
    wait_until(lambda: instance.log.count('"started"') >= count, f"start {count}")


def restart(instance: Instance, old: int) -> int:
    """Send SIGUSR2, and return the process that took over."""
    before = instance.log.count('"started"')
    os.kill(old, signal.SIGUSR2)
    started(instance, before + 1)
    wait_until(lambda: old not in pids_of(instance), "the end of the old process")
    (new,) = pids_of(instance)
    return new


def configure(instance: Instance, port: int, **more: object) -> None:
    instance.configure(ROUTES, CHANNELS, sources=[{"http": f"127.0.0.1:{port}"}, {"socket": "in.sock"}], **more)


def test_no_post_is_refused_or_lost_over_restarts(instance: Instance) -> None:
    """Nor with a config that is broken meanwhile: the old process then continues."""
    port = free_port()
    configure(instance, port)
    bridge = instance.bridge()
    started(instance, 1)
    senders = [Sender(port, f"s{at}", keep_alive=at % 2 == 0) for at in range(4)]
    process = bridge.pid
    for _ in range(2):
        process = restart(instance, process)
    (instance.folder / "test.route").write_text('route "broken" { to nowhere }\n', encoding="utf-8")
    os.kill(process, signal.SIGUSR2)
    instance.await_logged("restart failed", seconds=60)
    assert pids_of(instance) == [process]
    (instance.folder / "test.route").write_text('route "renamed" { to archive }\n', encoding="utf-8")
    process = restart(instance, process)
    posted = sum(sum(each.answers.values()) for each in senders)
    wait_until(lambda: sum(sum(each.answers.values()) for each in senders) > posted + 20, "further posts")
    for each in senders:
        each.stop()
    answers = sum((each.answers for each in senders), Counter[str]())
    assert set(answers) == {"200"}, (answers, instance.log)
    os.kill(process, signal.SIGTERM)
    wait_until(lambda: not pids_of(instance), "the end of the bridge")
    assert len(instance.kept()) == answers["200"]
    rules = {each.alert.rule for each in instance.kept()}
    assert len(rules) == answers["200"]
    archived = (instance.folder / "archive.jsonl").read_text("utf-8").splitlines()
    assert {json.loads(line)["rule"] for line in archived} == rules
    assert not (instance.folder / "in.sock").exists()


def test_a_restart_that_is_requested_during_a_failing_one_follows_it(instance: Instance) -> None:
    """Its sender may have corrected the config meanwhile."""
    configure(instance, free_port())
    bridge = instance.bridge()
    started(instance, 1)
    (instance.folder / "test.route").write_text('route "broken" { to nowhere }\n', encoding="utf-8")
    os.kill(bridge.pid, signal.SIGUSR2)
    instance.await_logged("restarting", seconds=60)
    time.sleep(2 * _SAME_SECONDS)  # the new process is still being imported
    os.kill(bridge.pid, signal.SIGUSR2)
    wait_until(lambda: instance.log.count("restart failed; this process continues") == 2, "the second restart")
    wait_until(lambda: pids_of(instance) == [bridge.pid], "the end of the new processes")


def test_a_restart_for_which_no_descriptor_is_left_may_be_requested_again(instance: Instance) -> None:
    """And so may a reload."""
    configure(instance, free_port())
    bridge = instance.bridge()
    started(instance, 1)
    resource.prlimit(bridge.pid, resource.RLIMIT_NOFILE, (0, 4096))
    os.kill(bridge.pid, signal.SIGUSR2)
    instance.await_logged("Too many open files", seconds=60)
    resource.prlimit(bridge.pid, resource.RLIMIT_NOFILE, (4096, 4096))
    os.kill(bridge.pid, signal.SIGHUP)
    instance.await_logged('"reloaded"', seconds=60)
    time.sleep(2 * _SAME_SECONDS)
    os.kill(bridge.pid, signal.SIGUSR2)
    instance.await_logged("handed over", seconds=60)


def test_the_unix_sockets_are_handed_over(instance: Instance) -> None:
    """``send`` and ``status`` reach the new process at the same paths."""
    configure(instance, free_port())
    bridge = instance.bridge()
    started(instance, 1)
    inode = (instance.folder / "in.sock").stat().st_ino
    process = restart(instance, bridge.pid)
    assert (instance.folder / "in.sock").stat().st_ino == inode
    (instance.folder / "alert.json").write_bytes(_alert("sent"))
    sent = instance.start("send", "--socket", "in.sock", "alert.json", output="send.log")
    assert sent.wait(60) == 0, (instance.folder / "send.log").read_text()
    status = instance.start("status", "--config", "falco-bridge.yaml", output="status.log")
    assert status.wait(60) == 0, (instance.folder / "status.log").read_text()
    instance.await_kept(1)
    os.kill(process, signal.SIGTERM)
    wait_until(lambda: not pids_of(instance), "the end of the bridge")
    assert not [each for each in instance.folder.iterdir() if each.name.endswith(".sock")]


def test_the_old_process_continues_where_the_new_one_cannot_open_the_journal(instance: Instance) -> None:
    """The new one had checked everything, and the old one had already closed it."""
    port = free_port()
    configure(instance, port)
    bridge = instance.bridge()
    started(instance, 1)
    configure(instance, port, journal="missing/folder/journal.db", admin=str(instance.folder / "journal.db.admin.sock"))
    sender = Sender(port, "s", keep_alive=False)
    os.kill(bridge.pid, signal.SIGUSR2)
    started(instance, 2)
    assert "restart failed" in instance.log
    assert pids_of(instance) == [bridge.pid]
    posted = sum(sender.answers.values())
    wait_until(lambda: sum(sender.answers.values()) > posted + 5, "further posts")
    sender.stop()
    assert set(sender.answers) == {"200"}
    configure(instance, port)
    process = restart(instance, bridge.pid)
    os.kill(process, signal.SIGTERM)
    wait_until(lambda: not pids_of(instance), "the end of the bridge")
    assert len(instance.kept()) == sender.answers["200"]


def test_standard_input_is_not_handed_over(instance: Instance) -> None:
    """Two processes would each read a part of a line."""
    instance.configure(ROUTES, CHANNELS, sources=[{"socket": "in.sock"}, {"stdin": True}])
    bridge = instance.bridge()
    started(instance, 1)
    bridge.send_signal(signal.SIGUSR2)
    instance.await_logged("restart refused")
    assert pids_of(instance) == [bridge.pid]


def test_a_stop_during_a_restart_ends_both_processes(instance: Instance) -> None:
    """The new process serves no request yet."""
    configure(instance, free_port())
    bridge = instance.bridge()
    started(instance, 1)
    bridge.send_signal(signal.SIGUSR2)
    instance.await_logged('"restarting"')
    bridge.terminate()
    assert bridge.wait(60) == 0, instance.log
    wait_until(lambda: not pids_of(instance), "the end of the new process")


def test_the_service_manager_follows(instance: Instance) -> None:
    """It learns when the bridge is ready, which process is the main one, and that it stops."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(instance.folder / "notify"))
        manager.settimeout(60)
        instance.environment["NOTIFY_SOCKET"] = str(instance.folder / "notify")
        configure(instance, free_port())
        bridge = instance.bridge()
        assert manager.recv(100) == b"READY=1"
        process = restart(instance, bridge.pid)
        assert {manager.recv(100), manager.recv(100)} == {b"READY=1", f"MAINPID={process}".encode()}
        wait_until(lambda: catches(process, signal.SIGTERM), "the bridge to handle signals")
        os.kill(process, signal.SIGTERM)
        assert manager.recv(100) == b"STOPPING=1"


def test_connections_wait_while_the_bridge_starts(instance: Instance) -> None:
    """It listens before it checks the routes; a channel that Apprise checks takes longest."""
    port = free_port()
    configure(instance, port)
    many = "".join(f'route "r{at}" {{\n  when rule = "x{at}"\n  to archive\n}}\n' for at in range(1000))
    (instance.folder / "test.route").write_text(many + "otherwise { to archive }\n", encoding="utf-8")
    instance.bridge()

    def connect() -> socket.socket | None:
        try:
            return socket.create_connection(("127.0.0.1", port), 60)
        except ConnectionRefusedError:
            return None

    connection: list[socket.socket | None] = []
    wait_until(lambda: connection.append(connect()) or connection[-1], "the listener")
    (accepted,) = [each for each in connection if each is not None]
    was_started = '"started"' in instance.log
    with accepted:
        body = _alert("early")
        accepted.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert accepted.recv(100).startswith(b"HTTP/1.1 200")
    assert not was_started


def activated(instance: Instance, *listening: socket.socket) -> subprocess.Popen[bytes]:
    """A bridge that systemd started: the sockets are its descriptors from 3 on."""
    numbers = " ".join(f"{3 + at}<&{each.fileno()}" for at, each in enumerate(listening))
    script = f'exec {numbers}; export LISTEN_FDS={len(listening)} LISTEN_PID=$$; exec "$@"'
    with (instance.folder / "bridge.log").open("ab") as log:
        bridge = subprocess.Popen(
            ["bash", "-c", script, "bash", sys.executable, "-m", "bridge", "--config", "falco-bridge.yaml"],
            cwd=instance.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            pass_fds=[each.fileno() for each in listening],
        )  # fmt: skip
    instance.processes.append(bridge)
    return bridge


def test_no_post_is_refused_or_lost_where_systemd_listens(instance: Instance) -> None:
    """Before the first start, over a SIGUSR2, and over a stop and a start."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_server(("127.0.0.1", 0)) as other:
        port = listening.getsockname()[1]
        configure(instance, port)
        senders = [Sender(port, f"s{at}", keep_alive=at % 2 == 0) for at in range(4)]
        bridge = activated(instance, listening, other)
        started(instance, 1)
        assert f"127.0.0.1:{other.getsockname()[1]}" in instance.log, "no listener uses it"
        process = restart(instance, bridge.pid)
        os.kill(process, signal.SIGTERM)
        wait_until(lambda: not pids_of(instance), "the end of the bridge")
        activated(instance, listening)
        started(instance, 3)
        posted = sum(sum(each.answers.values()) for each in senders)
        wait_until(lambda: sum(sum(each.answers.values()) for each in senders) > posted + 20, "further posts")
        for each in senders:
            each.stop()
    answers = sum((each.answers for each in senders), Counter[str]())
    assert set(answers) == {"200"}, (answers, instance.log)
    assert len({each.alert.rule for each in instance.kept()}) == answers["200"]
