"""What a person is told of one delivery: what happened, where, who, how bad, in the first two lines; then the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.alert import Alert
from bridge.alert.alert import clock_text
from bridge.channels.sanitise import one_line, shortened, visible
from bridge.journal.model import Delivery
from bridge.language.template import fill, parse_template
from bridge.routing import OTHERWISE

_HEADLINE = 200
_VALUE = 1000
_MOST_FIELDS = 100
_PLACES = ("k8s.ns.name", "k8s.pod.name", "container.name")
_ACTORS = ("user.name", "ka.user.name", "ct.user")
_ACTIONS = ("proc.cmdline", "ka.verb", "ct.name")


@dataclass(frozen=True, slots=True)
class Message:
    """One message, already safe to show as plain text."""

    subject: str
    """One line: ``[CRITICAL] what``."""
    body: str


def compose(delivery: Delivery, labels: Mapping[str, str]) -> Message:
    """The message of one delivery; ``labels`` are the config's static ones."""
    alert, notification = delivery.alert, delivery.notification
    lookup = _Lookup(delivery, labels)
    headline = alert.rule or "Falco alert"
    if notification.title is not None:
        headline = fill(parse_template(notification.title), lookup, _escape_inline)
    severity = notification.severity.name
    subject = f"[{severity}] {one_line(headline, _HEADLINE)}"
    lines = [one_line(_where_and_who(alert, labels), _HEADLINE * 2)]
    if notification.message is not None:
        lines.append(fill(parse_template(notification.message), lookup, _escape_value))
    elif alert.output:
        lines.append(_escape_value(alert.output))
    lines += ["", *_details(delivery, labels)]
    return Message(subject, "\n".join(lines))


def compose_digest(deliveries: Sequence[Delivery], labels: Mapping[str, str]) -> Message:
    """One message that names them all: how many, how bad, and a headline and a place each."""
    worst = min(each.notification.severity for each in deliveries)
    lines = []
    for each in deliveries:
        message = compose(each, labels)
        lines += [message.subject, "    " + message.body.partition("\n")[0]]
    return Message(f"[{worst.name}] {len(deliveries)} alerts", "\n".join(lines))


class _Lookup:
    """Values for templates: the alert's fields and attributes, the config's labels, the route."""

    def __init__(self, delivery: Delivery, labels: Mapping[str, str]) -> None:
        self._delivery = delivery
        self._labels = labels

    def __call__(self, name: str) -> str | None:
        alert, notification = self._delivery.alert, self._delivery.notification
        if name.startswith("label."):
            return self._labels.get(name.removeprefix("label."))
        if name in {"time", "first", "last"}:
            return clock_text("evt.time.iso8601", alert.time_ns)
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
            "count": "1",
            "suppressed": "0",
        }
        return (told[name] or None) if name in told else alert.get(name)


def _where_and_who(alert: Alert, labels: Mapping[str, str]) -> str:
    """``prod-1 · payments/api-0 on node-3 · root: rm -rf /data``."""
    place = "/".join(_values(alert, _PLACES[:2])) or "".join(_values(alert, _PLACES[2:]))
    where = " on ".join(part for part in (place, alert.hostname) if part)
    who, what = "".join(_values(alert, _ACTORS)[:1]), "".join(_values(alert, _ACTIONS)[:1])
    did = ": ".join(part for part in (who, what) if part)
    return " · ".join(part for part in (labels.get("cluster", ""), where, did) if part) or "from an unnamed host"


def _details(delivery: Delivery, labels: Mapping[str, str]) -> list[str]:
    alert = delivery.alert
    routes = [route for route in delivery.notification.routes if route != OTHERWISE]
    rows = [("rule", alert.rule), ("priority", str(alert.priority))]
    rows += [("route", ", ".join(routes) or "none matched (otherwise)")]
    rows += [
        ("time", clock_text("evt.time.iso8601", alert.time_ns)),
        ("host", alert.hostname),
        ("source", alert.source),
    ]
    rows += [("tags", ", ".join(alert.tags))]
    rows += sorted(alert.fields.items())[:_MOST_FIELDS]
    rows += [(f"label.{name}", value) for name, value in sorted(labels.items())]
    lines = [f"{one_line(name, _HEADLINE)}: {_escape_inline(value)}" for name, value in rows if value]
    left_out = len(alert.fields) - _MOST_FIELDS
    if left_out > 0:
        lines.append(f"… and {left_out} more fields")
    return [*lines, f"id: {alert.id}"]


def _values(alert: Alert, names: tuple[str, ...]) -> list[str]:
    return [value for name in names if (value := alert.get(name))]


def _escape_inline(text: str) -> str:
    return one_line(text, _VALUE)


def _escape_value(text: str) -> str:
    return shortened(visible(shortened(text, _VALUE * 4), keep="\n"), _VALUE * 2)
