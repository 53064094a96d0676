"""Sending dead letters again, or letting them go: by the running bridge where there is one, else by whoever asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

from bridge.config.load import InstancePaths
from bridge.journal import JournalError
from bridge.journal.sqlite import Journal
from bridge.journal.sqlite.dead import dead_ids
from bridge.operator.client import NotRunningError, ask
from bridge.operator.server import Actor, AdminServer, RefusedError

_AT_A_TIME = 500
"""Letters a transaction: the router must not wait for it."""


class DeadLetterAction(StrEnum):
    """What is to become of them; also the names of the admin socket's operations."""

    RETRY = "dead_retry"
    DISCARD = "dead_discard"


@dataclass(frozen=True, slots=True)
class DeadLetterSelection:
    """Which dead letters: those with these ids, else all of a channel's, else all."""

    ids: tuple[int, ...] | None = None
    channel: str | None = None


class DeadLetters:
    """The admin socket's operations upon a running bridge's dead letters."""

    def __init__(self, journal: Path, wake: Callable[[], None]) -> None:
        """``wake`` tells the courier that there is something to send."""
        self._journal = journal
        self._wake = wake

    def offer(self, admin: AdminServer) -> None:
        """Let operators ask for them."""
        admin.offer(DeadLetterAction.RETRY, lambda actor, arguments: self._do(DeadLetterAction.RETRY, actor, arguments))
        admin.offer(
            DeadLetterAction.DISCARD, lambda actor, arguments: self._do(DeadLetterAction.DISCARD, actor, arguments)
        )

    def _do(self, fate: DeadLetterAction, actor: Actor, arguments: Mapping[str, object]) -> object:
        which = _which(arguments)
        try:
            journal = Journal.open(self._journal)  # the router's own connection is in use
            try:
                done = decide_fate(journal, fate, which)
            finally:
                journal.close()
        except JournalError as error:
            raise RefusedError(str(error)) from error
        structlog.get_logger("dead letters").info(fate.value, letters=len(done), actor=actor.name)
        self._wake()
        return done


def ask_fate(places: InstancePaths, fate: DeadLetterAction, which: DeadLetterSelection) -> list[int]:
    """Have it done, wherever it can be; the ids that it was done to. Raises AdminError and JournalError."""
    try:
        arguments = {"ids": None if which.ids is None else list(which.ids), "channel": which.channel}
        answer = ask(places.admin, fate, arguments, seconds=300.0)
        return [int(identity) for identity in answer]
    except NotRunningError:
        Journal.open_to_read(places.journal).close()  # a wrong name must not make a journal
        journal = Journal.open_for_router(places.journal)
    try:
        return decide_fate(journal, fate, which)
    finally:
        journal.close()


def decide_fate(journal: Journal, fate: DeadLetterAction, which: DeadLetterSelection) -> list[int]:
    """Do it in this journal; the ids that it was done to."""
    ids: Sequence[int] = dead_ids(journal, which.channel) if which.ids is None else which.ids
    act = journal.retry_dead if fate is DeadLetterAction.RETRY else journal.discard_dead
    done: list[int] = []
    for start in range(0, len(ids), _AT_A_TIME):
        done += act(ids[start : start + _AT_A_TIME], time.time_ns())
    return done


def _which(arguments: Mapping[str, object]) -> DeadLetterSelection:
    ids, channel = arguments.get("ids"), arguments.get("channel")
    if not (ids is None or (isinstance(ids, list) and all(type(each) is int for each in ids))):
        raise RefusedError("`ids` must be a list of numbers")
    if not (channel is None or isinstance(channel, str)):
        raise RefusedError("`channel` must be a name")
    return DeadLetterSelection(None if ids is None else tuple(ids), channel)
