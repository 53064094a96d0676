"""Composes the message of a delivery, or the digest of several. Pure."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter

import msgspec

from bridge.alert import MISSING, Priority
from bridge.channels.message.field_order import ordered
from bridge.channels.message.fit import rest_line
from bridge.channels.message.message import AlertCounts, Fact, Message, MessageLink
from bridge.channels.message.remembered import with_context
from bridge.channels.message.second_line import (
    PART,
    SEPARATOR,
    WHO_FIELDS,
    action_field,
    action_of,
    cluster_of,
    joined,
    where_of,
    who_of,
)
from bridge.common.clocks.times import SECOND_NS, iso_text
from bridge.common.text import isolated, one_line, shortened, visible
from bridge.delivery.delivery import Delivery
from bridge.language.program.link import MAX_NAME
from bridge.language.program.template import Lookup, fill, parse_template
from bridge.routing import NotificationContext

_HEADLINE = 200
_NAME = 100
_VALUE = 2000
_TEXT = 8000
_MAX_FIELDS = 100
_MAX_LISTED = 3
"""Headlines and places that the first two lines of a digest list."""
_EARLIER_NS = 60 * SECOND_NS
"""The clock of a node may be this much ahead, and the history searches the time of receipt."""
_UP_TO_MINUTES = len("2026-01-05T12:00")

_PREFIX = re.compile(
    r"\A(?:\d\d:\d\d:\d\d\.\d{9}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}[+-]\d{4}): "
    r"(?:Emergency|Alert|Critical|Error|Warning|Notice|Informational|Debug) "
)
"""What Falco writes before the output of a rule: time and priority, which the message shows already."""


def compose(delivery: Delivery, labels: Mapping[str, str]) -> Message:
    """The message of one delivery. ``labels`` are the config's."""
    context = delivery.notification.context
    if context is None:
        return _compose(delivery, labels)
    if len(delivery.others) > 1 or 0 < len(delivery.others) < context.count:
        return _compose_group(delivery, context, labels)
    titled = delivery.notification.title is not None
    message = with_context(_compose(delivery, labels), context, WHO_FIELDS, delivery.created_ns, titled=titled)
    return replace(message, incident=_incident(delivery, context))


def _compose_group(delivery: Delivery, context: NotificationContext, labels: Mapping[str, str]) -> Message:
    """The digest of a group: the alerts that it names, and how many there were in all."""
    plain = msgspec.structs.replace(delivery.notification, context=None)
    named = [replace(delivery, alert=alert, notification=plain, others=()) for alert in delivery.others]
    digest = compose_digest(named, labels)
    digest = replace(
        digest, unnamed=max(context.count - len(named), 0), listing=_listing(delivery.notification.routes, context)
    )
    return replace(
        digest,
        kind=context.kind,
        severity=delivery.notification.severity,
        headline=shortened(f"{context.count} alerts: {digest.headline.partition(': ')[2]}", _HEADLINE),
        incident=_incident(delivery, context),
        counts=AlertCounts(context.count, context.suppressed, context.first_ns, context.last_ns),
        text=rest_line(digest, 0, _TEXT),
    )


def _listing(routes: Sequence[str], context: NotificationContext) -> str:
    """The command that lists the alerts of a group. It contains no text of an alert, so it is safe to run."""
    since = iso_text(context.first_ns - _EARLIER_NS)[:_UP_TO_MINUTES]
    return f"falco-bridge history --route {shlex.quote(one_line(routes[0], _NAME))} --since {since}:00Z --limit 0"


def incident_of(delivery: Delivery) -> str:
    """The key of the delivery's incident; empty if it has none but the alert itself."""
    context = delivery.notification.context
    return _incident(delivery, context) if context is not None and context.incident else ""


def _incident(delivery: Delivery, context: NotificationContext) -> str:
    """The key of the incident for services that know incidents."""
    return _key(delivery.notification.routes[0], context.incident or delivery.alert.id)


def _compose(delivery: Delivery, labels: Mapping[str, str]) -> Message:
    alert, notification = delivery.alert, delivery.notification
    fields = ordered(alert.fields.items(), alert.source)
    return Message(
        headline=headline_of(delivery, labels),
        severity=notification.severity,
        where=where_of(alert, labels),
        who=who_of(alert),
        action=action_of(alert),
        text=text_of(delivery, labels),
        rule=one_line(alert.rule.strip(), _HEADLINE),
        priority=alert.priority,
        source=one_line(alert.source.strip(), _NAME),
        hostname=one_line(alert.hostname.strip(), _HEADLINE),
        tags=tuple(one_line(tag, _NAME) for tag in alert.tags[:_MAX_FIELDS] if tag.strip()),
        time_ns=alert.time_ns,
        fields=tuple(_fact(name, value) for name, value in fields[:_MAX_FIELDS]),
        labels=tuple(_fact(f"label.{name}", value) for name, value in sorted(labels.items())),
        routes=notification.routes,
        id=alert.id,
        incident=_key(notification.routes[0], alert.id),
        counts=AlertCounts(first_ns=alert.time_ns, last_ns=alert.time_ns),
        fields_left_out=0 if notification.fields else max(len(fields) - _MAX_FIELDS, 0),
        rows=chosen_rows(delivery, labels),
        links=links_of(delivery, labels),
        own_text=notification.message is not None,
    )


def text_of(delivery: Delivery, labels: Mapping[str, str]) -> str:
    """The text of a delivery's message: the route's ``message``, or the alert's output."""
    message = delivery.notification.message
    if message is None:
        return _block(_PREFIX.sub("", delivery.alert.output.strip(), count=1))
    return shortened(fill(parse_template(message), lookup_of(delivery, labels), _block), _TEXT).strip()


def chosen_rows(delivery: Delivery, labels: Mapping[str, str]) -> tuple[Fact, ...] | None:
    """The rows that the route's ``fields`` choose, without missing ones. None if the route has no ``fields``."""
    if not delivery.notification.fields:
        return None
    lookup = lookup_of(delivery, labels)
    found = ((name, lookup(name)) for name in delivery.notification.fields)
    return tuple(_fact(name, value) for name, value in found if value is not None and value != MISSING)


def links_of(delivery: Delivery, labels: Mapping[str, str]) -> tuple[MessageLink, ...]:
    """The links of a delivery's message, without those that lack a value."""
    if not delivery.notification.links:
        return ()
    lookup = lookup_of(delivery, labels)
    filled = ((one_line(link.name, MAX_NAME), link.filled(lookup)) for link in delivery.notification.links)
    return tuple(MessageLink(name, url) for name, url in filled if url is not None)


def headline_of(delivery: Delivery, labels: Mapping[str, str]) -> str:
    """Only the headline of a delivery's message, for JSON; much cheaper than ``compose``."""
    title, filled = delivery.notification.title, ""
    if title is not None:
        filled = fill(parse_template(title), lookup_of(delivery, labels), lambda value: one_line(value, _VALUE))
    return one_line(filled.strip() or delivery.alert.rule.strip() or "Falco alert", _HEADLINE)


def summary_of(delivery: Delivery, labels: Mapping[str, str]) -> tuple[str, str, str, str]:
    """Headline, where, who and action of a delivery's message; much cheaper than ``compose``."""
    alert = delivery.alert
    return (
        headline_of(delivery, labels),
        where_of(alert, labels),
        who_of(alert),
        action_field(alert),
    )


def compose_digest(deliveries: Sequence[Delivery], labels: Mapping[str, str]) -> Message:
    """One message for several deliveries: number, severity, headlines, people, places; a line for each, worst first."""
    alerts = sorted((compose(each, labels) for each in deliveries), key=lambda each: (each.severity, each.time_ns))
    worst = alerts[0]
    times = [each.time_ns for each in alerts]
    cluster = cluster_of(labels)
    local = [replace(each, where=each.where.removeprefix(cluster).removeprefix(SEPARATOR)) for each in alerts]
    return Message(
        headline=shortened(f"{len(alerts)} alerts: {_most_important(alerts, _headline)}", _HEADLINE),
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
        incident=_key(*sorted(each.incident for each in alerts)),
        counts=AlertCounts(
            sum(each.counts.count for each in alerts),
            sum(each.counts.suppressed for each in alerts),
            min(times),
            max(times),
        ),
        links=tuple(link for link in worst.links if all(link in each.links for each in alerts)),
        alerts=tuple(alerts),
    )


def message_of(deliveries: Sequence[Delivery], labels: Mapping[str, str]) -> Message:
    """The message of one delivery, or the digest of several."""
    return compose(deliveries[0], labels) if len(deliveries) == 1 else compose_digest(deliveries, labels)


def lookup_of(delivery: Delivery, labels: Mapping[str, str]) -> Lookup:
    """The values of a template: attributes and fields of the alert, labels, and the route."""
    alert, notification = delivery.alert, delivery.notification
    context = notification.context
    attributes = {
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
        "first": iso_text(alert.time_ns if context is None else context.first_ns),
        "last": iso_text(alert.time_ns if context is None else context.last_ns),
        "count": str(1 if context is None else context.count),
        "suppressed": str(0 if context is None else context.suppressed),
    }
    others = {} if context is None else context.values

    def value(name: str) -> str | None:
        if name.startswith("label."):
            return labels.get(name.removeprefix("label."))
        if name in attributes:
            return attributes[name] or None
        return others.get(name) or alert.get(name)

    return value


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


def _fact(name: str, value: str) -> Fact:
    """A row. A blank name or value is shown in quotes: services refuse a message with an empty one."""
    return Fact(one_line(_quoted_if_blank(name), _NAME), one_line(_quoted_if_blank(value), _VALUE))


def _quoted_if_blank(text: str) -> str:
    return text if text.strip() else f'"{text}"'


def _block(text: str) -> str:
    """Visible, bounded text that may have several lines. Cut first, so that a megabyte costs nothing."""
    return shortened(visible(shortened(text, _TEXT), keep="\n"), _TEXT)


def _key(*parts: str) -> str:
    """A key of 32 hexadecimal digits for parts of any length and content."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()
