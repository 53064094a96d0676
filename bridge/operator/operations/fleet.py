"""The status of a fleet: its bridges, their leases, and the work that waits for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bridge.common.clocks.durations import duration_text
from bridge.journal.members import CHANNEL, COURIER, DUTY, PARTITION, ROLES, ROUTER, SOURCE, MemberRecord
from bridge.operator.inspector import FleetSnapshot
from bridge.operator.model.status import BridgeStatus, FleetStatus, StatusProblem

_SECOND = 1_000_000_000
_RECENT_NS = 600 * _SECOND
"""A bridge that vanished is a problem for so long; then it is only listed."""
_RESTART_NS = 15 * _SECOND
"""A process of a bridge that has ended is started again before."""
_MOST_ENDED = 20
"""Bridges that stopped or vanished, in one answer: the latest ones."""
_NOBODY = "no bridge yet"


def fleet_status(snapshot: FleetSnapshot) -> FleetStatus:
    """The bridges, the oldest first. Its processes are one bridge."""
    bridges: dict[str, list[MemberRecord]] = {}
    for each in snapshot.members:
        bridges.setdefault(each.bridge, []).append(each)
    found = [_bridge(name, members) for name, members in bridges.items()]
    ended = sorted((each for each in found if not each.alive), key=lambda each: each.silent_ns)
    lag = snapshot.lag
    return FleetStatus(
        bridge=snapshot.bridge,
        bridges=[each for each in found if each.alive or each in ended[:_MOST_ENDED]],
        matches_waiting=lag.matches,
        oldest_match_ns=lag.oldest_match_ns,
        deliveries_waiting=lag.deliveries,
        oldest_delivery_ns=lag.oldest_delivery_ns,
    )


def readers(snapshot: FleetSnapshot | None) -> Mapping[str, str]:
    """The bridge that has each lease of a source."""
    members = () if snapshot is None else snapshot.members
    return {lease: each.bridge for each in members for lease in each.leases.get(SOURCE, ())}


def read_by(lease: str, found: Mapping[str, str]) -> str:
    """The bridge that reads a source, if another one has its lease; empty without a lease."""
    return found.get(lease, _NOBODY) if lease else ""


def fleet_problems(fleet: FleetStatus) -> Iterator[StatusProblem]:
    """What needs an operator: work that no bridge does, bridges that vanished, routes that differ."""
    alive = [each for each in fleet.bridges if each.alive]
    for role in ROLES:
        if not any(role in each.roles for each in alive):
            yield StatusProblem(
                subject="fleet", text=f"no living bridge has the role `{role}`", remedy="start one, or wait for it"
            )
    for each in fleet.bridges:
        if text := _ended(each, alive):
            remedy = f"see its log on {each.host}; what it did is done by the others, if they have its roles"
            yield StatusProblem(subject=f"bridge {each.bridge}", text=text, remedy=remedy)
        elif each.alive and each.problem and each.bridge != fleet.bridge:
            yield StatusProblem(subject=f"bridge {each.bridge}", text=each.problem, remedy="see its status")


def _ended(bridge: BridgeStatus, alive: Sequence[BridgeStatus]) -> str:
    """What of the bridge has ended although it was not stopped; empty for none, and once its host has a new one."""
    if bridge.alive:
        if not bridge.down or bridge.down_ns < _RESTART_NS:
            return ""
        return f"its process for {' and '.join(bridge.down)} has not run for {duration_text(bridge.down_ns / _SECOND)}"
    is_replaced = any(each.host == bridge.host and each.started_ns > (bridge.ended_ns or 0) for each in alive)
    if bridge.stopped or bridge.silent_ns >= _RECENT_NS or is_replaced:
        return ""
    return f"vanished {duration_text(bridge.silent_ns / _SECOND)} ago"


def _bridge(name: str, members: list[MemberRecord]) -> BridgeStatus:
    living = [each for each in members if each.is_alive]
    used = living or members
    leases: dict[str, list[str]] = {}
    for each in used:
        for kind, names in each.leases.items():
            leases.setdefault(kind, []).extend(names)
    working = {role for each in used for role in each.roles}
    configured = next((each.info["roles"] for each in reversed(members) if each.info.get("roles")), working)
    down = [each for each in ROLES if living and each in configured and each not in working]
    routers = [each for each in members if ROUTER in each.roles]
    return BridgeStatus(
        bridge=name,
        host=used[0].host,
        version=used[0].version,
        roles=[each for each in ROLES if each in configured],
        started_ns=min(each.started_ns for each in used),
        alive=bool(living),
        silent_ns=0 if living else min(each.silent_ns for each in used),
        program=next((each.active for each in used if each.active), ""),
        loaded=next((each.loaded for each in used if each.loaded), ""),
        problem=next((str(each.info["reload"]) for each in used if each.info.get("reload")), ""),
        partitions=len(leases.get(PARTITION, ())),
        channels=sorted(leases.get(CHANNEL, ())),
        sources=sorted(leases.get(SOURCE, ())),
        duties=sorted(leases.get(DUTY, ())),
        stopped=not living and bool(routers) and all(each.has_left for each in routers),
        ended_ns=None if living else max(each.ended_ns for each in used),
        down=down,
        down_ns=_down_ns(down, members),
    )


def _down_ns(down: Sequence[str], members: Sequence[MemberRecord]) -> int:
    """How long ago the last process of these roles ended."""
    process = COURIER if COURIER in down else ROUTER
    ended = [each.silent_ns for each in members if process in each.roles]
    return min(ended, default=0) if down else 0
