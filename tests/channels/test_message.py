"""What a person reads at three in the morning: plain in two lines, whatever an attacker wrote."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.alert import Alert, Priority, make_alert
from bridge.channels.message.compose import compose, message_of
from bridge.channels.render import plain
from bridge.delivery.delivery import Delivery
from bridge.routing import Notification
from tests.channels.deliveries import make_delivery

FIELDS = {
    "k8s.ns.name": "payments",
    "k8s.pod.name": "api-0",
    "user.name": "root",
    "proc.cmdline": "rm -rf /data",
    "proc.pname": "bash",
}


def delivery(fields: dict[str, str], title: str | None = None, rule: str = "Shell") -> Delivery:
    what: Alert = make_alert(time_ns=0, priority=Priority.WARNING, rule=rule, source="syscall", hostname="node-3",
                             tags=("t1",), output="line", fields=fields)  # fmt: skip
    return Delivery(1, what, Notification("c", ("rm in prod", "all"), Priority.CRITICAL, title), 0, 0)


def test_two_lines_tell_what_where_who_and_how_bad() -> None:
    """Severity and headline; then cluster, place, node, user, command."""
    message = compose(delivery(FIELDS, "rm -rf in %k8s.ns.name"), {"cluster": "eu-1"})
    assert message.subject == "[CRITICAL] rm -rf in payments"
    assert plain.body(message).splitlines()[0] == "eu-1 · payments/api-0 on node-3 · root: rm -rf /data"
    for part in ("route: rm in prod, all", "proc.pname: bash", "id: ", "label.cluster: eu-1", "tags: t1"):
        assert part in plain.body(message)


@pytest.mark.parametrize(
    ("fields", "lede"),
    [
        ({"container.name": "host", "container.id": "host", "user.name": "root"}, "node-3 · root"),
        ({"container.image.repository": "nginx", "container.id": "3ad7b26ded6d"}, "nginx on node-3"),
        ({"container.id": "3ad7b26ded6d", "proc.cmdline": "sh"}, "3ad7b26ded6d on node-3 · sh"),
        ({"k8s.ns.name": "", "k8s.pod.name": "  ", "user.name": " ", "proc.cmdline": "\t"}, "node-3"),
    ],
)
def test_what_says_nothing_takes_no_room_in_the_second_line(fields: dict[str, str], lede: str) -> None:
    """No container is none, the empty and the blank are passed over, an image or an id stands in for a name."""
    assert compose(delivery(fields), {}).summary == lede


def test_a_headline_that_would_be_blank_is_the_rules_name() -> None:
    """And where that is blank too, it is still told what this is; a blank row shows its blanks."""
    message = compose(delivery({"proc.cmdline": "  "}, "%proc.cmdline"), {})
    assert message.subject == "[CRITICAL] Shell"
    assert 'proc.cmdline: "  "' in plain.body(message)
    assert compose(delivery({}, rule=" "), {}).subject == "[CRITICAL] Falco alert"


def test_what_runs_from_right_to_left_moves_nothing_of_ours() -> None:
    """Each such value is laid out by itself: who stays before what, and the count behind the headline."""
    arabic, hebrew = "\u0639\u0627\u0644\u0645 12", "\u05e9\u05dc\u05d5\u05dd"
    message = compose(delivery(FIELDS | {"user.name": hebrew, "proc.cmdline": arabic}, "%proc.cmdline"), {})
    held = replace(message, counts=replace(message.counts, suppressed=14))
    assert held.subject == f"[CRITICAL] \u2068{arabic}\u2069 (+14 held back)"
    assert held.summary == f"payments/api-0 on node-3 · \u2068{hebrew}\u2069: \u2068{arabic}\u2069"
    assert "\u2068" not in compose(delivery(FIELDS), {}).subject
    digest = message_of([make_delivery(1, rule=hebrew, hostname=hebrew), make_delivery(2, rule=arabic)], {})
    assert digest.headline == f"2 alerts: \u2068{hebrew}\u2069, \u2068{arabic}\u2069"
    assert digest.summary == f"\u2068payments on \u2068{hebrew}\u2069\u2069, payments on node-1"


def test_a_digest_names_its_cluster_once() -> None:
    """It is the same for all of them, and a phone's line is short."""
    message = message_of([make_delivery(n, hostname=f"node-{n}") for n in range(2)], {"cluster": "eu-1"})
    assert message.summary == "eu-1 · payments on node-0, payments on node-1"
    assert message_of([make_delivery()] * 2, {"cluster": "eu-1"}).summary == "eu-1 · payments on node-1"


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
def test_what_attackers_write_stays_in_its_line(value: str) -> None:
    """Controls are shown, not obeyed; a headline is one line and bounded; the text can be sent."""
    message = compose(delivery(FIELDS | {"proc.cmdline": value}, "ran %proc.cmdline", rule=value), {})
    assert "\n" not in message.subject
    assert len(message.subject) < 300
    assert len(plain.body(message)) < 20_000
    text = message.subject + plain.body(message)
    text.encode()
    assert not any(character in text for character in "\x1b\r\u202e\u200b\U000e0041")
    assert [line for line in plain.body(message).splitlines() if line.startswith("Subject")] == []


def test_a_long_command_keeps_both_its_ends() -> None:
    """The middle goes, the point stays."""
    message = compose(delivery(FIELDS | {"proc.cmdline": "curl " + "a" * 5000 + " | sh"}, "%proc.cmdline"), {})
    assert message.subject.startswith("[CRITICAL] curl aaa")
    assert message.subject.endswith("aaa | sh")


def test_a_digests_first_lines_begin_with_the_worst_however_common_the_rest_is() -> None:
    """Nobody looks for the one line that matters among ninety that do not."""
    noise = [make_delivery(n, rule=f"Noise {n % 4}", hostname="node-9") for n in range(90)]
    quiet = [replace(each, notification=replace(each.notification, severity=Priority.NOTICE)) for each in noise]
    message = message_of([*quiet, make_delivery(99, rule="Reverse shell", hostname="node-7")], {})
    assert message.subject.startswith("[CRITICAL] 91 alerts: Reverse shell, Noise 0 x23, ")
    assert message.summary.startswith("payments on node-7, payments on node-9 x90")
