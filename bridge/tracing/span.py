"""A span as the bridge makes it, independent of the library that exports it. Values are bounded here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from bridge.common.text import one_line

LONGEST_VALUE = 256
"""Characters of a text in an attribute. Longer texts are cut in the middle."""
MOST_ITEMS = 32
"""Items of a list in an attribute, and links of a span. Further ones are counted in an attribute of their own."""

Value = str | int | float | bool | Sequence[str]


class SpanKind(StrEnum):
    """The role of a span, as OpenTelemetry names it."""

    INTERNAL = "internal"
    CONSUMER = "consumer"
    """An alert that was received."""
    CLIENT = "client"
    """A request to a channel."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A finished span. Times are nanoseconds since the epoch."""

    name: str
    trace: int
    id: int
    parent: int | None = None
    kind: SpanKind = SpanKind.INTERNAL
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Value]
    links: tuple[tuple[int, int], ...] = ()
    """Spans of other traces: pairs of a trace id and a span id."""
    error: str = ""
    """Why it failed; empty if it did not."""


def text(value: str) -> str:
    """A text of an attribute: one visible line, bounded. Alerts are written by attackers."""
    return one_line(value, LONGEST_VALUE)


def texts(values: Sequence[str]) -> tuple[str, ...]:
    """A list in an attribute, bounded."""
    return tuple(map(text, values[:MOST_ITEMS]))
