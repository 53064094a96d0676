"""What a silence would have held back, judged by the recorded alerts and decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from bridge.alert import Alert
from bridge.journal.records import RecordedAlert
from bridge.language.program.condition import Condition
from bridge.language.program.fields.carriers import carriers_of
from bridge.language.program.program import Redaction
from bridge.language.program.schedule import Schedule
from bridge.matching import compile_condition
from bridge.matching.normal import fields_of
from bridge.routing import Decision, Reason

_MOST_EXAMPLES = 5
_CHECK_EVERY = 500
"""Alerts that are judged between two looks at the time."""
_NOTIFIED = frozenset({Reason.SENT, Reason.UNMATCHED, Reason.GROUPED})
"""A grouped alert is part of a digest that is sent later."""
_OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Preview:
    """What a silence would have held back."""

    alerts: int = 0
    by_route: Counter[str] = field(default_factory=Counter)
    by_channel: Counter[str] = field(default_factory=Counter)
    examples: tuple[Alert, ...] = ()
    """The latest alert of each rule, redacted; the latest first."""
    unjudged: Counter[str] = field(default_factory=Counter)
    """Alerts whose text the condition reads and ``redact`` has removed, by field. The silence may decide otherwise."""
    stopped_ns: int | None = None
    """When the alert was received at which the time was up: none before it was judged. None if all were judged."""


def preview(
    recorded: Iterable[RecordedAlert],
    condition: Condition,
    schedule: Schedule | None,
    redactions: Iterable[Redaction],
    labels: Mapping[str, str],
    time_is_up: Callable[[], bool],
) -> Preview:
    """Judge alerts that were recorded, the newest first, until the time is up."""
    predicate = compile_condition(condition, labels)
    masks = _masks(condition, redactions)
    found = Preview()
    examples: dict[str, Alert] = {}
    count, stopped_ns = 0, None
    for number, each in enumerate(recorded, start=1):
        if number % _CHECK_EVERY == 0 and time_is_up():
            stopped_ns = each.received_ns
            break
        notified = [decision for decision in each.decisions if _notifies(decision)]
        if not notified or (schedule is not None and not schedule.holds(each.received_ns)):
            continue
        alert = each.alert
        found.unjudged.update(name for name, texts in masks.items() if _contains(alert, name, texts))
        if not predicate(alert):
            continue
        count += 1
        found.by_route.update(decision.route for decision in notified)
        found.by_channel.update({channel for decision in notified for channel in decision.channels})
        if len(examples) < _MOST_EXAMPLES:
            examples.setdefault(alert.rule, alert)
    return Preview(count, found.by_route, found.by_channel, (*examples.values(),), found.unjudged, stopped_ns)


def _notifies(decision: Decision) -> bool:
    return decision.reason in _NOTIFIED and bool(decision.channels or decision.reason is Reason.GROUPED)


def _masks(condition: Condition, redactions: Iterable[Redaction]) -> dict[str, set[str]]:
    """The masks that can be in each field that the condition reads."""
    read: set[str] = set()
    for name in fields_of(condition):
        carriers = carriers_of(name)
        read.update((name,) if carriers is None else carriers.names)
    masks: dict[str, set[str]] = {}
    for redaction in redactions:
        for name in (*redaction.fields, _OUTPUT):  # the output line repeats what is masked in a field
            if name in read and redaction.replacement:
                masks.setdefault(name, set()).add(redaction.replacement)
    return masks


def _contains(alert: Alert, name: str, texts: Iterable[str]) -> bool:
    value = alert.output if name == _OUTPUT else alert.fields.get(name, "")
    return any(text in value for text in texts)
