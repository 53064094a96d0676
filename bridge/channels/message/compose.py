"""From a delivery, or a digest of many, to the message. Pure: what a person reads does not depend on when."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter

from bridge.alert import Alert, Priority
from bridge.channels.message.message import Counts, Fact, Message
from bridge.common.text import isolated, one_line, shortened, visible
from bridge.common.times import iso_text
from bridge.delivery.delivery import Delivery
from bridge.language.program.template import Lookup, fill, parse_template

_HEADLINE = 200
_PART = 160
"""Of the second line: where, who and what each."""
_NAME = 100
_VALUE = 2000
_TEXT = 8000
_MOST_FIELDS = 100
_BETWEEN = " · "
_MOST_NAMED = 3
"""Headlines and places that a digest's first two lines name."""

_PLACES = (
    ("k8s.ns.name", "k8s.pod.name"),
    ("ka.target.namespace", "ka.target.resource", "ka.target.name"),
    ("container.name",),
    ("container.image.repository",),
    ("container.id",),
    ("ct.region",),
    ("gcp.projectId",),
    ("github.repo.name",),
    ("github.repo",),
    ("okta.org",),
)
_ACTORS = (
    "user.name",
    "ka.user.name",
    "ct.user",
    "gcp.user",
    "okta.actor.alternateid",
    "okta.actor.name",
    "github.user",
)
_ACTIONS = (
    "proc.cmdline",
    "proc.name",
    "ka.verb",
    "ct.name",
    "gcp.methodName",
    "okta.evt.type",
    "github.type",
    "evt.type",
    "bridge.reason",
)
_NO_CONTAINER = "host"
"""What Falco calls the container of a process that is in none: the host is named anyway."""


def compose(delivery: Delivery, labels: Mapping[str, str]) -> Message:
    """The message of one delivery; ``labels`` are the config's static ones."""
    alert, notification = delivery.alert, delivery.notification
    text = _block(alert.output.strip())
    if notification.message is not None:
        text = shortened(fill(parse_template(notification.message), _lookup(delivery, labels), _block), _TEXT)
    named = sorted(alert.fields.items())
    return Message(
        headline=headline_of(delivery, labels),
        severity=notification.severity,
        where=_where(alert, labels),
        who=_first(alert, _ACTORS),
        did=_first(alert, _ACTIONS),
        text=text,
        rule=one_line(alert.rule, _HEADLINE),
        priority=alert.priority,
        source=one_line(alert.source, _NAME),
        hostname=one_line(alert.hostname.strip(), _HEADLINE),
        tags=tuple(one_line(tag, _NAME) for tag in alert.tags[:_MOST_FIELDS]),
        time_ns=alert.time_ns,
        fields=tuple(_fact(name, value) for name, value in named[:_MOST_FIELDS]),
        labels=tuple(_fact(f"label.{name}", value) for name, value in sorted(labels.items())),
        routes=notification.routes,
        id=alert.id,
        incident=_digest(notification.routes[0], alert.id),
        counts=Counts(first_ns=alert.time_ns, last_ns=alert.time_ns),
        fields_left_out=max(len(named) - _MOST_FIELDS, 0),
    )


def headline_of(delivery: Delivery, labels: Mapping[str, str]) -> str:
    """The message's headline alone, at a fraction of the cost: all that machines are told of it."""
    title, filled = delivery.notification.title, ""
    if title is not None:
        filled = fill(parse_template(title), _lookup(delivery, labels), lambda value: one_line(value, _VALUE))
    return one_line(filled.strip() or delivery.alert.rule.strip() or "Falco alert", _HEADLINE)


def compose_digest(deliveries: Sequence[Delivery], labels: Mapping[str, str]) -> Message:
    """One message that names them all: how many, how bad, which, where, and then a line each, the worst first."""
    alerts = sorted((compose(each, labels) for each in deliveries), key=lambda each: (each.severity, each.time_ns))
    worst = alerts[0]
    times = [each.time_ns for each in alerts]
    cluster = _cluster(labels)
    places = [replace(each, where=each.where.removeprefix(cluster).removeprefix(_BETWEEN)) for each in alerts]
    return Message(
        headline=shortened(f"{len(alerts)} alerts: {_some(alerts, _headline)}", _HEADLINE),
        severity=worst.severity,
        where=_joined(cluster, shortened(_some(places, _place), _PART * 2)),
        who="",
        did="",
        text="",
        rule=_some(alerts, _rule),
        priority=min(each.priority for each in alerts),
        source=worst.source,
        hostname=worst.hostname,
        tags=(),
        time_ns=max(times),
        fields=(),
        labels=worst.labels,
        routes=tuple(dict.fromkeys(route for each in alerts for route in each.routes)),
        id=worst.id,
        incident=_digest(*sorted(each.incident for each in alerts)),
        counts=Counts(
            sum(each.counts.count for each in alerts),
            sum(each.counts.suppressed for each in alerts),
            min(times),
            max(times),
        ),
        alerts=tuple(alerts),
    )


def message_of(deliveries: Sequence[Delivery], labels: Mapping[str, str]) -> Message:
    """The message of one, or the digest of several."""
    return compose(deliveries[0], labels) if len(deliveries) == 1 else compose_digest(deliveries, labels)


def _lookup(delivery: Delivery, labels: Mapping[str, str]) -> Lookup:
    """Values for templates: the alert's fields and attributes, the config's labels, the route."""
    alert, notification = delivery.alert, delivery.notification
    told = {
        "rule": alert.rule,
        "source": alert.source,
        "hostname": alert.hostname,
        "output": alert.output,
        "message": alert.output,
        "priority": str(alert.priority),
        "severity": str(notification.severity),
        "tags": ", ".join(alert.tags),
        "route": notification.routes[0],
        "time": iso_text(alert.time_ns),
        "first": iso_text(alert.time_ns),
        "last": iso_text(alert.time_ns),
        "count": "1",
        "suppressed": "0",
    }

    def value(name: str) -> str | None:
        if name.startswith("label."):
            return labels.get(name.removeprefix("label."))
        return (told[name] or None) if name in told else alert.get(name)

    return value


def _where(alert: Alert, labels: Mapping[str, str]) -> str:
    """``eu-1 · payments/api-0 on node-3``, as far as it is known."""
    places = ("/".join(filter(None, (_told(alert, name) for name in names))) for names in _PLACES)
    place = next(filter(None, places), "")
    parts = (one_line(part, _PART) for part in (place, alert.hostname.strip()) if part)
    return _joined(_cluster(labels), " on ".join(map(isolated, parts)))


def _cluster(labels: Mapping[str, str]) -> str:
    return one_line(labels.get("cluster", "").strip(), _NAME)


def _joined(*parts: str) -> str:
    return _BETWEEN.join(part for part in parts if part)


def _first(alert: Alert, names: tuple[str, ...]) -> str:
    return one_line(next((value for name in names if (value := _told(alert, name))), ""), _PART)


def _told(alert: Alert, name: str) -> str:
    """A field's value, where it says anything."""
    value = (alert.get(name) or "").strip()
    return "" if value == _NO_CONTAINER and name.startswith("container.") else value


_headline, _place, _rule = attrgetter("headline"), attrgetter("where"), attrgetter("rule")


def _some(alerts: Sequence[Message], part: Callable[[Message], str]) -> str:
    """A few of what they say, of the worst alerts first, then the commonest: ``Reverse shell, Sudo x12 and 3 more``."""
    counted: dict[str, int] = {}
    worst: dict[str, Priority] = {}
    for alert in alerts:
        if value := part(alert):
            counted[value] = counted.get(value, 0) + 1
            worst[value] = min(worst.get(value, alert.severity), alert.severity)
    common = sorted(counted.items(), key=lambda item: (worst[item[0]], -item[1]))
    if len(common) == 1:
        return shortened(common[0][0], _NAME)
    named = [(isolated(shortened(value, _NAME)), count) for value, count in common[:_MOST_NAMED]]
    told = [value + (f" x{count}" if count > 1 else "") for value, count in named]
    more = len(common) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "")


def _fact(name: str, value: str) -> Fact:
    """A field that is there and empty, or blank, is not one that is missing."""
    return Fact(one_line(name, _NAME), one_line(value if value.strip() else f'"{value}"', _VALUE))


def _block(text: str) -> str:
    """Text of several lines, bounded before it is made visible, so that a megabyte costs nothing."""
    return shortened(visible(shortened(text, _TEXT), keep="\n"), _TEXT)


def _digest(*parts: str) -> str:
    """A key of 32 hexadecimal digits: of any length and any letters, attackers' own among them."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()
