"""The digest of several messages: what its first two lines say, and a line for each alert. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter

from bridge.alert import Priority
from bridge.channels.message.message import AlertCounts, Message
from bridge.channels.message.second_line import PART, SEPARATOR, cluster_of, joined
from bridge.common.text import isolated, shortened
from bridge.routing import NotificationKind

_HEADLINE = 200
_NAME = 100
_SINGLE = NotificationKind.SINGLE
_REPEATING = frozenset({NotificationKind.ESCALATION, NotificationKind.ACKNOWLEDGED, NotificationKind.RESOLVED})
"""Messages about alerts that other messages were about."""
_MAX_LISTED = 3
"""Headlines and places that the first two lines of a digest list."""


def digest_of(messages: Sequence[Message], labels: Mapping[str, str]) -> Message:
    """One message for several: number, severity, headlines, people, places; a line for each, worst first."""
    alerts = sorted(messages, key=lambda each: (each.severity, each.time_ns))
    worst = alerts[0]
    noun = "alerts" if all(each.kind is _SINGLE and each.counts.count == 1 for each in alerts) else "messages"
    counted = [each.counts for each in alerts if each.kind not in _REPEATING]
    times = [each.time_ns for each in alerts]
    cluster = cluster_of(labels)
    local = [replace(each, where=each.where.removeprefix(cluster).removeprefix(SEPARATOR)) for each in alerts]
    return Message(
        headline=shortened(f"{len(alerts)} {noun}: {_most_important(alerts, _headline)}", _HEADLINE),
        severity=worst.severity,
        where=joined(cluster, shortened(_most_important(local, _place), PART * 2)),
        who=shortened(_most_important(alerts, _who), PART),
        action="",
        text="",
        rule=_most_important(alerts, _rule),
        priority=min(each.priority for each in alerts),
        source=worst.source,
        hostname=worst.hostname,
        tags=(),
        time_ns=max(times),
        fields=(),
        labels=worst.labels,
        routes=tuple(dict.fromkeys(route for each in alerts for route in each.routes)),
        id=worst.id,
        incident=message_key(*sorted(each.incident for each in alerts)),
        counts=AlertCounts(
            max(sum(each.count for each in counted), 1),
            sum(each.suppressed for each in counted),
            min(times),
            max(times),
        ),
        links=tuple(link for link in worst.links if all(link in each.links for each in alerts)),
        alerts=tuple(alerts),
    )


_headline, _place, _rule, _who = attrgetter("headline"), attrgetter("where"), attrgetter("rule"), attrgetter("who")


def _most_important(alerts: Sequence[Message], part: Callable[[Message], str]) -> str:
    """A few values, those of the worst alerts first, then the most frequent: ``Reverse shell, Sudo x12 and 3 more``."""
    counted: dict[str, int] = {}
    worst: dict[str, Priority] = {}
    for alert in alerts:
        if value := part(alert):
            counted[value] = counted.get(value, 0) + 1
            worst[value] = min(worst.get(value, alert.severity), alert.severity)
    ordered = sorted(counted.items(), key=lambda item: (worst[item[0]], -item[1]))
    if len(ordered) == 1:
        return shortened(ordered[0][0], _NAME)
    listed = [(isolated(shortened(value, _NAME)), count) for value, count in ordered[:_MAX_LISTED]]
    texts = [value + (f" x{count}" if count > 1 else "") for value, count in listed]
    more = len(ordered) - len(texts)
    return ", ".join(texts) + (f" and {more} more" if more else "")


def message_key(*parts: str) -> str:
    """A key of 32 hexadecimal digits for parts of any length and content."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()
