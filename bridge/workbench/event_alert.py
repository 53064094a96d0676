"""The alert that an ``event`` in a route test describes."""

from __future__ import annotations

from bridge.alert import Alert, Priority, make_alert, parse_priority
from bridge.alert.forms.json_value import list_text
from bridge.common.clocks.times import parse_time
from bridge.language.program.kinds import ATTRIBUTES
from bridge.language.program.test_case import AlertReceived


def event_alert(event: AlertReceived, now_ns: int, number: int) -> Alert:
    """The alert, with defaults for everything that the event does not state.

    ``number`` is added to the time, so that several events at one moment are different alerts.
    """
    attributes = {name: value for name, value in event.values.items() if name in ATTRIBUTES}
    values = {name: value for name, value in event.values.items() if name not in ATTRIBUTES}
    lists = {name: value for name, value in values.items() if isinstance(value, tuple)}
    fields = {name: list_text(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def text(name: str, default: str) -> str:
        value = attributes.get(name, default)
        return value if isinstance(value, str) else ", ".join(value)

    tags = attributes.get("tags", ())
    time_ns = parse_time(text("time", ""))
    return make_alert(
        time_ns=now_ns + number if time_ns is None else time_ns,
        priority=parse_priority(text("priority", "warning")) or Priority.WARNING,
        rule=text("rule", "test"),
        source=text("source", "syscall"),
        hostname=text("hostname", "node-1"),
        tags=tags if isinstance(tags, tuple) else (tags,),
        output=text("output", ""),
        fields=fields,
        lists=lists,
    )
