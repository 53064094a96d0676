"""Silences: list, preview, add, expire."""

from __future__ import annotations

import time
from typing import Protocol

from bridge.journal import JournalError
from bridge.journal.records import SilenceRecord
from bridge.operator.actor import Actor, OperationError
from bridge.operator.model.base import LARGEST_PAGE
from bridge.operator.model.silences import (
    AddSilence,
    ExpireSilence,
    ExpireSilences,
    ListSilences,
    MutedAlert,
    PreviewSilence,
    SilenceActStatus,
    SilenceList,
    SilencePreview,
    SilenceStatus,
    UpdateSilence,
)
from bridge.operator.operations.pages import Page
from bridge.pipeline.controls.silence_preview import Preview
from bridge.pipeline.controls.silences import NewSilence, SilenceError, SilenceSelection

_SECOND_NS = 1_000_000_000
_LONGEST_SECONDS = 366 * 86_400
_LONGEST_COMMENT = 1000


class SilenceControls(Protocol):
    """The part of the running bridge that has silences."""

    def silences(self, *, ended: bool = False) -> list[SilenceRecord]:
        """As in RunningSilences."""

    def add_silence(self, new: NewSilence) -> SilenceRecord:
        """As in RunningSilences."""

    def update_silence(
        self,
        silence_id: str,
        actor: str,
        *,
        until_ns: int | None,
        comment: str | None,
        announce: str | None,
        announce_ns: int | None,
    ) -> SilenceRecord | None:
        """As in RunningSilences."""

    def expire_silences(self, which: SilenceSelection, actor: str) -> list[SilenceRecord]:
        """As in RunningSilences."""

    def preview(self, condition: str, since_ns: int, schedule: str) -> Preview:
        """As in RunningSilences."""


class SilenceOperations:
    """The operations of a running bridge. Callable from any thread."""

    def __init__(self, controls: SilenceControls) -> None:
        self._controls = controls

    def list_all(self, _actor: Actor, request: ListSilences) -> SilenceList:
        """Every silence that is stored, or a page of them."""
        now_ns, found = time.time_ns(), self._controls.silences(ended=request.ended)
        if request.limit is None and not request.cursor and not request.ended:
            return SilenceList(items=[_silence(each, now_ns) for each in found])
        place = _place_of_ended if request.ended else _place
        after = _place_after(request.cursor, -1 if request.ended else 1)
        page, last = Page[SilenceStatus](request.limit or LARGEST_PAGE), after
        for each in sorted((each for each in found if place(each) > after), key=place):
            if not page.add(_silence(each, now_ns)):
                return SilenceList(items=page.items, next=f"{abs(last[0])}-{last[1]}")
            last = place(each)
        return SilenceList(items=page.items)

    def add(self, actor: Actor, request: AddSilence) -> SilenceStatus:
        """Add a silence in the name of the caller."""
        now_ns = time.time_ns()
        from_ns = now_ns + round(request.starts_in * _SECOND_NS)
        until_ns = from_ns + round(request.seconds * _SECOND_NS)
        new = NewSilence(
            request.condition, from_ns, until_ns, actor.name, request.comment, request.during, request.announce,
            round(request.announce_before * _SECOND_NS),
        )  # fmt: skip
        try:
            added = self._controls.add_silence(new)
        except SilenceError as error:
            raise OperationError(str(error), 400) from error
        return _silence(added, now_ns)

    def update(self, actor: Actor, request: UpdateSilence) -> SilenceStatus:
        """Change a silence in the name of the caller."""
        now_ns = time.time_ns()
        if not 0 < (1 if request.seconds is None else request.seconds) <= _LONGEST_SECONDS:
            raise OperationError("a silence lasts for up to 366 days from now on", 400)
        if len(request.comment or "") > _LONGEST_COMMENT:
            raise OperationError(f"a comment has at most {_LONGEST_COMMENT} characters", 400)
        before = request.announce_before
        try:
            changed = self._controls.update_silence(
                request.id, actor.name,
                until_ns=None if request.seconds is None else now_ns + round(request.seconds * _SECOND_NS),
                comment=request.comment, announce=request.announce,
                announce_ns=None if before is None else round(before * _SECOND_NS),
            )  # fmt: skip
        except SilenceError as error:
            raise OperationError(str(error), 400) from error
        if changed is None:
            raise _unknown(request.id)
        return _silence(changed, now_ns)

    def expire(self, actor: Actor, request: ExpireSilence) -> SilenceStatus:
        """End a silence now."""
        ended = self._controls.expire_silences(SilenceSelection((request.id,)), actor.name)
        if not ended:
            raise _unknown(request.id)
        return _silence(ended[0], ended[0].until_ns)

    def expire_many(self, actor: Actor, request: ExpireSilences) -> SilenceList:
        """End silences now."""
        which = SilenceSelection(frozenset(request.ids), request.author, request.all)
        ended = self._controls.expire_silences(which, actor.name)
        return SilenceList(items=[_silence(each, each.until_ns) for each in ended])

    def preview(self, _actor: Actor, request: PreviewSilence) -> SilencePreview:
        """What a silence would have held back."""
        try:
            since_ns = time.time_ns() - round(request.seconds * _SECOND_NS)
            found = self._controls.preview(request.condition, since_ns, request.during)
        except SilenceError as error:
            raise OperationError(str(error), 400) from error
        except JournalError as error:
            raise OperationError(str(error), 503) from error
        return SilencePreview(
            alerts=found.alerts,
            routes=dict(found.by_route.most_common()),
            channels=dict(found.by_channel.most_common()),
            examples=[
                MutedAlert(
                    id=each.id, time_ns=each.time_ns, rule=each.rule, priority=str(each.priority),
                    hostname=each.hostname, output=each.output,
                )
                for each in found.examples
            ],
            not_judged=dict(found.unjudged.most_common()),
            stopped_ns=found.stopped_ns,
        )  # fmt: skip


def _unknown(silence_id: str) -> OperationError:
    return OperationError(
        f"there is no silence {silence_id} that has not ended; `falco-bridge silence list` lists them", 404
    )


def _place(record: SilenceRecord) -> tuple[int, str]:
    """The position of a silence in the list: an order that another silence does not change."""
    return record.created_ns, record.id


def _place_of_ended(record: SilenceRecord) -> tuple[int, str]:
    """As ``_place`` for silences that have ended: the latest end first."""
    return -record.until_ns, record.id


def _place_after(cursor: str, sign: int) -> tuple[int, str]:
    """The place after which a page begins. ``sign`` is that of its times. Raises OperationError."""
    if not cursor:
        return -(2**63), ""
    created_ns, _, identity = cursor.partition("-")
    if not (created_ns.isascii() and created_ns.isdigit() and identity):
        raise OperationError("`cursor` is not the `next` of a page", 400)
    return sign * int(created_ns), identity


def _silence(record: SilenceRecord, now_ns: int) -> SilenceStatus:
    members = {name: getattr(record, name) for name in record.__struct_fields__ if name != "acts"}
    acts = [SilenceActStatus(acted_ns=each.acted_ns, action=each.action, actor=each.actor) for each in record.acts]
    return SilenceStatus(**members, state=_state(record, now_ns), acts=acts)


def _state(record: SilenceRecord, now_ns: int) -> str:
    if record.until_ns <= now_ns:
        return "ended"
    return "active" if record.from_ns <= now_ns else "pending"
