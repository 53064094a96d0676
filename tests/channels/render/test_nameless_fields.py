"""A field with an empty name in the messages of routes with memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.alert import Priority
from bridge.alert.forms.json_form import decode_json
from bridge.channels.message.compose import compose
from bridge.channels.native.alertmanager import AlertmanagerChannel
from bridge.channels.native.shared.address import parse_address
from bridge.channels.render import opsgenie, slack, teams
from bridge.routing import Notification, NotificationContext, NotificationKind
from tests.channels.deliveries import make_delivery

ALERT = Path(__file__).parents[2] / "data" / "alerts" / "03-empty-field-name.json"
VALUES = {"waited": "1", "notified": "chat", "actor": "", "2.": "x", "2.proc.name": ""}


def texts(value: Any) -> Iterator[str]:
    """The names of members and the texts of a payload, that its reader requires not to be empty."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from [member] if name == "text" and isinstance(member, str) else texts(member)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


@pytest.mark.parametrize("kind", NotificationKind)
def test_no_message_has_an_empty_name_or_text(kind: NotificationKind) -> None:
    """Slack, Teams and Opsgenie refuse the whole message where a name or a text is empty; so does Alertmanager."""
    alert = decode_json(ALERT.read_bytes().strip(), received_ns=0)
    context = NotificationContext(kind, 3, suppressed=2, values=VALUES, alerts=("a", "b", "c"), incident="1" * 16)
    notification = Notification("c", ("r",), Priority.WARNING, context=context)
    made = replace(make_delivery(), alert=alert, notification=notification, others=(alert, alert))
    message = compose(made, {})
    payloads: list[dict[str, Any]] = [
        slack.payload({"channel": "#a", "text": "x", "attachments": []}, message),
        opsgenie.payload({"message": "x"}, message),
        teams.payload({"type": "message"}, message),
    ]
    for payload in payloads:
        found = list(texts(payload))
        assert len(found) > 1
        assert all(each.strip() for each in found)
    channel = AlertmanagerChannel("c", parse_address("alertmanager://h", ()), {}, lambda: 1.9e9)
    (posted,) = json.loads(channel.body([made]))
    for name, value in [*posted["labels"].items(), *posted["annotations"].items()]:
        assert re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name)
        assert value
