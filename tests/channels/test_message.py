"""What a person reads at three in the morning: plain in two lines, whatever an attacker wrote."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.alert import Alert, Priority, make_alert
from bridge.channels.compose import compose, message_of
from bridge.channels.render import plain
from bridge.journal.model import Delivery
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
    assert message.lede.startswith("payments on node-7, payments on node-9 x90")
