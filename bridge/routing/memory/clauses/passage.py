"""A match on its way through the clauses of its route."""

from __future__ import annotations

import msgspec

from bridge.routing.notification import NotificationKind


class Passage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One match, or several that became one. Contains no text of the alert but ``values``, which are redacted.

    It is stored while a clause holds it, so everything that later clauses need is computed when the match occurs: the
    original values are not available later.
    """

    alert_id: str
    """The alert that the texts are about."""
    event_ns: int
    """Its event time, at most one minute after it was received."""
    severity: int
    """The severity of the route, or the alert's priority."""
    keys: tuple[bytes, ...]
    """The key of each clause of the route; empty for a clause without ``by``."""
    shown: str = ""
    """The incident's key for people, after redaction."""
    kind: NotificationKind = NotificationKind.SINGLE
    count: int = 1
    """How many alerts it stands for."""
    first_ns: int = 0
    last_ns: int = 0
    """The event times of the first and the last of them."""
    suppressed: int = 0
    """How many alerts were throttled before it."""
    values: dict[str, str] = {}  # msgspec copies the default
    """Fields of other alerts that texts name: ``2.proc.cmdline`` of a step, ``NAME.ka.user.name`` of a join."""
    to: tuple[str, ...] = ()
    """The channels, if they are not the route's own: those of an escalation or a resolve, or that a table named."""
    alerts: tuple[str, ...] = ()
    """The ids of all alerts that it names, if there are several: members of a digest, steps, joins."""
    ladder: tuple[tuple[int, str], ...] = ()
    """Escalations to channels that a table named: after how long, and to which channel."""
    unnamed: int = 0
    """How many members of a digest are not in ``alerts``."""


NO_VALUES: dict[str, str] = {}
"""Shared by all passages without values, so that each does not need a dictionary. It is never changed."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Passage).decode


_last_packed: tuple[Passage | None, msgspec.Raw] = (None, msgspec.Raw())


def pack(passage: Passage) -> msgspec.Raw:
    """A passage that a row holds, as MessagePack.

    One object takes a third of the memory of a passage, and costs less to release and to store. Few are ever read.
    Rows of several routes hold the same passage one after the other, so the last one is remembered.
    """
    global _last_packed  # noqa: PLW0603
    known, packed = _last_packed
    if known is not passage:
        packed = msgspec.Raw(_encode(passage))
        _last_packed = (passage, packed)
    return packed


def unpack(packed: msgspec.Raw) -> Passage:
    """The passage that ``pack`` wrote, or that was read from a journal."""
    return _decode(packed)
