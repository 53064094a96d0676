"""Matches: what the owner of a partition needs of an alert to decide about it, and their bytes.

Stored alerts are redacted, and keys are hashes of the original values. So the keys of every clause are computed when
the alert is received. A match names clauses by their identity: the owner may run another program by then.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from bridge.routing.memory.clauses.passage import Passage

ID_SIZE = 8
"""Bytes that name a clause in a match."""


class WatchMatch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The alert meets a condition of ``then``, ``unless`` or ``with``."""

    clause: bytes
    """The id of the clause."""
    number: int
    """The number of the condition within the clause."""
    key: bytes
    """The alert's key, from the other side of the pairs."""
    values: dict[str, str] = {}  # msgspec copies the default
    """The redacted fields that texts name, by field."""


class RouteMatch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The alert matches a route with memory."""

    stages: bytes
    """The ids of the route's clauses in order, joined; the last one is that of its incidents."""
    passage: Passage
    name: str = ""
    """The route's name, for an owner that does not have the route."""


class Match(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One alert, for one partition."""

    alert_id: str
    received_ns: int
    event_ns: int
    priority: int
    silenced: str = ""
    """The id of the silence that matched the original alert; empty if none did."""
    watches: tuple[WatchMatch, ...] = ()
    routes: tuple[RouteMatch, ...] = ()
    """In file order."""


def clause_id(identity: str) -> bytes:
    """The id of the clause with this identity."""
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=ID_SIZE).digest()


def stage_ids(identities: Iterable[str]) -> bytes:
    """The ids of a route's clauses, joined."""
    return b"".join([clause_id(each) for each in identities])


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Match)


def encode_match(match: Match) -> bytes:
    """The match as MessagePack."""
    return _encoder.encode(match)


def decode_match(data: bytes) -> Match:
    """The match that ``encode_match`` wrote. Raises msgspec.MsgspecError if it is damaged."""
    return _decoder.decode(data)
