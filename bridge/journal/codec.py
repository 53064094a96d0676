"""Encodes alerts, decisions and notifications as the bytes that a journal stores."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any, TypeVar, get_type_hints

import msgspec

from bridge.alert import Alert, Priority
from bridge.language.program.link import Link
from bridge.routing import Decision, Notification, NotificationContext, Reason

_Value = TypeVar("_Value")


class _AlertBody(msgspec.Struct, array_like=True):
    time_ns: int
    priority: int
    rule: str
    source: str
    hostname: str
    tags: tuple[str, ...]
    output: str
    fields: dict[str, str]
    lists: dict[str, tuple[str, ...]] = {}


class _NotificationBody(msgspec.Struct, omit_defaults=True):
    routes: tuple[str, ...]
    severity: int
    title: str | None = None
    message: str | None = None
    context: NotificationContext | None = None
    fields: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


class _DecisionBody(msgspec.Struct, array_like=True):
    route: str
    reason: str
    channels: tuple[str, ...] = ()
    detail: str = ""
    incident: str = ""


_PLAIN_NAME = re.compile(r"[^\x00-\x1f\"\\]+")
"""What msgspec takes for the name of a member."""
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="deterministic").encode
"""Fields in one order, whichever gRPC brought them in: what comes in the same order compresses better."""
_alert_decoder = msgspec.json.Decoder(_AlertBody)
_notification_decoder = msgspec.json.Decoder(_NotificationBody)
_decisions_decoder = msgspec.json.Decoder(tuple[_DecisionBody, ...])
_written_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_PRIORITIES = {int(each): each for each in Priority}
"""``Priority(number)`` costs ten times as much."""
_REASONS: dict[str, Reason] = {**{each.value: each for each in Reason}, "notified": Reason.SENT}
"""By the word in the journal; journals of format 3 say ``notified``."""


def encode_alert(alert: Alert) -> bytes:
    """The alert without its id, as JSON."""
    body = _AlertBody(
        alert.time_ns,
        int(alert.priority),
        alert.rule,
        alert.source,
        alert.hostname,
        alert.tags,
        alert.output,
        _as_dict(alert.fields),
        _as_dict(alert.lists),
    )
    return _encode_sorted(body)


def decode_alert(identity: str, body: bytes) -> Alert:
    """The alert that ``encode_alert`` wrote."""
    stored = _alert_decoder.decode(body)
    return Alert(
        identity,
        stored.time_ns,
        _PRIORITIES[stored.priority],
        stored.rule,
        stored.source,
        stored.hostname,
        stored.tags,
        stored.output,
        stored.fields,
        stored.lists,
    )


@lru_cache(16)
def partial_decoder(fields: frozenset[str]) -> Callable[[str, bytes], Alert]:
    """As ``decode_alert`` with these fields only, in a fraction of the time."""
    names = sorted(fields)
    if any(not _PLAIN_NAME.fullmatch(name) for name in names):
        return decode_alert
    slots = [(f"f{index}", str | None, msgspec.field(name=name, default=None)) for index, name in enumerate(names)]
    some = msgspec.defstruct("SomeFields", slots)
    attributes = [(name, hint) for name, hint in get_type_hints(_AlertBody).items() if name not in {"fields", "lists"}]
    lists: tuple[str, Any, Any] = ("lists", dict[str, tuple[str, ...]], msgspec.field(default_factory=dict))
    body = msgspec.defstruct("PartialBody", [*attributes, ("fields", some), lists], array_like=True)
    decoder, pairs = msgspec.json.Decoder(body), [(name, f"f{index}") for index, name in enumerate(names)]

    def decode(identity: str, encoded: bytes) -> Alert:
        stored: Any = decoder.decode(encoded)
        kept = stored.fields
        return Alert(
            identity,
            stored.time_ns,
            _PRIORITIES[stored.priority],
            stored.rule,
            stored.source,
            stored.hostname,
            stored.tags,
            stored.output,
            {name: value for name, slot in pairs if (value := getattr(kept, slot)) is not None},
            stored.lists,
        )

    return decode


def encode_notification(notification: Notification) -> bytes:
    """The notification without its channel, which has a column of its own."""
    return _encode(
        _NotificationBody(
            notification.routes,
            int(notification.severity),
            notification.title,
            notification.message,
            notification.context,
            notification.fields,
            tuple([(link.name, link.url) for link in notification.links]) if notification.links else (),
        )
    )


def decode_notification(channel: str, body: bytes) -> Notification:
    """The notification that ``encode_notification`` wrote."""
    stored = _notification_decoder.decode(body)
    return Notification(
        channel,
        stored.routes,
        Priority(stored.severity),
        stored.title,
        stored.message,
        context=stored.context,
        fields=stored.fields,
        links=tuple(Link(name, url) for name, url in stored.links),
    )


def encode_decisions(decisions: tuple[Decision, ...]) -> bytes:
    """What the routes made of an alert, as JSON."""
    return _encode([_decision_body(each) for each in decisions])


def decode_decisions(body: bytes) -> tuple[Decision, ...]:
    """The decisions that ``encode_decisions`` wrote, in this version or another one."""
    return tuple(
        Decision(each.route, _REASONS.get(each.reason, Reason.UNKNOWN), each.channels, each.detail, each.incident)
        for each in _decisions_decoder.decode(body)
    )


def replace_pending(body: bytes, new: Collection[Decision]) -> bytes:
    """The encoded decisions with those that were pending and now are known. The others stay as they were written."""
    known = {each.route: each for each in new}
    parts: list[msgspec.Raw] = []
    for written, each in zip(_written_decoder.decode(body), _decisions_decoder.decode(body), strict=True):
        decided = known.get(each.route) if each.reason == Reason.PENDING else None
        parts.append(written if decided is None else msgspec.Raw(_encode(_decision_body(decided))))
    return _encode(parts)


def _decision_body(decision: Decision) -> _DecisionBody:
    return _DecisionBody(decision.route, decision.reason, decision.channels, decision.detail, decision.incident)


def _as_dict(mapping: Mapping[str, _Value]) -> dict[str, _Value]:
    return mapping if isinstance(mapping, dict) else dict(mapping)
