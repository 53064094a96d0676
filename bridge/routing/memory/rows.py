"""The rows of all clauses as bytes, for the journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from bridge.routing.memory.clauses.absent import LastSeen
from bridge.routing.memory.clauses.after import Released, Window
from bridge.routing.memory.clauses.group import OpenGroup
from bridge.routing.memory.clauses.join import Partners
from bridge.routing.memory.clauses.new import Sighting
from bridge.routing.memory.clauses.sequence import Waiting
from bridge.routing.memory.clauses.throttle import Slots
from bridge.routing.memory.clauses.unless import Sightings
from bridge.routing.memory.incident import Incident

Row = LastSeen | Released | Window | OpenGroup | Incident | Partners | Sighting | Waiting | Slots | Sightings

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Row)


def encode_row(row: Any) -> bytes:
    """A row as MessagePack, with the name of its type."""
    return _encoder.encode(row)


def encode_changes(
    changes: Sequence[tuple[int, Sequence[bytes], Sequence[Any], Sequence[int | None]]],
) -> bytes:
    """Changed rows by the number of their clause: keys, rows, and when timers fire. A row that is None is removed."""
    return _encoder.encode(changes)


def decode_row(data: bytes) -> Any:
    """The row that ``encode_row`` wrote. Raises msgspec.MsgspecError if it is damaged."""
    return _decoder.decode(data)


def named_alerts(row: Row) -> tuple[str, ...]:
    """The ids of the alerts that a notification of this row can be about."""
    match row:
        case LastSeen() | Incident():
            return (row.passage.alert_id,)
        case Window() | Slots():
            return () if row.last is None else (row.last.alert_id,)
        case OpenGroup():
            return tuple(each[2] for each in row.worst)
        case Partners():
            return tuple(each.passage.alert_id for each in row.held)
        case Sightings():
            return tuple(each.alert_id for each in row.held)
        case Waiting():
            return tuple(each.passage.alert_id for each in row.attempts)
        case _:
            return ()
