"""What clauses with memory add to a message: digests, summaries, escalations, resolved incidents. Pure."""

from __future__ import annotations

from dataclasses import replace

from bridge.channels.message.message import AlertCounts, Fact, Message
from bridge.common.clocks.durations import duration_text
from bridge.common.clocks.times import SECOND_NS, iso_text
from bridge.common.text import one_line, shortened
from bridge.routing import NotificationContext, NotificationKind

_HEADLINE = 200
_VALUE = 2000
_NAME = 100
WAITED = "waited"
NOTIFIED = "notified"
"""Values of an escalation: how long the incident has waited in nanoseconds, and who was notified."""
ACTOR = "actor"
"""Who acknowledged or resolved an incident; empty if it was not a person."""
_DAY_NS = 86_400 * SECOND_NS
_CHANGES = frozenset({NotificationKind.ACKNOWLEDGED, NotificationKind.RESOLVED})
_OWN_VALUES = frozenset({WAITED, NOTIFIED, ACTOR})


def with_context(
    message: Message, context: NotificationContext, who_fields: tuple[str, ...], created_ns: int, *, titled: bool
) -> Message:
    """The message of one alert with what is known about its notification.

    ``who_fields`` are the fields that name a person: one of a joined alert says who it was. ``created_ns`` is when the
    delivery was added. ``titled`` is whether the route has a title of its own, which says what the silence of a key
    means.
    """
    values = {name: value for name, value in context.values.items() if name not in _OWN_VALUES}
    return replace(
        message,
        kind=context.kind,
        headline=shortened(headline_with(message.headline, context, created_ns, titled=titled), _HEADLINE),
        who=_joined_person(values, who_fields) or message.who,
        text=_text(message, context),
        counts=AlertCounts(context.count, context.held_back, context.first_ns, context.last_ns),
        fields=(*message.fields, *(_fact(name, value) for name, value in sorted(values.items()))),
    )


def headline_with(headline: str, context: NotificationContext, created_ns: int, *, titled: bool) -> str:
    """The headline of an alert, with what is known about its notification. The arguments are as in ``with_context``."""
    about = headline if titled else meaning(headline, context, context.last_ns, created_ns)
    alerts = f" ({context.count} alerts)" if context.count > 1 else ""
    match context.kind:
        case NotificationKind.SUMMARY if context.silent and not titled:
            return f"{context.count} more silent keys, the last: {headline}"
        case NotificationKind.SUMMARY:
            return f"{context.count} more since {clock(context.first_ns, created_ns)}, the last: {about}"
        case NotificationKind.ESCALATION:
            return f"Not acknowledged for {_waited(context)}: {about}{alerts}"
        case NotificationKind.ACKNOWLEDGED:
            return f"Acknowledged: {about}{alerts}"
        case NotificationKind.RESOLVED:
            return f"Resolved: {about}{alerts}"
        case NotificationKind.SINGLE | NotificationKind.DIGEST if context.count > 1:
            return f"{about} ({context.count} alerts since {clock(context.first_ns, created_ns)})"
        case _:
            return about


def meaning(headline: str, context: NotificationContext, last_ns: int, created_ns: int) -> str:
    """The headline of an alert of that time, for a route without a title: what did not come after it."""
    if context.silent or context.kind is NotificationKind.ABSENT:
        return f"Silent since {clock(last_ns, created_ns)}, the last: {headline}"
    if context.not_followed_ns:
        return f"{headline}, {not_followed(context)}"
    return headline


def not_followed(context: NotificationContext) -> str:
    """What ``then not`` found."""
    return f"not followed within {duration_text(context.not_followed_ns / SECOND_NS)}"


def _text(message: Message, context: NotificationContext) -> str:
    """What became of the incident, and who was notified of it or changed it, is above the alert's own text."""
    if context.kind in _CHANGES:
        return f"{change_text(context)}\n{message.text}"
    if context.kind is not NotificationKind.ESCALATION:
        return message.text
    notified = one_line(context.values.get(NOTIFIED, ""), _VALUE) or "unknown"
    return f"Not acknowledged for {_waited(context)}. First notified: {notified}.\n{message.text}"


def change_text(context: NotificationContext) -> str:
    """Who acknowledged or resolved an incident, and after how long."""
    word = "Acknowledged" if context.kind is NotificationKind.ACKNOWLEDGED else "Resolved"
    actor = one_line(context.values.get(ACTOR, ""), _NAME)
    after = f" after {_waited(context)}" if context.values.get(WAITED) else ""
    return f"{word}{f' by {actor}' if actor else ''}{after}."


def _waited(context: NotificationContext) -> str:
    waited = context.values.get(WAITED, "")
    return duration_text(int(waited) / SECOND_NS) if waited.isdigit() else "some time"


def _joined_person(values: dict[str, str], who_fields: tuple[str, ...]) -> str:
    for name, value in values.items():
        if name.partition(".")[2] in who_fields and not name[0].isdigit() and value != "<NA>":
            return one_line(value, _NAME)
    return ""


def clock(time_ns: int, now_ns: int) -> str:
    """``12:04 UTC``; with its date if that was a day ago or more."""
    text = iso_text(time_ns)
    return f"{f'{text[:10]} ' if now_ns - time_ns >= _DAY_NS else ''}{text[11:16]} UTC"


def _fact(name: str, value: str) -> Fact:
    return Fact(one_line(name, _NAME), one_line(value, _VALUE))
