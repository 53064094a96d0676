"""The alert that an ``event`` in a route test describes."""

from __future__ import annotations

import msgspec

from bridge.alert import Alert, Priority, make_alert, parse_priority
from bridge.alert.alert import without_clock_fields
from bridge.alert.forms.json_value import is_missing, list_text
from bridge.alert.identity import TIME_DIGITS
from bridge.common.clocks.times import parse_time
from bridge.language.program.fields.kinds import ATTRIBUTES
from bridge.language.program.test_case import AlertReceived


def event_alert(event: AlertReceived, now_ns: int, number: int) -> Alert:
    """The alert, with defaults for everything that the event does not state.

    ``number`` counts the events of the test. It is in the id, so that equal events of one moment are different alerts.
    Missing values (``<NA>``) and the clock fields are those of a real alert.
    """
    attributes = {name: value for name, value in event.values.items() if name in ATTRIBUTES}
    values = {name: value for name, value in event.values.items() if name not in ATTRIBUTES}
    lists = {name: value for name, value in values.items() if isinstance(value, tuple)}
    fields = {name: list_text(value) if isinstance(value, tuple) else value for name, value in values.items()}
    stored = {name: value for name, value in without_clock_fields(fields).items() if not is_missing(name, value)}

    def text(name: str, default: str) -> str:
        value = attributes.get(name, default)
        return value if isinstance(value, str) else ", ".join(value)

    tags = attributes.get("tags", ())
    time_ns = parse_time(text("time", ""))
    alert = make_alert(
        time_ns=now_ns if time_ns is None else time_ns,
        priority=parse_priority(text("priority", "warning")) or Priority.WARNING,
        rule=text("rule", "test"),
        source=text("source", "syscall"),
        hostname=text("hostname", "node-1"),
        tags=tags if isinstance(tags, tuple) else (tags,),
        output=text("output", ""),
        fields=stored,
        lists=lists,
    )
    return msgspec.structs.replace(alert, id=f"{alert.id[:TIME_DIGITS]}{number:016x}")
