"""The form of a message for each service, compared with golden files; ``FALCO_BRIDGE_GOLDEN=rewrite`` writes them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from bridge.alert import Alert, Priority
from bridge.alert.alert import is_clock_field
from bridge.alert.forms.json_form import decode_json
from bridge.channels.message.compose import compose, compose_digest, message_of
from bridge.channels.message.fit import utf16
from bridge.channels.message.message import Message, MessageLink
from bridge.channels.render import discord, mattermost, ntfy, opsgenie, pagerduty, plain, slack, teams, telegram
from bridge.channels.render.mail import mail_content
from bridge.delivery import Delivery
from bridge.language.program.link import Link
from bridge.routing import Notification, NotificationContext, NotificationKind
from tests.channels.deliveries import TIME_NS, make_delivery
from tests.support.recordings import FULL_JSON, http_bodies

GOLDEN = Path(__file__).parent / "golden"
FIELDS = {
    "container.image.repository": "docker.io/library/nginx",
    "evt.type": "execve",
    "fd.name": "10.0.0.7:41234->185.220.101.4:4444",
    "k8s.ns.name": "payments",
    "k8s.pod.name": "api-0",
    "proc.cmdline": "sh -c rm -rf /data && echo `id` <b> @here *x*",
    "proc.name": "sh",
    "proc.vpid": 20072,
    "user.name": "root",
    "user.uid": 0,
}
OUTPUT = "05:06:07.123456789: Warning Shell spawned in a container (user=root k8s_pod=api-0)\nand a line of its own"
LABELS = {"cluster": "eu-1", "team": "payments"}


def one() -> Message:
    """The message of one alert with everything that a message can have."""
    made = make_delivery(output=OUTPUT, output_fields=FIELDS, tags=["container", "mitre_execution"])
    titled = Notification("c", ("rm -rf in prod", "everything"), Priority.CRITICAL, "rm -rf in %k8s.ns.name")
    message = compose(replace(made, notification=titled), LABELS)
    link = MessageLink("Acknowledge", "https://bridge.example.com/ack/1")
    return replace(message, counts=replace(message.counts, suppressed=14), links=(link,))


def several() -> Message:
    """A digest."""
    names = ("Terminal shell", "Sudo", "Terminal shell")
    alerts = [make_delivery(number, rule=name, hostname=f"node-{number}") for number, name in enumerate(names)]
    worst = replace(alerts[1], notification=structs.replace(alerts[1].notification, severity=Priority.EMERGENCY))
    return compose_digest([alerts[0], worst, alerts[2]], LABELS)


def remembered(context: NotificationContext, others: int = 0) -> Message:
    """The message of a notification of a route with memory."""
    made = make_delivery(output=OUTPUT, output_fields=FIELDS)
    notification = Notification("c", ("rm -rf in prod",), Priority.CRITICAL, "rm -rf in %k8s.ns.name", context=context)
    named = tuple(
        make_delivery(number, output_fields=FIELDS | {"proc.cmdline": f"rm -rf /{number}"}).alert
        for number in range(others)
    )
    return compose(replace(made, notification=notification, others=named), LABELS)


def chosen() -> Message:
    """The message of a route with ``fields`` and ``link``."""
    made = make_delivery(output=OUTPUT, output_fields=FIELDS)
    runbook = Link("Runbook", "https://wiki.example/shells")
    logs = Link("Logs (100%)", "https://logs.example/q?cmd=%proc.cmdline&pod=%k8s.pod.name#%toupper(user.name)")
    missing = Link("Missing", "https://logs.example/%proc.pname")
    notification = Notification(
        "c", ("rm -rf in prod",), Priority.CRITICAL, fields=("user.name", "proc.cmdline", "proc.pname", "label.team"),
        links=(runbook, logs, missing),
    )  # fmt: skip
    return compose(replace(made, notification=notification), LABELS)


SPAN = {"first_ns": TIME_NS - 600 * 10**9, "last_ns": TIME_NS, "incident": "881db239e2ee21e2", "key": "payments/api-0"}
JOINED = {"audit.ka.user.name": "alice@corp", "audit.ka.verb": "create"}
MESSAGES: dict[str, Callable[[], Message]] = {
    "one": one,
    "chosen": chosen,
    "several": several,
    "group": lambda: remembered(
        NotificationContext(NotificationKind.DIGEST, 132, suppressed=7, alerts=("a", "b", "c"), **SPAN), 3
    ),
    "summary": lambda: remembered(NotificationContext(NotificationKind.SUMMARY, 132, **SPAN)),
    "threshold": lambda: remembered(NotificationContext(NotificationKind.SINGLE, 5, **SPAN)),
    "joined": lambda: remembered(NotificationContext(NotificationKind.SINGLE, values=JOINED, **SPAN)),
    "escalation": lambda: remembered(
        NotificationContext(
            NotificationKind.ESCALATION, 3, values={"waited": str(900 * 10**9), "notified": "secops, chat"}, **SPAN
        )
    ),
    "acknowledged": lambda: remembered(
        NotificationContext(
            NotificationKind.ACKNOWLEDGED, 3, values={"waited": str(120 * 10**9), "actor": "alice"}, **SPAN
        )
    ),
    "resolved": lambda: remembered(
        NotificationContext(NotificationKind.RESOLVED, 3, values={"waited": str(900 * 10**9), "actor": ""}, **SPAN)
    ),
}


def as_json(
    render: Callable[[dict[str, Any], Message], dict[str, Any]], requested: dict[str, Any]
) -> Callable[[Message], str]:
    return lambda message: json.dumps(render(requested, message), indent=1, ensure_ascii=False) + "\n"


FORMS: dict[str, Callable[[Message], str]] = {
    "slack.json": as_json(slack.payload, {"channel": "#alerts", "text": "x", "mrkdwn": True, "attachments": []}),
    "discord.json": as_json(discord.payload, {"username": "Falco", "content": "x", "tts": False, "wait": True}),
    "teams.json": as_json(teams.payload, {"type": "message"}),
    "ntfy.json": as_json(ntfy.payload, {"topic": "alerts", "title": "x", "message": "x"}),
    "telegram.json": as_json(telegram.payload, {"chat_id": "1", "text": "x", "parse_mode": "HTML"}),
    "mattermost.json": as_json(mattermost.payload, {"channel": "alerts", "username": "Falco", "text": "x"}),
    "mattermost-bot.json": as_json(mattermost.payload, {"channel_id": "c1", "message": "x"}),
    "pagerduty.json": as_json(pagerduty.payload, {"routing_key": "k", "client": "Falco", "payload": {"summary": "x"}}),
    "opsgenie.json": as_json(opsgenie.payload, {"message": "x", "responders": [{"type": "team", "name": "secops"}]}),
    "mail.html": lambda message: mail_content(message).html,
    "mail.txt": lambda message: f"{mail_content(message).subject}\n\n{mail_content(message).text}",
    "plain.txt": lambda message: f"{message.subject}\n{plain.body(message)}\n",
    "sms.txt": lambda message: f"{plain.body(message, 160)}\n",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", MESSAGES)
def test_a_form_equals_its_golden_file(which: str, form: str) -> None:
    """The whole payload."""
    rendered = FORMS[form](MESSAGES[which]())
    path = GOLDEN / f"{which}-{form}"
    if os.environ.get("FALCO_BRIDGE_GOLDEN") == "rewrite":
        path.write_text(rendered, encoding="utf-8")
    assert rendered == path.read_text(encoding="utf-8")


def test_every_golden_file_belongs_to_a_form() -> None:
    """None is left over."""
    assert {path.name for path in GOLDEN.iterdir()} == {f"{which}-{form}" for which in MESSAGES for form in FORMS}


@pytest.mark.parametrize(
    ("fields", "source", "summary"),
    [
        ({"ka.user.name": "eve", "ka.verb": "delete", "ka.target.namespace": "prod", "ka.target.resource": "secrets",
          "ka.target.name": "db"}, "k8s_audit", "eve: delete secrets · prod/secrets/db"),
        ({"ct.user": "eve", "ct.name": "DeleteTrail", "ct.region": "eu-west-1"}, "aws_cloudtrail",
         "eve: DeleteTrail · eu-west-1"),
        ({"okta.actor.alternateid": "eve@example.com", "okta.evt.type": "user.session.start", "okta.org": "acme"}, "okta",
         "eve@example.com: user.session.start · acme"),
        ({"github.user": "eve", "github.type": "push", "github.repo.name": "acme/web"}, "github",
         "eve: push · acme/web"),
        ({"ka.user.name": "eve", "ka.verb": "create", "ka.target.namespace": "prod", "ka.target.resource": "pods",
          "ka.target.name": "api-0", "ka.target.subresource": "exec", "ka.uri.param[command]": "bash"}, "k8s_audit",
         "eve: exec bash · prod/pods/api-0"),
        ({"ct.user": "eve", "ct.name": "GetObject", "ct.srcip": "203.0.113.9"}, "aws_cloudtrail",
         "eve: GetObject from 203.0.113.9 · node-1"),
        ({"cmd.text": "echo x > /etc/cron.d/x", "cmd.who": "eve@example.com", "user.name": "root", "proc.name": "bash",
          "k8s.ns.name": "prod", "k8s.pod.name": "api-0"}, "terminal",
         "eve@example.com: echo x > /etc/cron.d/x · prod/api-0 on node-1"),
        ({"cmd.text": "ls", "user.name": "root", "proc.name": "bash"}, "terminal", "root: ls · node-1"),
        ({"evt.type": "open"}, "syscall", "open · node-1"),
        ({}, "syscall", "node-1"),
    ],
)  # fmt: skip
def test_the_second_line_says_who_what_and_where_for_every_source(
    fields: dict[str, str], source: str, summary: str
) -> None:
    """Plugins have fields of their own for this."""
    assert compose(make_delivery(output_fields=fields, source=source), {}).summary == summary


def test_repeats_of_an_alert_have_the_same_incident_key() -> None:
    """The same route and alert in any attempt; another alert has another key."""
    first, again, other = (compose(make_delivery(number), {}) for number in (1, 2, 2))
    assert first.incident == again.incident == other.incident
    assert compose(make_delivery(rule="Other"), {}).incident != first.incident


@pytest.mark.parametrize("priority", Priority)
def test_every_severity_is_mapped_for_every_pager(priority: Priority) -> None:
    """Falco has eight levels, PagerDuty four, Opsgenie five; the order is kept."""
    message = replace(one(), severity=priority)
    assert (
        pagerduty.payload({}, message)["payload"]["severity"]
        == (["critical"] * 3 + ["error", "warning"] + ["info"] * 3)[priority]
    )
    assert opsgenie.payload({}, message)["priority"] == ("P1", "P1", "P1", "P2", "P3", "P4", "P5", "P5")[priority]


ANY_TEXT = st.text(max_size=3000)


@given(st.dictionaries(st.text(min_size=1, max_size=60), ANY_TEXT, max_size=40), ANY_TEXT, ANY_TEXT, st.integers(1, 30))
def test_no_form_exceeds_the_limits_of_its_service(fields: dict[str, str], rule: str, output: str, count: int) -> None:
    """For any alert, and for a digest of many."""
    alert = Alert("id", TIME_NS, Priority.NOTICE, rule, "syscall", "host", (), output, fields)
    delivery = Delivery(1, alert, Notification("c", ("r",), Priority.ERROR, "%rule on %hostname"), 0, 1)
    message = message_of([delivery] * count, {"cluster": "eu-1"})
    (embed,) = discord.payload({}, message)["embeds"]
    assert len(embed["title"]) <= 256
    assert len(embed["description"]) <= 4096
    sent = telegram.payload({"chat_id": "1"}, message)
    assert utf16(sent["text"]) <= 4096
    assert len(sent["entities"]) <= 100
    assert len(json.dumps(teams.payload({}, message), ensure_ascii=False).encode()) <= 28 * 1024
    blocks = slack.payload({}, message)["attachments"][0]["blocks"]
    assert len(blocks) <= 50
    assert len(opsgenie.payload({}, message)["description"]) <= 15_000
    for room in (140, 500, 1000, 2000, 10_000):
        assert len(plain.body(message, room)) <= room


@pytest.mark.parametrize("name", FULL_JSON)
def test_a_message_contains_everything_of_a_recorded_alert(name: str) -> None:
    """Every output field with a value, tags, host, time, source, rule and id."""
    for raw in http_bodies(name):
        alert = decode_json(raw, 1)
        assert isinstance(alert, Alert)
        delivery = Delivery(1, alert, Notification("c", ("r",), alert.priority), 0, 1)
        text = plain.body(compose(delivery, {}), 40_000).replace("\n", " ")
        falco = json.loads(raw)
        for field, value in (falco.get("output_fields") or {}).items():
            if value not in (None, "<NA>") and not is_clock_field(field):
                assert f"{field}: " in text
        for part in (
            falco["rule"],
            falco["priority"],
            falco["source"],
            falco["hostname"],
            *falco.get("tags", ()),
            alert.id,
        ):
            assert part in text
        for fact in compose(delivery, {}).fields:
            assert f"{fact.name}: {fact.value}" in text
