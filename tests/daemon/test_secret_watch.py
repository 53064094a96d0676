"""Secrets that are rotated under a running bridge."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bridge.config.load import Config, load_config
from bridge.daemon.secret_watch import SecretWatch
from bridge.delivery import Circuit, DeliveryState, Health
from bridge.journal.opening import open_for_router
from tests.courier.working import entry
from tests.e2e.harness import Road
from tests.support.far_side import Answer, FarSide, Request
from tests.support.waiting import wait_until

OLD, NEW = "canary-of-yesterday", "canary-of-today"


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    road = Road(tmp_path)
    yield road
    road.end()


def watched(road: Road) -> tuple[SecretWatch, list[Config]]:
    (road.folder / "token").write_text(OLD, encoding="utf-8")
    road.configure('route "r" { to hook }\n', {"hook": "webhook://h/?+X-Token=${file:token}"})
    config = load_config(road.folder / "falco-bridge.yaml", {})
    assert isinstance(config, Config)
    taken: list[Config] = []
    return SecretWatch(config, {}, taken.append), taken


def test_a_file_that_was_replaced_or_rewritten_is_taken_over(road: Road) -> None:
    """By rename, in place, or behind a link as Kubernetes does it; not by a touch alone."""
    watch, taken = watched(road)
    token = road.folder / "token"
    assert not watch.look()
    os.utime(token, (1, 1))
    assert not watch.look(), "the content is the old one"
    (road.folder / "new").write_text(NEW, encoding="utf-8")
    (road.folder / "new").rename(token)
    assert watch.look()
    token.write_text(NEW + "-2", encoding="utf-8")
    assert watch.look()
    (road.folder / "other").write_text(NEW + "-three", encoding="utf-8")
    token.unlink()
    token.symlink_to(road.folder / "other")
    assert watch.look()
    urls = [config.channels["hook"].reveal() for config in taken]
    assert urls == [f"webhook://h/?+X-Token={NEW}{end}" for end in ("", "-2", "-three")]


def test_what_is_of_no_use_changes_nothing(road: Road, capsys: pytest.CaptureFixture[str]) -> None:
    """Empty, for it is being written; gone; or no header: the old secret stands, and the next look sees the next one."""
    watch, taken = watched(road)
    token = road.folder / "token"
    for broken in ("", "a\x01b"):
        token.write_text(broken, encoding="utf-8")
        assert not watch.look()
    token.unlink()
    assert not watch.look()
    assert taken == []
    token.write_text(NEW, encoding="utf-8")
    assert watch.look()
    said = capsys.readouterr()
    assert OLD not in said.out + said.err
    assert NEW not in said.out + said.err


def test_the_doors_secrets_are_taken_over_too(road: Road) -> None:
    """Alerts are taken with the new token, metrics are shown for it; no courier is replaced for that."""
    (road.folder / "token").write_text(OLD, encoding="utf-8")
    ports = [free_port(), free_port()]
    road.configure(
        'route "r" { to hook }\n', {"hook": "console://"},
        sources=[{"http": f"127.0.0.1:{ports[0]}", "token": "${file:token}"}],
        metrics={"listen": f"127.0.0.1:{ports[1]}", "token": "${file:token}"},
    )  # fmt: skip
    bridge = road.bridge()
    wait_until(lambda: [asked(port, OLD) for port in ports] == [200, 200], "the doors")
    lock = road.folder / "journal.db.courier.lock"
    wait_until(lambda: lock.exists() and lock.read_text(encoding="utf-8"), "the courier")
    assert [asked(port, NEW) for port in ports] == [401, 401]
    courier = road.courier_pid()
    (road.folder / "token").write_text(NEW, encoding="utf-8")
    wait_until(lambda: asked(ports[1], NEW) == 200, "the new token")
    assert asked(ports[0], NEW) == 200
    assert road.courier_pid() == courier
    assert road.stop(bridge) == 0
    assert [canary for canary in (OLD, NEW) if canary in road.log] == []


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def asked(port: int, token: str) -> int:
    """The status of an alert posted, or of the metrics looked at; 0 where nobody listens yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    body = json.dumps({"rule": "r", "output": "o", "output_fields": {}, "priority": "Error"})
    try:
        with closing(connection):
            for method, path in (("POST", "/"), ("GET", "/metrics")):
                connection.request(method, path, body, {"Authorization": f"Bearer {token}"})
                answer = connection.getresponse()
                answer.read()
                if answer.status in {200, 401}:
                    break
            return answer.status
    except OSError:
        return 0


def test_a_channel_that_was_let_alone_is_tried_at_once_with_its_new_secret(road: Road) -> None:
    """A new token is what it waited for; the next probe would be an hour away."""
    now = time.time_ns()
    down = Health(circuit=Circuit.OPEN, since_ns=now, failures=9, failing_ns=now)
    with closing(open_for_router(road.journal_path)) as journal:
        journal.alerts.append("s", now, [entry("what waits", "hook")])
        journal.deliveries.settle([], {"hook": down})
    (road.folder / "token").write_text(OLD, encoding="utf-8")
    busy = Answer(503, b"", {"Retry-After": "3600"})
    with FarSide(lambda request: Answer() if request.headers["X-Token"] == NEW else busy).serving() as server:
        url = f"webhook://127.0.0.1:{server.port}/?+X-Token=${{file:token}}"
        road.configure('route "r" { to hook }\n', {"hook": url})
        bridge = road.bridge()
        wait_until(lambda: server.requests, "the probe that a start lets out")
        (road.folder / "token").write_text(NEW, encoding="utf-8")
        wait_until(lambda: len(server.requests) == 2, "what waits")
        assert road.stop(bridge) == 0
    assert [each.headers["X-Token"] for each in server.requests] == [OLD, NEW]


def test_a_running_bridge_sends_with_the_new_secret(road: Road) -> None:
    """Without a restart: what waited while the old token was refused arrives with what comes later; nothing shows."""

    def answer(request: Request) -> Answer:
        token = request.headers["X-Token"]
        return Answer() if token == NEW else Answer(401, f"{token} has expired".encode())

    (road.folder / "token").write_text(OLD, encoding="utf-8")
    with FarSide(answer).serving() as server:
        road.configure(
            'route "r" { to hook }\n',
            {"hook": f"webhook://127.0.0.1:{server.port}/?+X-Token=${{file:token}}"},
            log={"level": "debug", "format": "json"},
        )
        falco = road.falco("--generate", "--count", "400", "--rate", "20")
        bridge = road.bridge()
        wait_until(lambda: server.requests, "an attempt with the old token")
        (road.folder / "new").write_text(NEW, encoding="utf-8")
        (road.folder / "new").rename(road.folder / "token")
        wait_until(lambda: any(each.headers["X-Token"] == NEW for each in server.requests), "the new token")
        falco.kill()
        road.await_settled()
        assert road.stop(bridge) == 0
        assert {each.state for each in road.deliveries()} == {DeliveryState.DELIVERED}
    assert "secrets changed" in road.log
    assert "courier exited" not in road.log
    everything = road.log + " ".join(each.reason for each in road.deliveries())
    assert "HTTP 401: *** has expired" in everything
    assert [canary for canary in (OLD, NEW) if canary in everything] == []
