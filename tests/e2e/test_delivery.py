"""From Falco to the bytes that the services receive, in real processes."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from bridge.delivery import DeliveryState
from bridge.simulate.samples import samples_folder
from tests.e2e.harness import Instance
from tests.support.certificates import make_authority
from tests.support.far_side import Answer, FarSide, Request, connect_proxy
from tests.support.waiting import wait_until

SAMPLES = samples_folder() / "alerts.jsonl"
RM_IN_PROD = """
route "rm -rf in prod" {
  when proc.cmdline contains "rm -rf" and k8s.ns.name in (payments, checkout, prod-eu)
  to CHANNEL
  severity critical
  title "%user.name ran %proc.cmdline"
}
"""


def destructive_in_prod() -> list[dict[str, object]]:
    """The samples that the route must match, found without the bridge."""
    alerts = [json.loads(line) for line in SAMPLES.read_text(encoding="utf-8").splitlines() if line.strip()]
    picked = [
        alert
        for alert in alerts
        if "rm -rf" in (alert.get("output_fields", {}).get("proc.cmdline") or "")
        and alert["output_fields"].get("k8s.ns.name") in {"payments", "checkout", "prod-eu"}
    ]
    assert picked
    return picked


def sample_count() -> int:
    return sum(1 for line in SAMPLES.read_text(encoding="utf-8").splitlines() if line.strip())


def play(instance: Instance) -> None:
    """Every sample from Falco to the journal, every delivery settled, everything stopped."""
    instance.falco(str(SAMPLES))
    bridge = instance.bridge()
    instance.await_kept(sample_count())
    instance.await_settled()
    assert instance.stop(bridge) == 0, instance.log


@pytest.fixture
def services(tmp_path: Path, instance: Instance) -> Iterator[FarSide]:
    """A TLS server in place of Slack's and PagerDuty's APIs, reached through a proxy."""
    authority = make_authority(tmp_path)
    pair = authority.issue("services", ("hooks.slack.com", "events.pagerduty.com", "api.opsgenie.com"))
    with FarSide(answer_as_the_services_do, pair).serving() as server, connect_proxy(server.port) as proxy:
        instance.environment = {"HTTPS_PROXY": proxy, "REQUESTS_CA_BUNDLE": str(authority.certificate)}
        yield server


def answer_as_the_services_do(request: Request) -> Answer:
    if request.host.startswith("events.pagerduty.com"):
        return Answer(202, b'{"status":"success","message":"Event processed","dedup_key":"x"}')
    if request.host.startswith("api.opsgenie.com"):
        return Answer(202, b'{"result":"Request will be processed","took":0.3,"requestId":"x"}')
    return Answer(200, b"ok")


def test_slack_receives_what_the_route_picked_and_nothing_else(instance: Instance, services: FarSide) -> None:
    """Each rm -rf in a prod namespace reaches Slack's API once, under the route's own headline."""
    instance.configure(
        RM_IN_PROD.replace("CHANNEL", "secops"), {"secops": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/"}
    )
    play(instance)
    expected = destructive_in_prod()
    assert len(services.requests) == len(expected)
    for request in services.requests:
        assert request.path == "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
        text = json.dumps(json.loads(request.body))
        assert "rm -rf" in text
        assert "rm -rf in prod" in text
    bodies = b"".join(request.body for request in services.requests).decode()
    for alert in expected:
        assert alert["output_fields"]["k8s.pod.name"] in bodies  # type: ignore[index]


def test_pagerduty_receives_an_event_for_each_alert(instance: Instance, services: FarSide) -> None:
    """PagerDuty's events API gets a trigger with the integration key and the severity that the route gave."""
    key = "a" * 32
    instance.configure(RM_IN_PROD.replace("CHANNEL", "oncall"), {"oncall": f"pagerduty://{key}@apikey00000000000000"})
    play(instance)
    assert len(services.requests) == len(destructive_in_prod())
    for request in services.requests:
        event = json.loads(request.body)
        assert event["event_action"] == "trigger"
        assert event["routing_key"] == key
        assert event["payload"]["severity"] == "critical"
        assert "rm -rf" in json.dumps(event)


def test_opsgenie_receives_notices_too(instance: Instance, services: FarSide) -> None:
    """Apprise alone sends no request for them and reports success."""
    instance.configure(
        'route "all" { when rule exists to ops severity notice }\n',
        {"ops": {"url": "opsgenie://0a1b2c3d-key/", "rate": "unlimited", "digest_after": "never"}},
    )
    play(instance)
    kept = [each for each in instance.kept() if each.decisions]
    assert len(services.requests) == len(kept)
    assert {request.path for request in services.requests} == {"/v2/alerts"}


def test_text_of_an_attacker_causes_no_mention_in_slack(instance: Instance, services: FarSide) -> None:
    """In the request: no mention of a channel, no link and no entity."""
    hostile = {"time": "2026-01-01T00:00:00.1Z", "rule": "Shell", "priority": "Notice", "source": "syscall",
               "hostname": "h", "tags": [], "output": "out <!channel> <http://evil|bank> & <@U1>",
               "output_fields": {"proc.cmdline": "echo <!here> <http://evil|click>", "evt.time": 1}}  # fmt: skip
    (instance.folder / "a.jsonl").write_text(json.dumps(hostile) + "\n", encoding="utf-8")
    instance.configure('route "all" { to secops title "%proc.cmdline" }\n',
                   {"secops": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/"})  # fmt: skip
    instance.falco("a.jsonl")
    bridge = instance.bridge()
    instance.await_kept(1)
    instance.await_settled()
    assert instance.stop(bridge) == 0, instance.log
    (request,) = services.requests
    text = json.dumps(json.loads(request.body), ensure_ascii=False)
    assert "&lt;!channel&gt;" in text
    assert not [mark for mark in ("<!channel>", "<!here>", "<http", "<@U1>") if mark in text]


def test_a_json_webhook_receives_every_alert_once(instance: Instance, far_side: FarSide) -> None:
    """Without a condition every sample arrives, each with its id, none twice."""
    instance.configure(
        'route "everything" { when priority >= debug to hook }', {"hook": f"json://127.0.0.1:{far_side.port}/x"}
    )
    play(instance)
    kept = {each.alert.id for each in instance.kept() if each.decisions}
    bodies = [request.body.decode() for request in far_side.requests]
    assert len(bodies) == len(kept)
    for identity in kept:
        assert sum(identity in body for body in bodies) == 1


class Mailbox:
    """Records what a real SMTP server received."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], Message]] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.messages.append((envelope.rcpt_tos, message_from_bytes(envelope.content)))
        return "250 OK"


def test_mail_arrives_with_its_headline_as_subject(instance: Instance) -> None:
    """An SMTP server receives one message an alert, the subject says what happened, the body carries the pod."""
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        instance.configure(
            RM_IN_PROD.replace("CHANNEL", "mail"),
            {"mail": f"mailto://127.0.0.1:{port}?from=falco@example.com&to=secops@example.com&mode=insecure"},
        )
        play(instance)
    finally:
        controller.stop()
    expected = destructive_in_prod()
    assert len(mailbox.messages) == len(expected)
    for recipients, message in mailbox.messages:
        assert recipients == ["secops@example.com"]
        assert "rm -rf" in str(message["Subject"])


def test_a_busy_channel_is_tried_again_and_a_refusing_one_leaves_a_dead_letter(instance: Instance) -> None:
    """503 and then 200: delivered. 413: a dead letter with status and reason, while the other is delivered."""
    seen: set[bytes] = set()

    def busy_at_first(request: Request) -> Answer:
        first = request.body not in seen
        seen.add(request.body)
        return Answer(503, b"busy", {"Retry-After": "0"}) if first else Answer()

    with FarSide(busy_at_first).serving() as busy, FarSide(lambda _: Answer(413, b"too large")).serving() as gone:
        instance.configure(
            RM_IN_PROD.replace("CHANNEL", "busy, gone"),
            {"busy": f"json://127.0.0.1:{busy.port}/", "gone": f"json://127.0.0.1:{gone.port}/"},
        )
        play(instance)
    expected = len(destructive_in_prod())
    by_channel = {name: [each for each in instance.deliveries() if each.channel == name] for name in ("busy", "gone")}
    assert [each.state for each in by_channel["busy"]] == [DeliveryState.DELIVERED] * expected
    assert [each.state for each in by_channel["gone"]] == [DeliveryState.DEAD] * expected
    assert all(each.status == 413 for each in by_channel["gone"])
    assert len(busy.requests) == 2 * expected
    assert len(gone.requests) == expected


def test_a_hanging_channel_does_not_hold_up_another(instance: Instance, far_side: FarSide) -> None:
    """While one channel's server accepts and never answers, the other channel's deliveries all arrive."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        instance.configure(
            RM_IN_PROD.replace("CHANNEL", "stuck, hook"),
            {
                "stuck": f"json://127.0.0.1:{hanging.getsockname()[1]}/",
                "hook": f"json://127.0.0.1:{far_side.port}/",
            },
            shutdown={"drain": "1s"},
        )
        instance.falco(str(SAMPLES))
        bridge = instance.bridge()
        expected = len(destructive_in_prod())
        wait_until(lambda: len(far_side.requests) == expected, "the healthy channel's deliveries", seconds=20)
        assert instance.stop(bridge) == 0
    waiting = [each for each in instance.deliveries() if each.channel == "stuck"]
    assert len(waiting) == expected
    assert all(each.state in {DeliveryState.PENDING, DeliveryState.CLAIMED} for each in waiting)


def test_the_file_channel_keeps_a_json_line_a_delivery(instance: Instance) -> None:
    """A file:// channel holds every matching alert with its route and severity, readable by its owner only."""
    instance.configure(RM_IN_PROD.replace("CHANNEL", "archive"), {"archive": "file://archive.jsonl"})
    play(instance)
    archive = instance.folder / "archive.jsonl"
    lines = [json.loads(line) for line in archive.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == len(destructive_in_prod())
    assert all("rm -rf in prod" in json.dumps(line) for line in lines)
    assert archive.stat().st_mode & 0o777 == 0o600
