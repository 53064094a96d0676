"""Silences: list, preview, add, expire."""

from __future__ import annotations

import time
from typing import Protocol

from bridge.journal import JournalError
from bridge.journal.records import SilenceRecord
from bridge.operator.actor import Actor, OperationError
from bridge.operator.model import (
    AddSilence,
    ExpireSilence,
    MutedAlert,
    NoParameters,
    PreviewSilence,
    SilenceList,
    SilencePreview,
    SilenceStatus,
)
from bridge.pipeline.controls import Preview, SilenceError

_SECOND_NS = 1_000_000_000


class SilenceControls(Protocol):
    """The part of the running bridge that has silences."""

    def silences(self) -> list[SilenceRecord]:
        """As in Controls."""

    def add_silence(
        self, condition: str, schedule: str, from_ns: int, until_ns: int, author: str, comment: str
    ) -> SilenceRecord:
        """As in Controls."""

    def expire_silence(self, silence_id: str, actor: str) -> SilenceRecord | None:
        """As in Controls."""

    def preview(self, condition: str, since_ns: int) -> Preview:
        """As in Controls."""


class SilenceOperations:
    """The operations of a running bridge. Callable from any thread."""

    def __init__(self, controls: SilenceControls) -> None:
        self._controls = controls

    def list_all(self, _actor: Actor, _request: NoParameters) -> SilenceList:
        """Every silence that is stored."""
        now_ns = time.time_ns()
        return SilenceList(items=[_silence(each, now_ns) for each in self._controls.silences()])

    def add(self, actor: Actor, request: AddSilence) -> SilenceStatus:
        """Add a silence in the name of the caller."""
        now_ns = time.time_ns()
        from_ns = now_ns + round(request.starts_in * _SECOND_NS)
        until_ns = from_ns + round(request.seconds * _SECOND_NS)
        try:
            added = self._controls.add_silence(
                request.condition, request.during, from_ns, until_ns, actor.name, request.comment
            )
        except SilenceError as error:
            raise OperationError(str(error), 400) from error
        return _silence(added, now_ns)

    def expire(self, actor: Actor, request: ExpireSilence) -> SilenceStatus:
        """End a silence now."""
        ended = self._controls.expire_silence(request.id, actor.name)
        if ended is None:
            raise OperationError(
                f"there is no silence {request.id} that has not ended; `falco-bridge silence list` lists them", 404
            )
        return _silence(ended, ended.until_ns)

    def preview(self, _actor: Actor, request: PreviewSilence) -> SilencePreview:
        """What a silence would have held back."""
        try:
            found = self._controls.preview(request.condition, time.time_ns() - round(request.seconds * _SECOND_NS))
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
        )  # fmt: skip


def _silence(record: SilenceRecord, now_ns: int) -> SilenceStatus:
    members = {name: getattr(record, name) for name in record.__struct_fields__}
    return SilenceStatus(**members, state=_state(record, now_ns))


def _state(record: SilenceRecord, now_ns: int) -> str:
    if record.until_ns <= now_ns:
        return "ended"
    return "active" if record.from_ns <= now_ns else "pending"
