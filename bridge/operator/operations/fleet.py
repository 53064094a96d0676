"""The status of a fleet: its bridges, what each has to itself, and what waits for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bridge.journal.members import CHANNEL, DUTY, PARTITION, ROLES, SOURCE, MemberRecord
from bridge.operator.inspector import FleetSnapshot
from bridge.operator.model import BridgeStatus, FleetStatus, StatusProblem

_RECENT_NS = 600 * 1_000_000_000
"""A bridge that vanished is a problem for so long; then it is only listed."""
_NOBODY = "no bridge yet"


def fleet_status(snapshot: FleetSnapshot) -> FleetStatus:
    """The bridges, the oldest first. Its processes are one bridge."""
    bridges: dict[str, list[MemberRecord]] = {}
    for each in snapshot.members:
        bridges.setdefault(each.bridge, []).append(each)
    lag = snapshot.lag
    return FleetStatus(
        bridge=snapshot.bridge,
        bridges=[_bridge(name, members) for name, members in bridges.items()],
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
        if not each.alive and each.silent_ns < _RECENT_NS:
            seconds = each.silent_ns // 1_000_000_000
            yield StatusProblem(subject=f"bridge {each.bridge}", text=f"vanished {seconds} s ago", remedy="see its log")
        elif each.alive and each.problem and each.bridge != fleet.bridge:
            yield StatusProblem(subject=f"bridge {each.bridge}", text=each.problem, remedy="see its status")


def _bridge(name: str, members: list[MemberRecord]) -> BridgeStatus:
    living = [each for each in members if each.is_alive]
    used = living or members
    leases: dict[str, list[str]] = {}
    for each in used:
        for kind, names in each.leases.items():
            leases.setdefault(kind, []).extend(names)
    roles = {role for each in used for role in each.roles}
    return BridgeStatus(
        bridge=name,
        host=used[0].host,
        version=used[0].version,
        roles=[each for each in ROLES if each in roles],
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
    )
