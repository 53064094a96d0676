"""Quarantined messages, as the operator API shows and changes them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bridge.operator.model.base import Answer, Limit, Request, RowNumber


class ListQuarantine(Request, frozen=True):
    """Which quarantined messages to list."""

    before: Annotated[RowNumber | None, Meta(description="List those with a smaller number.")] = None
    limit: Limit = 50


class ShowQuarantined(Request, frozen=True):
    """Which quarantined message to show."""

    number: RowNumber


class Quarantined(Answer, frozen=True):
    """A message that could not be parsed as an alert."""

    number: int
    received_ns: int
    source_name: str
    reason: str
    raw: Annotated[str, Meta(description="Up to 64 KiB. Bytes that are not UTF-8 are written as \\xff.")]


class QuarantinePage(Answer, frozen=True):
    """Quarantined messages, newest first."""

    items: list[Quarantined]
    next: Annotated[int | None, Meta(description="The `before` of the next page; null on the last page.")]
