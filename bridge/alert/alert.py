"""The alert: an immutable record, the same for every source and format."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import msgspec

from bridge.alert.identity import alert_id
from bridge.alert.priority import Priority

MISSING = "<NA>"
"""What Falco prints for a field without a value in gRPC and text output."""

INTERNAL_SOURCE = "internal"
"""The alert source of internal alerts, such as metrics snapshots and event drops."""

NO_LISTS: Mapping[str, tuple[str, ...]] = MappingProxyType({})
"""The value of ``Alert.lists`` without exact items."""


class Alert(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An alert.

    Values are text as in Falco's gRPC output (``20072``, ``false``, ``(a,b c,d)``), so that an alert is the same by
    gRPC and by JSON. A missing value is an absent key. Clock fields (``evt.time`` and similar) are not stored, because
    the formats print them differently; ``get`` derives them from ``time_ns``. A Struct costs a fifth of a dataclass.
    """

    id: str
    """32 hexadecimal digits, from time and content: the same alert sent twice has the same id."""
    time_ns: int
    """The time of the event by Falco's clock, in nanoseconds since the epoch."""
    priority: Priority
    rule: str
    source: str
    """The alert source: ``syscall``, that of a plugin such as ``k8s_audit``, or ``internal``."""
    hostname: str
    tags: tuple[str, ...]
    """Sorted, as Falco sends them."""
    output: str
    """The text line, with its time prefix if Falco wrote one. Empty if Falco is configured to omit it."""
    fields: Mapping[str, str]
    """``output_fields``, without missing values. A process may have the name ``<NA>``, which only JSON shows."""
    lists: Mapping[str, tuple[str, ...]] = NO_LISTS
    """Exact items of list fields, if JSON provided them; gRPC text joins the items. Ignored by ``==``."""
    assumed: tuple[str, ...] = ()
    """``priority`` and ``time`` where the message had no readable one. Ignored by ``==``, not stored."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Alert):
            return NotImplemented
        return self._compared() == other._compared()

    def __ne__(self, other: object) -> bool:
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    def __hash__(self) -> int:
        return hash(self.id)

    def get(self, name: str) -> str | None:
        """The text of a field, or None if it is missing."""
        value = self.fields.get(name)
        if value is None and is_clock_field(name):
            return clock_text(name, self.time_ns)
        return value

    def items(self, name: str) -> tuple[str, ...] | None:
        """The items of a list field, or None if it is missing or empty."""
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
    assumed: tuple[str, ...] = (),
) -> Alert:
    """Create an alert with its id. ``fields`` must not contain missing values or clock fields."""
    identity = alert_id(time_ns, hostname, source, rule, priority, fields, output, tags)
    return Alert(identity, time_ns, priority, rule, source, hostname, tags, output, fields, lists, assumed)


def text_length(alert: Alert) -> int:
    """Characters of its output and fields: most of the memory that it takes."""
    return len(alert.output) + sum(map(len, alert.fields.values()))


def split_list(text: str) -> tuple[str, ...]:
    """The items of a list as gRPC prints it: ``(a,b c,d)``.

    Items with a comma are split, and leading empty items are lost. ``()`` has one item, because an empty list would be
    missing.
    """
    if text.startswith("(") and text.endswith(")"):
        return tuple(text[1:-1].split(","))
    return tuple(text.split(",")) if text else ()


CLOCK_FIELDS = frozenset({"evt.time", "evt.time.s", "evt.time.iso8601", "evt.datetime", "evt.datetime.s"})
"""The time of the event, which is in ``Alert.time_ns``. They are not stored."""


def is_clock_field(name: str) -> bool:
    """Whether the field is the time of the event, which is in ``Alert.time_ns``."""
    return name in CLOCK_FIELDS


def stored_fields(fields: dict[str, str]) -> dict[str, str]:
    """Fields of a gRPC message without missing values and clock fields. May return ``fields`` itself."""
    if MISSING in fields.values() or fields.get("fd.types") == _EMPTY_LIST:
        fields = {
            name: text
            for name, text in fields.items()
            if text != MISSING and not (name == "fd.types" and text == _EMPTY_LIST)
        }
    return without_clock_fields(fields)


_EMPTY_LIST = "()"
"""``fd.types`` without an item by gRPC. By JSON it is null."""


def without_clock_fields(fields: dict[str, str]) -> dict[str, str]:
    """Fields without clock fields. May return ``fields`` itself."""
    if CLOCK_FIELDS.isdisjoint(fields):
        return fields
    return {name: text for name, text in fields.items() if name not in CLOCK_FIELDS}


def clock_text(name: str, time_ns: int) -> str:
    """A clock field as Falco prints it in text output, in UTC."""
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
