"""Decodes alerts from text lines, as Falco writes them with ``json_output: false``.

A text line has the time of day, the priority and the output of the rule. It lacks the rule, the alert source and the
node, and its ``key=value`` pairs have names chosen by the author of the rule, not names of fields. Conditions can
search ``output``; ``bridge.language.falco.text_alerts`` recovers more if the rules are known. Internal alerts have a
fixed format without content from attackers and are parsed completely.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta, tzinfo

from bridge.alert.alert import INTERNAL_SOURCE, Alert, make_alert
from bridge.alert.forms.internal_text import dropped_by_log, internal_message
from bridge.alert.forms.json_form import SYSCALL_SOURCE
from bridge.alert.internal import DROP_RULE
from bridge.alert.malformed import Malformed, too_large
from bridge.alert.priority import Priority, parse_priority
from bridge.common.clocks.times import DAY_NS, SECOND_NS, parse_time

_PRIORITIES = "Emergency|Alert|Critical|Error|Warning|Notice|Info(?:rmational)?|Debug"
_LINE = re.compile(rf"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)\.(\d{{9}}): ({_PRIORITIES}) ")
_FULL = re.compile(rf"(\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{{9}})[+-]\d{{4}}: ({_PRIORITIES}) ")
"""With ``time_format_iso_8601``."""
_MAX_AHEAD_NS = 60 * SECOND_NS
"""How far Falco's clock may be ahead. A time that is further ahead is from yesterday."""


def output_of_line(line: str) -> str | None:
    """The output of the rule in a text line, after time and priority. None if the line does not start with these."""
    match = _LINE.match(line) or _FULL.match(line)
    return None if match is None else line[match.end() :]


def starts_text_alert(line: bytes) -> bool:
    """Whether a line starts like a text alert."""
    head = line[:64].decode("latin-1")
    return bool(_LINE.match(head) or _FULL.match(head))


def decode_text(body: bytes, received_ns: int, zone: tzinfo | None = None) -> Alert | Malformed:
    """The alert in a text line. Never raises.

    ``zone`` is the time zone of Falco's clock (its ``/etc/localtime``); None is UTC. ISO 8601 times have their own.
    """
    refused = too_large(body)
    if refused is not None:
        return refused
    line = body.decode("utf-8", "replace").rstrip("\r\n")
    match = _LINE.match(line)
    if match is not None:
        hours, minutes, seconds, nanoseconds = map(int, match.groups()[:4])
        of_day = ((hours * 60 + minutes) * 60 + seconds) * SECOND_NS + nanoseconds
        return _alert(line, _inferred(of_day, received_ns, zone), match[5])
    match = _FULL.match(line)
    if match is not None:
        time_ns = parse_time(f"{match[1]}.{match[2]}{line[29:34]}")
        return _alert(line, received_ns if time_ns is None else time_ns, match[3])
    return Malformed("is neither JSON nor a text line of Falco")


def _inferred(of_day: int, received_ns: int, zone: tzinfo | None) -> int:
    """The latest past occurrence of a time of day, in the zone."""
    latest_ns = received_ns + _MAX_AHEAD_NS
    if zone is not None:
        return _inferred_in(zone, of_day, latest_ns)
    time_ns = received_ns // DAY_NS * DAY_NS + of_day
    return time_ns - DAY_NS if time_ns > latest_ns else time_ns


def _inferred_in(zone: tzinfo, of_day: int, latest_ns: int) -> int:
    """Today or yesterday. When clocks are set back an hour occurs twice; the second occurrence is tried first."""
    seconds, nanoseconds = divmod(of_day, SECOND_NS)
    clock = time(seconds // 3600, seconds // 60 % 60, seconds % 60, tzinfo=zone)
    try:
        today = datetime.fromtimestamp(latest_ns // SECOND_NS, zone).date()
        days = (today, today, today - timedelta(1), today - timedelta(1))
        walls = (datetime.combine(day, clock.replace(fold=fold)) for day, fold in zip(days, (1, 0, 1, 0), strict=True))
        moments = [int(wall.timestamp()) * SECOND_NS + nanoseconds for wall in walls]
    except (ValueError, OverflowError, OSError):  # received at a time outside of the calendar
        return latest_ns - _MAX_AHEAD_NS
    return next((moment for moment in moments if moment <= latest_ns), moments[-1])


def _alert(line: str, time_ns: int, priority: str) -> Alert:
    severity = parse_priority(priority)
    assert severity is not None, "the pattern of a line names the priorities"
    found = internal_message(output_of_line(line) or "", severity)
    rule, fields = ("", {}) if found is None else found
    return make_alert(
        time_ns=time_ns,
        priority=severity,
        rule=rule,
        source=SYSCALL_SOURCE if found is None else INTERNAL_SOURCE,
        hostname=fields.get("evt.hostname", ""),
        tags=(),
        output=line,
        fields=fields,
    )


def decode_drop_log(line: bytes, received_ns: int) -> Alert | None:
    """The internal alert for a line of Falco's log about event drops, or None."""
    text = line[:512].decode("utf-8", "replace")
    fields = dropped_by_log(text)
    return (
        None
        if fields is None
        else make_alert(
            time_ns=received_ns,
            priority=Priority.DEBUG,
            rule=DROP_RULE,
            source=INTERNAL_SOURCE,
            hostname="",
            tags=(),
            output=text.strip(),
            fields=fields,
        )
    )
