"""An alert from a text line, as Falco writes it with ``json_output: false``.

A text line tells when (without the day), how bad, and the words of the rule's output. It does not name the rule, the
source or the node, and its ``key=value`` pairs bear the names that the rule's author chose, not those of fields: they
stay in ``output``, where conditions can look for them (``bridge.language.falco.text_alerts`` knows more where the
rules are at hand). What Falco says of itself is written by no attacker and always in one form: that is read in full.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta, tzinfo

from bridge.alert.alert import INTERNAL_SOURCE, Alert, is_clock_field, make_alert
from bridge.alert.forms.json_form import SYSCALL_SOURCE
from bridge.alert.internal import DROP_RULE, SNAPSHOT_RULE
from bridge.alert.malformed import Malformed, too_large
from bridge.alert.priority import Priority, parse_priority

_LINE = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)\.(\d{9}): ([A-Z][a-z]+) ")
_FULL = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})[+-]\d{4}: ([A-Z][a-z]+) ")
"""With ``time_format_iso_8601``."""
_SNAPSHOT = re.compile(r"Falco metrics snapshot \(")
_DROP = re.compile(r"Falco internal: syscall event drop\. \d{1,20} system calls dropped in last second\. \(")
_PAIR = re.compile(r'([A-Za-z_][A-Za-z0-9_.-]*)=("[^"]*"|[-+.0-9A-Za-z]+)([ )])')
_SECOND_NS = 1_000_000_000
_DAY_NS = 86_400 * _SECOND_NS
_AHEAD_NS = 60 * _SECOND_NS
"""A clock may be so far ahead of ours; what is further ahead was written yesterday."""


def said_in(line: str) -> str | None:
    """What the rule's output says in a text line, behind time and priority; None where it does not begin so."""
    match = _LINE.match(line) or _FULL.match(line)
    return None if match is None else line[match.end() :]


def begins_text(line: bytes) -> bool:
    """Whether a line begins as a text alert does."""
    head = line[:64].decode("latin-1")
    return bool(_LINE.match(head) or _FULL.match(head))


def decode_text(body: bytes, received_ns: int, zone: tzinfo | None = None) -> Alert | Malformed:
    """The alert in one text line. Pure, and total: whatever the bytes, it never raises.

    ``zone`` is that of Falco's clock (its ``/etc/localtime``), UTC without it; ISO 8601 tells its own.
    """
    refused = too_large(body)
    if refused is not None:
        return refused
    line = body.decode("utf-8", "replace").rstrip("\r\n")
    match = _LINE.match(line)
    if match is not None:
        hours, minutes, seconds, nanoseconds = map(int, match.groups()[:4])
        of_day = ((hours * 60 + minutes) * 60 + seconds) * _SECOND_NS + nanoseconds
        return _alert(line, _inferred(of_day, received_ns, zone), match[5])
    match = _FULL.match(line)
    if match is not None:
        from bridge.common.times import parse_time

        time_ns = parse_time(f"{match[1]}.{match[2]}{line[29:34]}")
        return _alert(line, received_ns if time_ns is None else time_ns, match[3])
    return Malformed("is neither JSON nor a text line of Falco's")


def _inferred(of_day: int, received_ns: int, zone: tzinfo | None) -> int:
    """When it was that time last, by the clock of the zone."""
    latest_ns = received_ns + _AHEAD_NS
    if zone is not None:
        return _inferred_in(zone, of_day, latest_ns)
    time_ns = received_ns // _DAY_NS * _DAY_NS + of_day
    return time_ns - _DAY_NS if time_ns > latest_ns else time_ns


def _inferred_in(zone: tzinfo, of_day: int, latest_ns: int) -> int:
    """Today or yesterday; where the clock is set back an hour comes twice, and its second time is tried first."""
    seconds, nanoseconds = divmod(of_day, _SECOND_NS)
    clock = time(seconds // 3600, seconds // 60 % 60, seconds % 60, tzinfo=zone)
    try:
        today = datetime.fromtimestamp(latest_ns // _SECOND_NS, zone).date()
        days = (today, today, today - timedelta(1), today - timedelta(1))
        walls = (datetime.combine(day, clock.replace(fold=fold)) for day, fold in zip(days, (1, 0, 1, 0), strict=True))
        moments = [int(wall.timestamp()) * _SECOND_NS + nanoseconds for wall in walls]
    except (ValueError, OverflowError, OSError):  # a receipt beyond the calendar
        return latest_ns - _AHEAD_NS
    return next((moment for moment in moments if moment <= latest_ns), moments[-1])


def _alert(line: str, time_ns: int, priority: str) -> Alert:
    severity = parse_priority(priority) or Priority.EMERGENCY
    said = said_in(line) or ""
    fields = _own_fields(said, severity)
    if fields is None:
        rule, source, fields = "", SYSCALL_SOURCE, {}
    else:
        rule, source = (SNAPSHOT_RULE if severity is Priority.INFORMATIONAL else DROP_RULE), INTERNAL_SOURCE
    return make_alert(
        time_ns=time_ns,
        priority=severity,
        rule=rule,
        source=source,
        hostname=fields.get("evt.hostname", ""),
        tags=(),
        output=line,
        fields=fields,
    )


def _own_fields(said: str, priority: Priority) -> dict[str, str] | None:
    """What Falco tells of itself: the whole line is a snapshot or a drop, or this is None."""
    form = {Priority.INFORMATIONAL: _SNAPSHOT, Priority.DEBUG: _DROP}.get(priority)
    begun = None if form is None else form.match(said)
    if begun is None or not said.endswith(")"):
        return None
    start = begun.end()
    fields: dict[str, str] = {}
    while start < len(said):
        pair = _PAIR.match(said, start)
        if pair is None or (pair[3] == ")") is not (pair.end() == len(said)):
            return None
        fields[pair[1]] = pair[2].strip('"')
        start = pair.end()
    return {name: value for name, value in fields.items() if not is_clock_field(name)}
