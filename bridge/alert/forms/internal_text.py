"""Recognizes the text form of the messages that Falco writes about itself.

Falco writes them in a fixed form. A line is recognized only if the whole of it has that form, so that a rule whose
output begins with a value from an attacker is not taken for an internal alert.
"""

from __future__ import annotations

import re

from bridge.alert.alert import is_clock_field
from bridge.alert.internal import DROP_RULE, RESTART_RULE, SNAPSHOT_RULE, TIMEOUT_RULE
from bridge.alert.priority import Priority

_FORMS = (
    (SNAPSHOT_RULE, {Priority.INFORMATIONAL}, re.compile(r"Falco metrics snapshot \(")),
    (
        DROP_RULE,
        {Priority.DEBUG, Priority.CRITICAL},  # Critical before Falco 0.27
        re.compile(
            r"Falco internal: syscall event drop\. (?P<n_drops>\d{1,20}) system calls dropped in last second\. ?\("
        ),
    ),
    (
        TIMEOUT_RULE,
        {Priority.DEBUG, Priority.CRITICAL},
        re.compile(r"Falco internal: timeouts notification\. \d{1,20} consecutive timeouts without event\. ?\("),
    ),
)  # fmt: skip
_RESTART = "Falco internal: hot restart failure: "
"""Followed by free text."""
_DROP_LOG = re.compile(
    r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}: "
    r"Falco internal: syscall event drop\. (\d{1,20}) system calls dropped in last second\.\s*"
)
"""The same in Falco's log, without counters."""
_PAIR = re.compile(r'([A-Za-z_][A-Za-z0-9_.-]*)=("[^"]*"|[-+.0-9A-Za-z]+)([ )])')


def internal_message(output: str, priority: Priority) -> tuple[str, dict[str, str]] | None:
    """The rule and the fields of an internal message, without time and priority. None if it is not entirely one."""
    if priority is Priority.CRITICAL and output.startswith(_RESTART):
        return RESTART_RULE, {}
    for rule, priorities, form in _FORMS:
        head = form.match(output) if priority in priorities else None
        fields = None if head is None else _pairs(output, head.end())
        if head is not None and fields is not None:
            return rule, {**head.groupdict(), **fields}
    return None


def dropped_by_log(line: str) -> dict[str, str] | None:
    """The fields of a line of Falco's log about event drops. None if the line is not one."""
    match = _DROP_LOG.fullmatch(line)
    return None if match is None else {"n_drops": match[1]}


def _pairs(output: str, start: int) -> dict[str, str] | None:
    if not output.endswith(")"):
        return None
    fields: dict[str, str] = {}
    while start < len(output):
        pair = _PAIR.match(output, start)
        if pair is None or (pair[3] == ")") is not (pair.end() == len(output)):
            return None
        fields[pair[1]] = pair[2].strip('"')
        start = pair.end()
    return {name: value for name, value in fields.items() if not is_clock_field(name)}
