"""Composing messages: the first two lines say how bad, what, where and who, even with hostile text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from bridge.alert import Priority
from bridge.channels.message.compose import compose, message_of
from bridge.channels.render import plain
from bridge.delivery.delivery import Delivery
from bridge.routing import NotificationContext, NotificationKind
from tests.channels.deliveries import make_delivery
from tests.support.builders import alert, delivery, notification

FIELDS = {
    "k8s.ns.name": "payments",
    "k8s.pod.name": "api-0",
    "user.name": "root",
    "proc.cmdline": "rm -rf /data",
    "proc.pname": "bash",
}


def made(fields: dict[str, str], title: str | None = None, rule: str = "Shell") -> Delivery:
    """A delivery of an alert with these fields, with a route's title."""
    what = alert(0, rule=rule, hostname="node-3", tags=("t1",), fields=fields)
    return delivery(what, to=notification("c", "rm in prod", "all", severity=Priority.CRITICAL, title=title))


def test_the_first_two_lines_say_how_bad_what_where_and_who() -> None:
    """Severity and headline; then user and command, cluster, place and node."""
    message = compose(made(FIELDS, "rm -rf in %k8s.ns.name"), {"cluster": "eu-1"})
    assert message.subject == "[CRITICAL] rm -rf in payments"
    assert plain.body(message).splitlines()[0] == "root: rm -rf /data · eu-1 · payments/api-0 on node-3"
    for part in ("route: rm in prod, all", "proc.pname: bash", "id: ", "label.cluster: eu-1", "tags: t1"):
        assert part in plain.body(message)


@pytest.mark.parametrize(
    ("days", "since"), [(0.9, "since 12:04 UTC"), (1, "since 2026-01-05 12:04 UTC"), (9, "since 2026-01-05 12:04 UTC")]
)
@pytest.mark.parametrize("kind", [NotificationKind.SUMMARY, NotificationKind.ABSENT, NotificationKind.SINGLE])
def test_a_time_of_a_day_ago_has_its_date(days: float, since: str, kind: NotificationKind) -> None:
    first_ns = 1_767_614_640 * 10**9
    context = NotificationContext(kind, 3, 0, first_ns, first_ns)
    one = replace(made({}), created_ns=first_ns + round(days * 86_400) * 10**9)
    message = compose(replace(one, notification=structs.replace(one.notification, context=context)), {})
    assert since in message.headline


@pytest.mark.parametrize(
    ("fields", "summary"),
    [
        ({"container.name": "host", "container.id": "host", "user.name": "root"}, "root · node-3"),
        ({"container.image.repository": "nginx", "container.id": "3ad7b26ded6d"}, "nginx on node-3"),
        ({"container.id": "3ad7b26ded6d", "proc.cmdline": "sh"}, "sh · 3ad7b26ded6d on node-3"),
        ({"k8s.ns.name": "", "k8s.pod.name": "  ", "user.name": " ", "proc.cmdline": "\t"}, "node-3"),
    ],
)
def test_the_second_line_has_no_empty_parts(fields: dict[str, str], summary: str) -> None:
    """No container, empty and blank fields are left out; an image or an id replaces a missing name."""
    assert compose(made(fields), {}).summary == summary


@pytest.mark.parametrize(
    ("source", "fields", "summary"),
    [
        ("syscall", {"user.name": "", "user.uid": "1001", "proc.cmdline": "sh"}, "uid 1001: sh · node-3"),
        ("syscall", {"user.uid": "4294967295", "proc.cmdline": "sh"}, "sh · node-3"),
        ("k8s_audit", {"ka.verb": "get", "ka.target.resource": "secrets", "ka.response.code": "403"},
         "get secrets (failed: 403) · secrets"),
        ("k8s_audit", {"ka.verb": "get", "ka.target.resource": "secrets", "ka.response.code": "200"},
         "get secrets · secrets"),
        ("aws_cloudtrail", {"ct.user": "eve", "ct.name": "GetObject", "ct.srcip": "10.0.0.9", "ct.error": "AccessDenied"},
         "eve: GetObject from 10.0.0.9 (failed: AccessDenied) · node-3"),
        ("aws_cloudtrail", {"ct.name": "GetObject", "ct.region": "eu-west-1", "ct.error": ""},
         "GetObject · eu-west-1"),
    ],
)  # fmt: skip
def test_the_second_line_claims_nothing_that_did_not_happen(source: str, fields: dict[str, str], summary: str) -> None:
    """A request that failed says so, and what a plugin reports did not happen on the node of its Falco."""
    made_by = alert(0, source=source, hostname="node-3", fields=fields)
    assert compose(delivery(made_by, to=notification("c")), {}).summary == summary


def test_the_headline_of_a_text_line_is_its_output() -> None:
    """Falco without JSON does not say which rule it was."""
    for output in ("05:06:07.123456789: Warning Shell in api-0 (user=root)\nmore", "Shell in api-0 (user=root)"):
        made_by = alert(0, rule="", output=output)
        assert compose(delivery(made_by, to=notification("c")), {}).subject == "[ERROR] Shell in api-0 (user=root)"


def test_a_blank_headline_is_replaced_by_the_rule() -> None:
    """Or by a fixed text if rule and output are blank, too. A blank value is shown in quotes."""
    message = compose(made({"proc.cmdline": "  "}, "%proc.cmdline"), {})
    assert message.subject == "[CRITICAL] Shell"
    assert 'proc.cmdline: "  "' in plain.body(message)
    blank = alert(0, rule=" ", output=" ")
    assert compose(delivery(blank, to=notification("c")), {}).subject == "[ERROR] Falco alert"


def test_right_to_left_text_does_not_reorder_the_line() -> None:
    """Each such value is isolated: the order of the parts and of the count is kept."""
    arabic, hebrew = "\u0639\u0627\u0644\u0645 12", "\u05e9\u05dc\u05d5\u05dd"
    message = compose(made(FIELDS | {"user.name": hebrew, "proc.cmdline": arabic}, "%proc.cmdline"), {})
    held = replace(message, counts=replace(message.counts, suppressed=14))
    assert held.subject == f"[CRITICAL] \u2068{arabic}\u2069 (+14 held back)"
    assert held.summary == f"\u2068{hebrew}\u2069: \u2068{arabic}\u2069 · payments/api-0 on node-3"
    assert "\u2068" not in compose(made(FIELDS), {}).subject
    digest = message_of([make_delivery(1, rule=hebrew, hostname=hebrew), make_delivery(2, rule=arabic)], {})
    assert digest.headline == f"2 alerts: \u2068{hebrew}\u2069, \u2068{arabic}\u2069"
    assert digest.summary == f"\u2068payments on \u2068{hebrew}\u2069\u2069, payments on node-1"


def test_a_digest_names_the_cluster_once() -> None:
    """It is the same for all alerts, and the line of a phone is short."""
    message = message_of([make_delivery(n, hostname=f"node-{n}") for n in range(2)], {"cluster": "eu-1"})
    assert message.summary == "eu-1 · payments on node-0, payments on node-1"
    assert message_of([make_delivery()] * 2, {"cluster": "eu-1"}).summary == "eu-1 · payments on node-1"


def test_a_digest_of_messages_counts_each_alert_once() -> None:
    """One of them is about five alerts, and another says that the same five were not acknowledged."""
    one = make_delivery(1)
    five, escalation = (
        replace(one, notification=structs.replace(one.notification, context=NotificationContext(kind, 5, 3)))
        for kind in (NotificationKind.SUMMARY, NotificationKind.ESCALATION)
    )
    message = message_of([one, five, escalation], {})
    assert message.headline.startswith("3 messages: ")
    assert (message.counts.count, message.counts.suppressed) == (6, 0)


def test_a_digest_says_who_did_it() -> None:
    """The users of the worst alerts first, each once. The lines of the digest have the commands."""
    people = ["root", "nginx", "root"]
    message = message_of(
        [make_delivery(n, output_fields={"user.name": name, "proc.cmdline": "sh"}) for n, name in enumerate(people)], {}
    )
    assert message.summary == "root x2, nginx · node-1"
    alone = [make_delivery(n, output_fields={"user.name": "root", "proc.cmdline": "sh"}) for n in range(2)]
    assert message_of(alone, {}).summary == "root · node-1"


@pytest.mark.parametrize(
    ("title", "subject"),
    [
        (None, "[CRITICAL] Silent since 12:04 UTC, the last: Heartbeat"),
        ("No sign of Falco on %hostname", "[CRITICAL] No sign of Falco on node-1"),
    ],
)
def test_the_message_of_a_silent_key_does_not_look_like_its_last_alert(title: str | None, subject: str) -> None:
    """Unless the route's title says what the silence means."""
    last_ns = 1_767_614_640_000_000_000  # 2026-01-05 12:04 UTC
    silent = make_delivery(rule="Heartbeat")
    context = NotificationContext(NotificationKind.ABSENT, first_ns=last_ns, last_ns=last_ns)
    about = structs.replace(silent.notification, title=title, context=context)
    assert compose(replace(silent, notification=about), {}).subject == subject


HOSTILE = [
    "a\nb",
    "a\r\nSubject: x",
    "\x1b[2Jcleared",
    "\u202egnp.exe",
    "zero\u200bwidth",
    "tag\U000e0041",
    "half \ud800 pair",
    "x" * 100_000,
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_cannot_leave_its_line(value: str) -> None:
    """Control characters are escaped; a headline is one bounded line; the text can be encoded."""
    message = compose(made(FIELDS | {"proc.cmdline": value}, "ran %proc.cmdline", rule=value), {})
    assert "\n" not in message.subject
    assert len(message.subject) < 300
    assert len(plain.body(message)) < 20_000
    text = message.subject + plain.body(message)
    text.encode()
    assert not any(character in text for character in "\x1b\r\u202e\u200b\U000e0041")
    assert [line for line in plain.body(message).splitlines() if line.startswith("Subject")] == []


def test_a_long_command_is_cut_in_the_middle() -> None:
    """Both ends are shown."""
    message = compose(made(FIELDS | {"proc.cmdline": "curl " + "a" * 5000 + " | sh"}, "%proc.cmdline"), {})
    assert message.subject.startswith("[CRITICAL] curl aaa")
    assert message.subject.endswith("aaa | sh")


def test_the_first_two_lines_of_a_digest_start_with_the_worst_alert() -> None:
    """However frequent the others are."""
    noise = [make_delivery(n, rule=f"Noise {n % 4}", hostname="node-9") for n in range(90)]
    quiet = [replace(each, notification=structs.replace(each.notification, severity=Priority.NOTICE)) for each in noise]
    message = message_of([*quiet, make_delivery(99, rule="Reverse shell", hostname="node-7")], {})
    assert message.subject.startswith("[CRITICAL] 91 alerts: Reverse shell, Noise 0 x23, ")
    assert message.summary.startswith("payments on node-7, payments on node-9 x90")
