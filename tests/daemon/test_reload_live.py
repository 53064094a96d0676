"""What a reload changes while alerts arrive, and what it leaves alone: sources, listeners, channels."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from tests.daemon.test_restart import Sender
from tests.daemon.test_run import stuck_falco
from tests.e2e.harness import Instance
from tests.support.far_side import Answer, FarSide, Request
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROUTES = 'route "all" { to archive }\n'
CHANNELS = {"archive": "file://archive.jsonl"}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    yield instance
    instance.end()


def started(instance: Instance) -> int:
    bridge = instance.bridge()
    instance.await_logged('"started"')
    return bridge.pid


def reloaded(instance: Instance, process: int) -> dict[str, object]:
    """Reload by SIGHUP, and return the log line about it. The watcher of the files may have been faster."""
    lines = lambda: [each for each in instance.log.splitlines() if '"cause": "SIGHUP"' in each]  # noqa: E731
    before = len(lines())
    os.kill(process, signal.SIGHUP)
    wait_until(lambda: len(lines()) > before, "the reload")
    found: dict[str, object] = json.loads(lines()[-1])
    return found


def changes(instance: Instance) -> set[str]:
    """What all reloads have changed."""
    lines = [json.loads(each) for each in instance.log.splitlines() if '"reloaded"' in each]
    return {change for line in lines for change in line["changes"]}


def test_changed_sources_are_replaced_and_others_not_interrupted(instance: Instance) -> None:
    """No post is refused over a changed http source; an open connection and a gRPC stream of others stay open."""
    changed, other, later = free_port(), free_port(), free_port()
    with stuck_falco(instance.folder / "falco.sock") as falco:
        sources = [
            {"grpc": "unix:falco.sock"}, {"http": f"127.0.0.1:{changed}", "name": "changed"},
            {"http": f"127.0.0.1:{other}"}, {"file": "in.log", "read_from": "start"}, {"socket": "in.sock"},
        ]  # fmt: skip
        instance.configure(ROUTES, CHANNELS, sources=sources)
        process = started(instance)
        assert falco.reading.wait(60)
        falco.reading.clear()
        sender = Sender(changed, "s", keep_alive=True)
        kept = http.client.HTTPConnection("127.0.0.1", other, timeout=60)
        ping(kept)
        port = kept.sock.getsockname()[1]
        sources[1]["max_connections"] = 17
        sources[3]["timezone"] = "Asia/Seoul"
        sources[4] = {"http": f"127.0.0.1:{later}"}
        instance.configure(ROUTES, CHANNELS, sources=sources)
        reloaded(instance, process)
        wait_until(lambda: answers(later), "the added source")
        wait_until(lambda: not (instance.folder / "in.sock").exists(), "the end of the removed source")
        ping(kept)
        assert kept.sock.getsockname()[1] == port, "the connection was not closed"
        kept.close()
        (instance.folder / "in.log").write_text(
            json.dumps({"rule": "in the file", "output": "o", "priority": "Error", "output_fields": {}}) + "\n", "utf-8"
        )
        wait_until(lambda: "in the file" in {each.alert.rule for each in instance.kept()}, "the followed file")
        before = sender.answers["200"]
        wait_until(lambda: sender.answers["200"] > before + 20, "posts to the replaced source")
        sender.stop()
        assert set(sender.answers) == {"200"}
        assert not falco.reading.is_set(), "the stream is the same"
    names = {"source `changed` changed", "source `file:in.log` changed", "source `socket:in.sock` removed"}
    assert {each for each in changes(instance) if f"127.0.0.1:{later}" not in each} == names, instance.log
    assert instance.stop(instance.processes[0]) == 0


def ping(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/ping")
    assert connection.getresponse().read() == b"pong\n"


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        with closing(connection):
            ping(connection)
    except OSError:
        return False
    return True


def test_operator_listeners_follow_and_a_port_in_use_keeps_everything_as_it_was(instance: Instance) -> None:
    """The command that reloads gets its answer. /readyz names the problem and since when."""
    metrics, admin = free_port(), free_port()
    instance.configure(ROUTES, CHANNELS, sources=[{"socket": "in.sock"}], metrics=f"127.0.0.1:{metrics}")
    process = started(instance)
    with socket.create_server(("127.0.0.1", admin)):
        instance.configure(
            ROUTES.replace("all", "other"), CHANNELS, sources=[{"socket": "in.sock"}, {"socket": "new.sock"}],
            metrics={"listen": f"127.0.0.1:{metrics}", "token": "a-token-of-metrics"},
            admin={"listen": f"127.0.0.1:{admin}", "token": "a-token-of-admin"},
        )  # fmt: skip
        assert "cannot listen" in str(reloaded(instance, process)["problem"])
        ready = fetched(metrics, "/readyz")
        assert ready.startswith("ready; the changed config is not in use: ")
        assert f"127.0.0.1:{admin}: cannot listen" in ready
        assert re.search(r"\(since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC\)", ready)
        assert "falco_bridge_config_current 0.0" in fetched(metrics, "/metrics"), (
            "without the token: nothing has changed"
        )
        wait_until(lambda: not (instance.folder / "new.sock").exists(), "the end of what was tried")
    reloaded(instance, process)
    wait_until(lambda: "send the token" in fetched(metrics, "/metrics"), "the new metrics listener")
    assert fetched(metrics, "/readyz") == "ready\n"
    assert '"route": "other"' in fetched(admin, "/api/v1/status", "a-token-of-admin").replace('":"', '": "')
    assert {"listener `admin` changed", "listener `metrics` changed"} <= changes(instance)
    assert instance.stop(instance.processes[0]) == 0
    assert not (instance.folder / "journal.db.admin.sock").exists()


def fetched(port: int, path: str, token: str = "") -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        return connection.getresponse().read().decode()


def test_a_channel_that_did_not_change_is_not_interrupted(instance: Instance) -> None:
    """Its slow attempt ends while the channel that changed is used already, by the same courier."""
    release = threading.Event()

    def answer(request: Request) -> Answer:
        if request.path.startswith("/slow"):
            release.wait(60)
        return Answer()

    with FarSide(answer).serving() as server:
        hook = f"webhook://127.0.0.1:{server.port}"
        channels = {"slow": f"{hook}/slow", "quick": f"{hook}/before", "gone": f"{hook}/gone"}
        instance.configure('route "all" { to slow, quick, gone }\n', channels, sources=[{"socket": "in.sock"}])
        process = started(instance)
        courier = instance.await_courier()
        send(instance, 1)
        wait_until(lambda: paths(server) == {"/slow", "/before", "/gone"}, "the first messages")
        channels = {"slow": f"{hook}/slow", "quick": f"{hook}/after", "added": f"{hook}/added"}
        instance.configure('route "all" { to slow, quick, added }\n', channels, sources=[{"socket": "in.sock"}])
        reloaded(instance, process)
        send(instance, 2)
        wait_until(lambda: {"/after", "/added"} <= paths(server), "the changed and the added channel")
        assert instance.courier_pid() == courier
        release.set()
        instance.await_settled()
        assert sorted(each.path for each in server.requests) == [
            "/added",
            "/after",
            "/before",
            "/gone",
            "/slow",
            "/slow",
        ]
    assert changes(instance) == {"channel `quick` changed", "channel `added` added", "channel `gone` removed"}
    assert instance.stop(instance.processes[0]) == 0


def paths(server: FarSide) -> set[str]:
    return {each.path for each in server.requests}


def send(instance: Instance, number: int) -> None:
    alert = {"rule": f"r{number}", "output": "o", "priority": "Error", "output_fields": {}}
    (instance.folder / "one.jsonl").write_text(json.dumps(alert) + "\n", encoding="utf-8")
    sending = instance.start("send", "one.jsonl", "--socket", "in.sock", output="send.log")
    assert sending.wait(120) == 0


def test_a_volume_of_kubernetes_is_used_as_one(instance: Instance) -> None:
    """Config, routes and a secret of one volume change together, by one swap of ``..data``."""
    with FarSide(lambda _request: Answer()).serving() as server:

        def write(version: str) -> None:
            data = instance.folder / f"..{version}"
            data.mkdir()
            config = {
                "sources": [{"socket": "in.sock"}], "routes": ["all.route"], "journal": "journal.db",
                "log": {"format": "json"},
                "channels": {version: f"webhook://127.0.0.1:{server.port}/{version}?+X-Token=${{file:token}}"},
            }  # fmt: skip
            (data / "falco-bridge.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
            (data / "all.route").write_text(f'route "all" {{ to {version} }}\n', encoding="utf-8")
            (data / "token").write_text(f"token-of-{version}", encoding="utf-8")
            (instance.folder / "..new").symlink_to(data.name)
            (instance.folder / "..new").rename(instance.folder / "..data")

        write("first")
        for name in ("falco-bridge.yaml", "all.route", "token"):
            (instance.folder / name).symlink_to(f"..data/{name}")
        started(instance)
        send(instance, 1)
        wait_until(lambda: len(server.requests) == 1, "the first message")
        write("second")
        instance.await_logged('"reloaded"')
        send(instance, 2)
        wait_until(lambda: len(server.requests) == 2, "the second message")
        shown = [(each.path, each.headers["X-Token"]) for each in server.requests]
        assert shown == [("/first", "token-of-first"), ("/second", "token-of-second")]
    assert "rejected" not in instance.log
