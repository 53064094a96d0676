"""Silences and their previews, as the operator API shows and changes them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bridge.operator.model.base import Answer, Limit, Request


class SilenceActStatus(Answer, frozen=True):
    """Somebody changed or ended a silence."""

    acted_ns: int
    action: Annotated[str, Meta(description="`change` or `expire`.")]
    actor: str


class SilenceStatus(Answer, frozen=True):
    """A silence: what matches its condition sends no notification while it acts."""

    id: str
    condition: str
    schedule: Annotated[str, Meta(description="When a recurring silence acts; empty for the whole time.")]
    from_ns: int
    until_ns: int
    author: str
    comment: str
    created_ns: int
    announce: Annotated[str, Meta(description="The channel that is notified before it ends; empty for none.")]
    announce_ns: Annotated[int, Meta(description="How long before.")]
    announced: Annotated[bool, Meta(description="Whether it was.")]
    state: Annotated[str, Meta(description="`active`, `pending` or `ended`.")]
    acts: Annotated[
        list[SilenceActStatus],
        Meta(description="The latest 20 changes with their actors. One that ended without `expire` ran out."),
    ] = msgspec.field(default_factory=list)  # fmt: skip


class SilenceList(Answer, frozen=True):
    """The silences that act, those to come, and those that ended in the last 24 hours; or all that ended."""

    items: list[SilenceStatus]
    next: Annotated[
        str | None, Meta(description="The `cursor` of the next page; null on the last page, and without a `limit`.")
    ] = None  # fmt: skip


class ListSilences(Request, frozen=True):
    """Which silences to list."""

    cursor: Annotated[str, Meta(max_length=200, description="The `next` of the last page.")] = ""
    limit: Limit | None = None
    ended: Annotated[
        bool,
        Meta(description="Instead those that have ended, as long as they are stored: in pages, the latest end first."),
    ] = False  # fmt: skip


class AddSilence(Request, frozen=True):
    """A silence to add."""

    condition: Annotated[str, Meta(min_length=1, max_length=10_000, description="As after `when` in a route.")]
    seconds: Annotated[float, Meta(gt=0, le=366 * 86_400, description="How long it lasts.")]
    comment: Annotated[str, Meta(max_length=1000)] = ""
    starts_in: Annotated[float, Meta(ge=0, le=366 * 86_400, description="Seconds until it begins.")] = 0.0
    during: Annotated[str, Meta(max_length=1000, description='For example `mon-fri 09:00-18:00 in "Asia/Seoul"`.')] = ""
    announce: Annotated[str, Meta(max_length=1000, description="A channel to notify before it ends.")] = ""
    announce_before: Annotated[float, Meta(gt=0, le=31 * 86_400, description="How many seconds before.")] = 900.0


class UpdateSilence(Request, frozen=True):
    """What to change of a silence; what is left out stays."""

    id: str
    seconds: Annotated[float | None, Meta(description="How long it lasts from now on, at most 366 days.")] = None
    comment: Annotated[str | None, Meta(description="At most 1000 characters.")] = None
    announce: Annotated[str | None, Meta(description="A channel to notify before it ends; empty for none.")] = None
    announce_before: Annotated[float, Meta(gt=0, le=31 * 86_400, description="How many seconds before.")] | None = None


class PreviewSilence(Request, frozen=True):
    """A condition to look back with."""

    condition: Annotated[str, Meta(min_length=1, max_length=10_000)]
    seconds: Annotated[float, Meta(gt=0, le=31 * 86_400, description="How far back.")] = 86_400.0
    during: Annotated[str, Meta(max_length=1000, description="Only what was received at these times.")] = ""


class MutedAlert(Answer, frozen=True):
    """An alert that a silence would have held back."""

    id: str
    time_ns: int
    rule: str
    priority: str
    hostname: str
    output: str


class SilencePreview(Answer, frozen=True):
    """What a silence would have held back."""

    alerts: int
    routes: dict[str, int]
    channels: dict[str, int]
    examples: list[MutedAlert]
    not_judged: Annotated[
        dict[str, int],
        Meta(
            description="Alerts for which the silence may decide otherwise, by field: the condition reads the field, "
            "and `redact` has removed text of it."
        ),
    ]
    stopped_ns: Annotated[
        int | None,
        Meta(
            description="Alerts received before this time were not judged, because a preview takes at most 10 seconds; "
            "null if all were."
        ),
    ] = None  # fmt: skip


class ExpireSilence(Request, frozen=True):
    """Which silence to end."""

    id: str


class ExpireSilences(Request, frozen=True):
    """Which silences to end: those with these ids, all of a person, or all."""

    ids: Annotated[list[str], Meta(max_length=1000)] = msgspec.field(default_factory=list)
    author: Annotated[str, Meta(max_length=1000)] = ""
    all: bool = False
