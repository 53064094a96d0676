"""Dead letters, as the operator API shows and changes them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bridge.operator.model.base import Answer, ChannelName, Limit, Request, RowNumber


class ListDeadLetters(Request, frozen=True):
    """Which dead letters to list."""

    channel: ChannelName | None = None
    after: Annotated[int, Meta(ge=0, description="List those with a larger id: the `next` of the last page.")] = 0
    limit: Limit = 100


class ShowDeadLetter(Request, frozen=True):
    """Which dead letter to show."""

    id: RowNumber


class DeadLetterAlert(Answer, frozen=True):
    """The alert of a dead letter."""

    id: str
    time_ns: int
    rule: str
    priority: str
    source: str
    hostname: str
    output: str
    output_fields: dict[str, str]


class DeadLetterSummary(Answer, frozen=True):
    """A delivery that is not tried again."""

    id: int
    channel: str
    routes: list[str]
    created_ns: int
    died_ns: int
    attempts: int
    status: int | None
    reason: str
    alert: DeadLetterAlert


class AttemptStatus(Answer, frozen=True):
    """One failed attempt to send a delivery."""

    number: int
    attempted_ns: int
    status: int | None
    reason: str


class DeadLetterActStatus(Answer, frozen=True):
    """Somebody retried or discarded a delivery while it was a dead letter."""

    acted_ns: int
    action: Annotated[str, Meta(description="`retry` or `discard`.")]
    actor: str


class DeadLetterDetail(DeadLetterSummary, frozen=True):
    """A dead letter with its recorded attempts: the first and the last nineteen."""

    tried: list[AttemptStatus]
    acts: Annotated[list[DeadLetterActStatus], Meta(description="Earlier retries, with their actors.")]


class DeadLetterPage(Answer, frozen=True):
    """Dead letters, oldest first."""

    items: list[DeadLetterSummary]
    next: Annotated[int | None, Meta(description="The `after` of the next page; null on the last page.")]


class SelectDeadLetters(Request, frozen=True):
    """Dead letters to retry or discard. Give exactly one of `ids`, `channel` and `all`."""

    ids: Annotated[list[RowNumber], Meta(max_length=10_000)] | None = None
    channel: ChannelName | None = None
    all: bool = False


class DeadLettersChanged(Answer, frozen=True):
    """The dead letters that were retried or discarded."""

    ids: list[int]
