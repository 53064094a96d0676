"""The one immutable record of what Falco said, whichever road it came by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import msgspec

from bridge.alert.identity import alert_id
from bridge.alert.priority import Priority

MISSING = "<NA>"
"""What Falco prints for a field without a value, in gRPC and in text output."""

INTERNAL_SOURCE = "internal"
"""The ``source`` of the alerts that Falco raises about itself (metrics snapshots, event drops)."""

NO_LISTS: Mapping[str, tuple[str, ...]] = MappingProxyType({})
"""What ``Alert.lists`` is where JSON told none."""


class Alert(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What Falco said, once.

    Values are text as Falco's gRPC output writes them (``20072``, ``false``, ``(a,b c,d)``), so that the same
    alert is equal by either road; a missing value is an absent key. The event's clock fields (``evt.time`` and
    its kin) are not kept: the two roads print them differently, and ``get`` tells them from ``time_ns``.
    (A Struct rather than a dataclass: one is made for every alert that comes in, and costs a fifth.)
    """

    id: str
    """32 hexadecimal digits of its time and content: the same alert sent twice has the same id."""
    time_ns: int
    """When the event happened by Falco's clock, in nanoseconds since the epoch."""
    priority: Priority
    rule: str
    source: str
    """``syscall``, a plugin's source such as ``k8s_audit``, or ``internal``."""
    hostname: str
    tags: tuple[str, ...]
    """Sorted, as Falco sends them."""
    output: str
    """The text line, with its time prefix if Falco wrote one; empty if Falco was told to leave it out."""
    fields: Mapping[str, str]
    """``output_fields``: only fields that have a value."""
    lists: Mapping[str, tuple[str, ...]] = NO_LISTS
    """Exact items of list fields, where JSON told them; gRPC's text runs the items together. Not compared."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Alert):
            return NotImplemented
        return self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(self.id)

    def get(self, name: str) -> str | None:
        """The field's text, or None where it is missing."""
        value = self.fields.get(name)
        if value is None and is_clock_field(name):
            return clock_text(name, self.time_ns)
        return value

    def items(self, name: str) -> tuple[str, ...] | None:
        """A list field's items, or None where it is missing; an empty list counts as missing."""
        exact = self.lists.get(name)
        if exact is not None:
            return exact or None
        value = self.fields.get(name)
        return None if value is None else split_list(value) or None

    def _compared(self) -> tuple[object, ...]:
        return (
            self.id,
            self.time_ns,
            self.priority,
            self.rule,
            self.source,
            self.hostname,
            self.tags,
            self.output,
            self.fields,
        )


def make_alert(
    *,
    time_ns: int,
    priority: Priority,
    rule: str,
    source: str,
    hostname: str,
    tags: tuple[str, ...],
    output: str,
    fields: Mapping[str, str],
    lists: Mapping[str, tuple[str, ...]] = NO_LISTS,
) -> Alert:
    """An alert with its id. ``fields`` must hold neither missing values nor clock fields."""
    identity = alert_id(time_ns, hostname, source, rule, priority, fields, output)
    return Alert(identity, time_ns, priority, rule, source, hostname, tags, output, fields, lists)


def split_list(text: str) -> tuple[str, ...]:
    """The items of a list as gRPC prints it, ``(a,b c,d)``.

    Items that hold a comma cannot be told apart, and empty ones in front are not printed: ``()`` holds one at least,
    for an empty list is missing.
    """
    if text.startswith("(") and text.endswith(")"):
        return tuple(text[1:-1].split(","))
    return tuple(text.split(",")) if text else ()


_CLOCK_FIELDS = frozenset({"evt.time", "evt.time.s", "evt.time.iso8601", "evt.datetime", "evt.datetime.s"})


def is_clock_field(name: str) -> bool:
    """Whether the field prints the event's time, which ``Alert.time_ns`` already tells."""
    return name in _CLOCK_FIELDS


def kept_fields(fields: dict[str, str]) -> dict[str, str]:
    """What an alert keeps of ``output_fields``: neither missing values nor clock fields. May be ``fields`` itself."""
    if MISSING in fields.values() or not _CLOCK_FIELDS.isdisjoint(fields):
        return {name: text for name, text in fields.items() if text != MISSING and name not in _CLOCK_FIELDS}
    return fields


def clock_text(name: str, time_ns: int) -> str:
    """A clock field as Falco prints it in text, in UTC."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    match name:
        case "evt.time":
            return f"{moment:%H:%M:%S}.{nanoseconds:09d}"
        case "evt.time.s":
            return f"{moment:%H:%M:%S}"
        case "evt.datetime":
            return f"{moment:%Y-%m-%d %H:%M:%S}.{nanoseconds:09d}"
        case "evt.datetime.s":
            return f"{moment:%Y-%m-%d %H:%M:%S}"
        case _:
            return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}+0000"
