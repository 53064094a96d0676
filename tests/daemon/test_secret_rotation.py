"""Secrets are rotated while the bridge runs."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.common.net.listening import ListeningSockets
from bridge.daemon.operator_listeners import OperatorListeners
from bridge.daemon.reload.generation import build_generation
from bridge.daemon.reload.live import LiveGeneration, RunningParts
from bridge.daemon.reload.secret_rotation import SecretRotation
from bridge.daemon.running_console import RunningConsole
from bridge.daemon.running_sources import RunningSources
from bridge.daemon.sources import prepare_source
from bridge.delivery import Circuit, DeliveryState, Health
from bridge.journal.opening import open_for_router
from bridge.operator.service import OperatorService
from bridge.pipeline.courier_process import CourierProcess
from bridge.sources.stdin_source import StdinSource
from tests.courier.working import entry
from tests.e2e.harness import Instance
from tests.support.far_side import Answer, FarSide, Request
from tests.support.ports import free_port
from tests.support.postgres import drop_schema, in_schema, new_schema
from tests.support.waiting import wait_until

OLD, NEW = "canary-of-yesterday", "canary-of-today"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    yield instance
    instance.end()


problems: list[str] = []
"""What the rotation has reported."""


def watched(instance: Instance, **config: object) -> tuple[SecretRotation, LiveGeneration]:
    (instance.folder / "token").write_text(OLD, encoding="utf-8")
    instance.configure(
        'route "r" { to hook }\n', {"hook": "webhook://h/?+X-Token=${file:token}"}, sources=[{"stdin": True}], **config
    )  # fmt: skip
    built = build_generation(instance.folder / "falco-bridge.yaml", {})
    assert built.generation is not None, built.text()
    courier = CourierProcess(built.generation.courier_settings())
    operator = OperatorService(built.generation.config, ListeningSockets())
    operator.close()
    settings = built.generation.config.sources
    sources = RunningSources(
        settings, [prepare_source(settings[0], ListeningSockets())], lambda _: StdinSource("stdin")
    )
    parts = RunningParts(
        sources, OperatorListeners(operator), courier, ListeningSockets(), lambda _generation: {},
        use_console=RunningConsole().use,
    )  # fmt: skip
    live = LiveGeneration(built.generation, parts)
    return SecretRotation(live, {}, problems.append), live


def test_a_secret_that_a_part_cannot_use_does_not_end_the_rotation(instance: Instance) -> None:
    """Such as the console, whose own token cannot be read. It is reported, and the next change is used."""
    rotation, live = watched(instance, admin="a.sock", console="127.0.0.1:0")
    own = instance.folder / "journal.db.console.token"
    own.mkdir()
    token = instance.folder / "token"
    rotation.start()
    try:
        with capture_logs() as logs:
            token.write_text(NEW, encoding="utf-8")
            wait_until(lambda: problems and "console.token" in problems[-1], "the report")
        assert OLD in url_of(live)
        assert NEW not in str(logs)
        own.rmdir()
        token.write_text(NEW + "-2", encoding="utf-8")
        wait_until(lambda: url_of(live).endswith(f"{NEW}-2"), "the next secret")
        assert problems[-1] == ""
    finally:
        rotation.close()


def url_of(live: LiveGeneration) -> str:
    return live.current.config.channels["hook"].url.reveal()


def test_a_database_that_refuses_its_new_password_delays_no_other_secret(
    instance: Instance, postgres: str, tmp_path: Path
) -> None:
    """Both files change at once, as those of one Kubernetes secret do. Links of messages have a key in the database."""
    schema = new_schema()
    url = instance.folder / "url"
    url.write_text(in_schema(postgres, schema), encoding="utf-8")
    acknowledge = {"listen": f"127.0.0.1:{free_port()}", "public_url": "https://b.example.org"}
    rotation, live = watched(instance, journal={"url": "${file:url}", "path": "local"}, acknowledge=acknowledge)
    drop_schema(postgres, schema)
    url.write_text(f"postgresql://u@/x?host={tmp_path}", encoding="utf-8")
    (instance.folder / "token").write_text(NEW, encoding="utf-8")
    assert rotation.rotate()
    assert NEW.encode() in live._parts.courier._settings
    assert problems[-1] == ""


def test_a_file_that_was_replaced_or_rewritten_is_used(instance: Instance) -> None:
    """By rename, in place, or behind a link as Kubernetes does it; a touch alone changes nothing."""
    rotation, live = watched(instance)
    token = instance.folder / "token"
    first = live.current
    assert not rotation.rotate()
    os.utime(token, (1, 1))
    assert not rotation.rotate()
    assert live.current is first
    (instance.folder / "new").write_text(NEW, encoding="utf-8")
    (instance.folder / "new").rename(token)
    assert rotation.rotate()
    assert url_of(live) == f"webhook://h/?+X-Token={NEW}"
    token.write_text(NEW + "-2", encoding="utf-8")
    assert rotation.rotate()
    assert url_of(live) == f"webhook://h/?+X-Token={NEW}-2"
    assert {OLD, NEW, NEW + "-2"} <= live.current.masked, "a secret that was replaced may still be valid"
    assert live.current.router is first.router


def test_a_secret_that_cannot_be_used_changes_nothing(instance: Instance) -> None:
    """Empty, because it is being written; not a header; missing. The next one is used."""
    rotation, live = watched(instance)
    first = live.current
    token = instance.folder / "token"
    with capture_logs() as logs:
        for broken in ("", "a\u00e9b"):
            token.write_text(broken, encoding="utf-8")
            assert not rotation.rotate()
        token.unlink()
        assert not rotation.rotate()
        assert live.current is first
    assert problems[-1].startswith("a changed secret is not in use: ")
    token.write_text(NEW, encoding="utf-8")
    assert rotation.rotate()
    assert problems[-1] == ""
    assert [each["event"] for each in logs] == ["new secret rejected; keeping the previous one"] * 3
    assert "printable ASCII" in logs[1]["problem"]
    assert OLD not in str(logs)


def test_only_secrets_are_taken_from_a_changed_config(instance: Instance) -> None:
    """Everything else waits for a full reload."""
    rotation, live = watched(instance)
    (instance.folder / "token").write_text(NEW, encoding="utf-8")
    config = instance.folder / "falco-bridge.yaml"
    config.write_text(config.read_text("utf-8").replace("cluster: test", "cluster: other"), encoding="utf-8")
    assert rotation.rotate()
    assert url_of(live) == f"webhook://h/?+X-Token={NEW}"
    assert live.current.config.labels == {"cluster": "test"}


def test_the_secrets_of_listeners_are_rotated(instance: Instance) -> None:
    """Alerts, metrics and the operator API, with the new token; the courier is not replaced for that."""
    (instance.folder / "token").write_text(OLD, encoding="utf-8")
    ports = [free_port(), free_port(), free_port()]
    instance.configure(
        'route "r" { to hook }\n', {"hook": "console://"},
        sources=[{"http": f"127.0.0.1:{ports[0]}", "token": "${file:token}"}],
        metrics={"listen": f"127.0.0.1:{ports[1]}", "token": "${file:token}"},
        admin={"listen": f"127.0.0.1:{ports[2]}", "token": "${file:token}"},
    )  # fmt: skip
    bridge = instance.bridge()
    wait_until(lambda: [asked(port, OLD) for port in ports] == [200, 200, 200], "the listeners")
    lock = instance.folder / "journal.db.courier.lock"
    wait_until(lambda: lock.exists() and lock.read_text(encoding="utf-8"), "the courier")
    assert [asked(port, NEW) for port in ports] == [401, 401, 401]
    courier = instance.courier_pid()
    (instance.folder / "token").write_text(NEW, encoding="utf-8")
    wait_until(lambda: [asked(port, NEW) for port in ports] == [200, 200, 200], "the new token")
    assert instance.courier_pid() == courier
    assert instance.stop(bridge) == 0
    assert [canary for canary in (OLD, NEW) if canary in instance.log] == []


def asked(port: int, token: str) -> int:
    """The status of the request that the listener answers; 0 while nothing listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    body = json.dumps({"rule": "r", "output": "o", "output_fields": {}, "priority": "Error"})
    try:
        with closing(connection):
            for method, path in (("POST", "/"), ("GET", "/metrics"), ("GET", "/api/v1/status")):
                connection.request(method, path, body, {"Authorization": f"Bearer {token}"})
                answer = connection.getresponse()
                answer.read()
                if answer.status in {200, 401}:
                    break
            return answer.status
    except OSError:
        return 0


def test_a_failing_channel_is_tried_at_once_with_its_new_secret(instance: Instance) -> None:
    """The next probe would be an hour away."""
    now = time.time_ns()
    down = Health(circuit=Circuit.OPEN, since_ns=now, failures=9, failing_ns=now)
    with closing(open_for_router(instance.journal_path)) as journal:
        journal.alerts.append("s", now, [entry("what waits", "hook")])
        journal.deliveries.settle([], {"hook": down})
    (instance.folder / "token").write_text(OLD, encoding="utf-8")
    busy = Answer(503, b"", {"Retry-After": "3600"})
    with FarSide(lambda request: Answer() if request.headers["X-Token"] == NEW else busy).serving() as server:
        url = f"webhook://127.0.0.1:{server.port}/?+X-Token=${{file:token}}"
        instance.configure('route "r" { to hook }\n', {"hook": url})
        bridge = instance.bridge()
        wait_until(lambda: server.requests, "the probe of the start")
        (instance.folder / "token").write_text(NEW, encoding="utf-8")
        wait_until(lambda: len(server.requests) == 2, "the waiting delivery")
        assert instance.stop(bridge) == 0
    assert [each.headers["X-Token"] for each in server.requests] == [OLD, NEW]


def test_a_running_bridge_sends_with_the_new_secret(instance: Instance) -> None:
    """Without a restart. Deliveries that waited arrive with the later ones, and no output shows a secret."""

    def answer(request: Request) -> Answer:
        token = request.headers["X-Token"]
        return Answer() if token == NEW else Answer(401, f"{token} has expired".encode())

    (instance.folder / "token").write_text(OLD, encoding="utf-8")
    with FarSide(answer).serving() as server:
        instance.configure(
            'route "r" { to hook }\n',
            {"hook": f"webhook://127.0.0.1:{server.port}/?+X-Token=${{file:token}}"},
            log={"level": "debug", "format": "json"},
        )
        falco = instance.falco("--generate", "--count", "400", "--rate", "20")
        bridge = instance.bridge()
        wait_until(lambda: server.requests, "an attempt with the old token")
        (instance.folder / "new").write_text(NEW, encoding="utf-8")
        (instance.folder / "new").rename(instance.folder / "token")
        wait_until(lambda: any(each.headers["X-Token"] == NEW for each in server.requests), "the new token")
        falco.kill()
        instance.await_settled()
        assert instance.stop(bridge) == 0
        assert {each.state for each in instance.deliveries()} == {DeliveryState.DELIVERED}
    assert "secrets rotated" in instance.log
    assert "courier exited" not in instance.log
    everything = instance.log + " ".join(each.reason for each in instance.deliveries())
    assert "HTTP 401: *** has expired" in everything
    assert [canary for canary in (OLD, NEW) if canary in everything] == []
