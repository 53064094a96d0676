"""Composes the message of a delivery, or the digest of several. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from bridge.alert import MISSING, Alert
from bridge.channels.message.digest import digest_of, message_key
from bridge.channels.message.field_order import ordered
from bridge.channels.message.fit import rest_line
from bridge.channels.message.message import AlertCounts, Fact, Message, MessageLink
from bridge.channels.message.remembered import clock, headline_with, meaning, not_followed, with_context
from bridge.channels.message.second_line import (
    PART,
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
from bridge.routing import NotificationContext, NotificationKind

_HEADLINE = 200
_NAME = 100
_VALUE = 2000
_TEXT = 8000
_MAX_FIELDS = 100
_MAX_STEPS = 10
"""Other alerts of a sequence that its message shows."""
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
    is_digest = context.kind is NotificationKind.DIGEST
    if is_digest and (len(delivery.others) > 1 or 0 < len(delivery.others) < context.count):
        return _compose_group(delivery, context, labels)
    if is_digest and not context.alerts:
        return _compose_unnamed(delivery, context, labels)
    titled = delivery.notification.title is not None
    message = _compose(delivery, labels) if is_digest else _with_steps(delivery, _compose(delivery, labels), labels)
    message = with_context(message, context, WHO_FIELDS, delivery.created_ns, titled=titled)
    return replace(message, incident=_incident(delivery, context))


def _with_steps(delivery: Delivery, message: Message, labels: Mapping[str, str]) -> Message:
    """The message with the other alerts of its sequence or join, unless texts of the route say what to show."""
    plain = msgspec.structs.replace(delivery.notification, context=None, title=None)
    others = [
        _compose(replace(delivery, alert=each, notification=plain, others=()), labels)
        for each in delivery.others
        if each.id != delivery.alert.id
    ][:_MAX_STEPS]
    names = [each.headline for each in others if each.headline != message.headline]
    if names and delivery.notification.title is None:
        headline = " and ".join(isolated(each) for each in dict.fromkeys((message.headline, *names)))
        message = replace(message, headline=shortened(headline, _HEADLINE))
    if not others or message.own_text:
        return message
    lines = "\n".join(f"and {each.headline} — {each.summary}, {each.time[11:19]} UTC" for each in others)
    return replace(message, text=f"{shortened(message.text, _TEXT // 2)}\n{shortened(lines, _TEXT // 2)}".strip())


def _compose_group(delivery: Delivery, context: NotificationContext, labels: Mapping[str, str]) -> Message:
    """The digest of a group: the alerts that it names, and how many there were in all."""
    notification = delivery.notification
    digest = compose_digest([_member(delivery, alert, context) for alert in delivery.others], labels)
    named = len(digest.alerts)
    digest = replace(digest, unnamed=max(context.count - named, 0), listing=_listing(notification.routes, context))
    known = context.own_severities and named == len(context.alerts)  # else a worse one is not stored any more
    what = "alerts"
    if notification.title is None:
        what = _what(context)
        digest = replace(digest, alerts=tuple(_as_meant(each, context, delivery.created_ns) for each in digest.alerts))
    return replace(
        digest,
        kind=context.kind,
        severity=digest.severity if known else notification.severity,
        headline=shortened(f"{context.count} {what}: {digest.headline.partition(': ')[2]}", _HEADLINE),
        incident=_incident(delivery, context),
        counts=AlertCounts(context.count, context.suppressed, context.first_ns, context.last_ns),
        text=rest_line(digest, 0, _TEXT),
    )


def _member(delivery: Delivery, alert: Alert, context: NotificationContext) -> Delivery:
    """An alert of a digest, with its own severity."""
    severity = alert.priority if context.own_severities else delivery.notification.severity
    plain = msgspec.structs.replace(delivery.notification, context=None, severity=severity)
    return replace(delivery, alert=alert, notification=plain, others=())


def _what(context: NotificationContext) -> str:
    if context.silent:
        return "silent keys, the last of each"
    return f"alerts {not_followed(context)}" if context.not_followed_ns else "alerts"


def _as_meant(message: Message, context: NotificationContext, created_ns: int) -> Message:
    headline = meaning(message.headline, context, message.time_ns, created_ns)
    return replace(message, headline=shortened(headline, _HEADLINE))


def _compose_unnamed(delivery: Delivery, context: NotificationContext, labels: Mapping[str, str]) -> Message:
    """The digest of a group whose worst alerts are silenced: of the others only number, time and key are known."""
    notification = msgspec.structs.replace(delivery.notification, context=None, title=None, message=None, links=())
    about = _compose(replace(delivery, notification=notification), labels)
    key = isolated(one_line(context.key.strip(), PART))
    listing = _listing(notification.routes, context)
    return replace(
        about,
        kind=context.kind,
        headline=_unnamed_headline(context, delivery.created_ns),
        who="",
        action="",
        where=joined(cluster_of(labels), key) or f"route {about.route}",
        text=f"All of them, with the silenced ones: {listing}",
        rule="",
        hostname="",
        source="",
        tags=(),
        fields=(),
        rows=(),
        fields_left_out=0,
        incident=_incident(delivery, context),
        counts=AlertCounts(context.count, context.suppressed, context.first_ns, context.last_ns),
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
    return message_key(delivery.notification.routes[0], context.incident or delivery.alert.id)


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
        incident=message_key(notification.routes[0], alert.id),
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
    return one_line(filled.strip() or delivery.alert.rule.strip() or _first_words(delivery.alert), _HEADLINE)


def full_headline_of(delivery: Delivery, labels: Mapping[str, str]) -> str:
    """As ``headline_of``, with what clauses with memory know: ``Resolved: Shell``, ``Shell (132 alerts since …)``."""
    context, headline = delivery.notification.context, headline_of(delivery, labels)
    if context is None:
        return headline
    if context.kind is NotificationKind.DIGEST and not context.alerts:
        return _unnamed_headline(context, delivery.created_ns)
    titled = delivery.notification.title is not None
    return shortened(headline_with(headline, context, delivery.created_ns, titled=titled), _HEADLINE)


def _unnamed_headline(context: NotificationContext, created_ns: int) -> str:
    since = clock(context.first_ns, created_ns)
    return f"{context.count} alerts since {since}; the worst of the group are silenced"


def _first_words(alert: Alert) -> str:
    """The output's first line, for the headline of an alert without a rule: a text line of Falco."""
    return _PREFIX.sub("", alert.output.strip(), count=1).strip().partition("\n")[0].strip() or "Falco alert"


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
    """One message for several deliveries."""
    return digest_of([compose(each, labels) for each in deliveries], labels)


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


def _fact(name: str, value: str) -> Fact:
    """A row. A blank name or value is shown in quotes: services refuse a message with an empty one."""
    return Fact(one_line(_quoted_if_blank(name), _NAME), one_line(_quoted_if_blank(value), _VALUE))


def _quoted_if_blank(text: str) -> str:
    return text if text.strip() else f'"{text}"'


def _block(text: str) -> str:
    """Visible, bounded text that may have several lines. Cut first, so that a megabyte costs nothing."""
    return shortened(visible(shortened(text, _TEXT), keep="\n"), _TEXT)
