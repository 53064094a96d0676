"""Builders of test data: alerts, programs, notifications, entries and deliveries, each with plain defaults.

A builder returns a valid value without arguments; a test names only what it is about.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from bridge.alert import Alert, Priority, make_alert
from bridge.alert.forms.json_form import decode_json
from bridge.delivery import Delivery, DeliveryState, Settlement
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.language.program.program import Program
from bridge.routing import Decision, Entry, Notification, NotificationContext, Reason, Routed

RULE = "Terminal shell"
ROUTE = "shells"
CHANNEL = "chat"


def alert(
    number: int = 1,
    *,
    rule: str = RULE,
    priority: Priority = Priority.ERROR,
    source: str = "syscall",
    hostname: str = "node-1",
    tags: tuple[str, ...] = (),
    output: str | None = None,
    fields: Mapping[str, str] | None = None,
) -> Alert:
    """An alert. ``number`` is its time in nanoseconds, so alerts with different numbers have different ids."""
    return make_alert(
        time_ns=number, priority=priority, rule=rule, source=source, hostname=hostname, tags=tags,
        output=f"alert {number}" if output is None else output, fields=dict(fields or {}),
    )  # fmt: skip


def falco_json(**members: object) -> bytes:
    """An alert as Falco's JSON; ``members`` replace those of the default."""
    body = {
        "hostname": "node-1",
        "output": "shell in a pod",
        "output_fields": {"proc.cmdline": "rm -rf /", "proc.vpid": 20072, "k8s.ns.name": "payments"},
        "priority": "Warning",
        "rule": RULE,
        "source": "syscall",
        "tags": ["shell"],
        "time": "2026-03-04T05:06:07.123456789Z",
    }
    return json.dumps(body | members).encode()


def decoded_alert(**members: object) -> Alert:
    """The alert that ``falco_json`` decodes to."""
    decoded = decode_json(falco_json(**members), 1)
    assert isinstance(decoded, Alert), decoded
    return decoded


def program_of(text: str) -> Program:
    """The checked program of a route file's text. Fails where the text has an error."""
    checked = check([SourceText("test.route", text)], Known(None, None))
    assert checked.program is not None, checked.diagnostics
    return checked.program


def notification(
    channel: str = CHANNEL,
    *routes: str,
    severity: Priority = Priority.ERROR,
    title: str | None = None,
    message: str | None = None,
    incident: str = "",
    ordered: bool = False,
    about: str | None = None,
) -> Notification:
    """A notification for one channel, asked for by ``routes`` (by default one route)."""
    context = NotificationContext(incident=incident) if incident else None
    return Notification(
        channel, routes or (ROUTE,), severity, title, message, context=context, ordered=ordered, about=about
    )


def routed(*channels: str, route: str = ROUTE, incident: str = "", ordered: bool = False) -> Routed:
    """What one route decides: a notification for each channel; by default for one channel."""
    channels = channels or (CHANNEL,)
    notifications = tuple(notification(channel, route, incident=incident, ordered=ordered) for channel in channels)
    return Routed((Decision(route, Reason.SENT, channels),), notifications)


def entry(
    what: Alert | int = 1, *channels: str, route: str = ROUTE, incident: str = "", ordered: bool = False
) -> Entry:
    """An alert, or the alert of that number, with what one route decided about it."""
    decided = routed(*channels, route=route, incident=incident, ordered=ordered)
    return Entry(alert(what) if isinstance(what, int) else what, decided)


def entries(*numbers: int, channel: str = CHANNEL) -> list[Entry]:
    """An entry for each alert number, each for one channel."""
    return [entry(number, channel) for number in numbers]


def delivery(
    what: Alert | None = None,
    identity: int = 1,
    *,
    to: Notification | None = None,
    attempts: int = 0,
    created_ns: int = 0,
) -> Delivery:
    """A delivery of an alert, by default the one that ``decoded_alert`` returns."""
    return Delivery(
        identity, decoded_alert() if what is None else what, notification() if to is None else to, attempts, created_ns
    )


def settlement(
    delivery_id: int = 1,
    state: DeliveryState = DeliveryState.DELIVERED,
    at_ns: int = 0,
    *,
    due_ns: int | None = None,
    status: int | None = None,
    reason: str = "",
) -> Settlement:
    """The end of an attempt at ``at_ns``; a pending delivery is due again at ``due_ns``."""
    return Settlement(delivery_id, state, at_ns, at_ns if due_ns is None else due_ns, status, reason)
