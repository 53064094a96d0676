"""A fleet of bridges as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.operator.model.status import BridgeStatus, FleetStatus

_LONGEST = 100
_SECOND = 1_000_000_000


def fleet_lines(fleet: FleetStatus | None) -> Iterator[str]:
    """What waits, then a row for each bridge; nothing without a fleet."""
    from bridge.cli.printing.table import Cell, Styled, ago, as_table, lasting
    from bridge.common.clocks.durations import duration_text
    from bridge.common.text import one_line

    if fleet is None:
        return
    oldest = f", the oldest {ago(fleet.oldest_match_ns)}" if fleet.oldest_match_ns else ""
    yield f"\nfleet     {_waiting(fleet.matches_waiting, 'match', 'matches')} for memory{oldest}"
    oldest = f", the oldest {ago(fleet.oldest_delivery_ns)}" if fleet.oldest_delivery_ns else ""
    yield f"          {_waiting(fleet.deliveries_waiting, 'delivery', 'deliveries')} for couriers{oldest}"
    rows: list[tuple[Cell, ...]] = [("bridge", "state", "version", "roles", "routes", "has")]
    for each in fleet.bridges:
        state: Cell = f"up {lasting(each.started_ns)}"
        if each.stopped:
            state = f"stopped {duration_text(each.silent_ns / _SECOND)} ago"
        elif not each.alive:
            state = Styled(f"GONE for {duration_text(each.silent_ns / _SECOND)}", "bold red")
        name = f"{each.bridge} (this)" if each.bridge == fleet.bridge else each.bridge
        program = each.program or "-"
        if each.loaded and each.loaded != each.program:
            program += f", {each.loaded} loaded"
        rows.append((
            one_line(name, _LONGEST), state, one_line(each.version, _LONGEST), _roles(each), program,
            one_line(_has(each), 4 * _LONGEST),
        ))  # fmt: skip
    yield f"\n{as_table(rows)}"


def _waiting(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more} waiting"


def _roles(bridge: BridgeStatus) -> str:
    """Its roles, and which of them no process has at present."""
    return ", ".join(f"{each} DOWN" if each in bridge.down else each for each in bridge.roles)


def _has(bridge: BridgeStatus) -> str:
    """The leases of the bridge."""
    from bridge.cli.printing.table import many

    partitions = [many(bridge.partitions, "partition")] if bridge.partitions else []
    return "; ".join([*partitions, *bridge.channels, *bridge.sources, *(f"duty {each}" for each in bridge.duties)])
