"""A storm is one incident: services that know incidents get trigger, acknowledge and resolve under one key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import Instance
from tests.support.certificates import make_authority
from tests.support.far_side import Answer, FarSide, Request, connect_proxy
from tests.support.waiting import wait_until

ROUTES = 'route "shells" { to duty, ops, prom, chat, quiet throttle 100 per 1h by user.name }\n'
KEY = "a" * 32
ALIAS = "?identifierType=alias"


@pytest.fixture
def services(tmp_path: Path, instance: Instance) -> Iterator[FarSide]:
    """A TLS server in place of PagerDuty's and Opsgenie's APIs, reached through a proxy."""
    authority = make_authority(tmp_path)
    pair = authority.issue("services", ("events.pagerduty.com", "api.opsgenie.com"))
    with FarSide(answer, pair).serving() as server, connect_proxy(server.port) as proxy:
        instance.environment = {
            "HTTPS_PROXY": proxy, "REQUESTS_CA_BUNDLE": str(authority.certificate), "NO_PROXY": "127.0.0.1",
        }  # fmt: skip
        yield server


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    yield instance
    instance.end()


def answer(request: Request) -> Answer:
    if request.host.startswith("events.pagerduty.com"):
        return Answer(202, b'{"status":"success","message":"Event processed","dedup_key":"x"}')
    return Answer(202, b'{"result":"Request will be processed","took":0.3,"requestId":"x"}')


def test_a_storm_is_one_incident_that_is_acknowledged_and_resolved(instance: Instance, services: FarSide) -> None:
    """PagerDuty, Opsgenie and Alertmanager; a chat with ``resolved: true`` is notified of the end alone."""
    with FarSide().serving() as local:
        instance.configure(
            ROUTES,
            {
                "duty": f"pagerduty://{KEY}@not-used", "ops": "opsgenie://a1b2c3d4-0000-4000-8000-a1b2c3d4e5f6",
                "prom": f"alertmanager://127.0.0.1:{local.port}",
                "chat": {"url": "file://chat.jsonl", "resolved": True}, "quiet": "file://quiet.jsonl",
            },
            sources=[{"socket": "in.sock"}],
        )  # fmt: skip
        bridge = instance.bridge()
        instance.await_logged('"started"')
        alerts = [
            {"rule": f"rule {number % 2}", "output": f"o{number}", "priority": "Error", "time": f"2026-03-04T05:06:0{number}Z",
             "output_fields": {"user.name": "root", "k8s.pod.name": f"api-{number}"}} for number in range(3)
        ]  # fmt: skip
        (instance.folder / "storm.jsonl").write_text("".join(json.dumps(each) + "\n" for each in alerts), "utf-8")
        command(instance, "send", "storm.jsonl", "--socket", "in.sock")
        wait_until(lambda: len(services.requests) == 6 and len(alerts_of(local)) == 3, "three alerts at each service")
        command(instance, "ack", "shells", "--config", "falco-bridge.yaml")
        wait_until(lambda: len(services.requests) == 8, "the acknowledgement")
        command(instance, "resolve", "shells", "--config", "falco-bridge.yaml")
        wait_until(lambda: len(services.requests) == 10 and len(alerts_of(local)) == 4, "the end")
        instance.await_settled()
        assert instance.stop(bridge) == 0
        duty = [json.loads(each.body) for each in services.requests if "pagerduty" in each.host]
        assert [each["event_action"] for each in duty] == ["trigger"] * 3 + ["acknowledge", "resolve"]
        assert len({each["dedup_key"] for each in duty}) == 1
        ops = [each for each in services.requests if "opsgenie" in each.host]
        (alias,) = {json.loads(each.body)["alias"] for each in ops[:3]}
        assert [each.path for each in ops] == ["/v2/alerts"] * 3 + [
            f"/v2/alerts/{alias}/acknowledge{ALIAS}", f"/v2/alerts/{alias}/close{ALIAS}",
        ]  # fmt: skip
        assert json.loads(ops[3].body)["note"].startswith("Acknowledged by ")
        assert len({json.dumps(each["labels"], sort_keys=True) for each in alerts_of(local)}) == 1
        *firing, ended = alerts_of(local)
        assert ended["endsAt"] < min(each["endsAt"] for each in firing)
    assert (lines(instance, "chat"), lines(instance, "quiet")) == (4, 3)


def alerts_of(server: FarSide) -> list[dict[str, str]]:
    return [alert for request in server.requests for alert in json.loads(request.body)]


def lines(instance: Instance, channel: str) -> int:
    return len((instance.folder / f"{channel}.jsonl").read_text("utf-8").splitlines())


def command(instance: Instance, *words: str) -> None:
    assert instance.start(*words, output="command.log").wait(120) == 0
