"""Findings about a fleet, and about the database that its bridges share. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from bridge.common.clocks.durations import duration_text
from bridge.journal.members import (
    CHANNEL,
    COURIER,
    INTAKE,
    MEMORY,
    PARTITION,
    ROLES,
    DatabaseFacts,
    MemberRecord,
)
from bridge.language.program.program import Program
from bridge.routing.partitions.placement import key_fields
from bridge.workbench.doctor.finding import Finding, Gravity

_SKEW_SECONDS = 5.0
_BRIDGE_CONNECTIONS = 9
"""Of a bridge with all roles: router, courier, their leases, memory, changes of others, indexer, status, a command."""
_AGAIN = "run this again in a few seconds; if the problem remains, see the logs of the bridges with the role"


def fleet(
    members: Sequence[MemberRecord], channels: Collection[str], facts: DatabaseFacts, reported: Iterable[Finding] = ()
) -> Iterator[Finding]:
    """What is wrong with a fleet, or that all is well; nothing where none is alive. ``reported`` is from its status."""
    alive = [each for each in members if each.is_alive]
    if not alive:
        return
    bridges = sorted({each.bridge for each in alive})
    found = [
        *reported,
        *_programs(alive),
        *_free(alive, channels, facts),
        *_alone(alive, bridges),
        *_versions(alive),
        *_clocks(alive),
    ]
    yield from found
    if not found:
        noun = "1 bridge has" if len(bridges) == 1 else f"{len(bridges)} bridges have"
        yield Finding(Gravity.OK, "fleet", f"{noun} all roles, channels and partitions")


def keys(program: Program) -> Iterator[Finding]:
    """Routes about which one bridge of the fleet decides alone, whatever their keys."""
    for route in program.routes:
        if key_fields(route) == ():
            yield Finding(
                Gravity.OK, f'route "{route.name}"', "its clauses have different keys, so that one bridge of the fleet "
                "decides about all of its alerts", "give them one key, if it matches many alerts",
            )  # fmt: skip


def database(facts: DatabaseFacts) -> Iterator[Finding]:
    """What of the database's settings endangers the journal, or stops further bridges."""
    count = len(facts.bridges)
    free = facts.connections - facts.used_connections
    found = [*_durability(facts)]
    if free < _BRIDGE_CONNECTIONS:
        found.append(Finding(
            Gravity.WARNING, "database", f"{facts.used_connections} of {facts.connections} connections are in use",
            f"raise max_connections: a bridge uses up to {_BRIDGE_CONNECTIONS}, and there "
            f"{'is' if count == 1 else 'are'} {count}",
        ))  # fmt: skip
    if not facts.autovacuum:
        found.append(Finding(
            Gravity.PROBLEM, "database", "autovacuum is off, so the queue of deliveries becomes slow",
            "set autovacuum = on",
        ))  # fmt: skip
    yield from found
    if not found:
        yield Finding(Gravity.OK, "database", f"{free} more connections are possible, and a standby confirms commits")


def _durability(facts: DatabaseFacts) -> Iterator[Finding]:
    if facts.synchronous_commit == "off":
        yield Finding(
            Gravity.PROBLEM, "database", "synchronous_commit is off: a crash of the server loses acknowledged alerts",
            "set synchronous_commit = on for the bridge's role",
        )  # fmt: skip
    elif facts.standby_names and not facts.standbys:
        yield Finding(
            Gravity.PROBLEM, "database", "commits wait for a synchronous standby, and none is connected",
            "start the standby, or remove it from synchronous_standby_names",
        )  # fmt: skip
    elif not facts.standby_names:
        yield Finding(
            Gravity.WARNING, "database", "no synchronous standby: acknowledged alerts are lost if the server's disk is",
            "set synchronous_standby_names, unless the disk itself is replicated",
        )  # fmt: skip
    elif facts.synchronous_commit == "local":
        yield Finding(
            Gravity.WARNING, "database", "synchronous_commit is local: commits do not wait for the standby",
            "set synchronous_commit = on for the bridge's role",
        )  # fmt: skip


def _programs(alive: Sequence[MemberRecord]) -> Iterator[Finding]:
    """Bridges that decide by different routes."""
    users: dict[str, set[str]] = {}
    for each in alive:
        if each.active and {INTAKE, MEMORY} & set(each.roles):
            users.setdefault(each.active, set()).add(each.bridge)
    if len(users) > 1:
        shown = "; ".join(f"{digest}: {', '.join(sorted(names))}" for digest, names in sorted(users.items()))
        yield Finding(
            Gravity.PROBLEM, "fleet", f"bridges use different routes ({shown})",
            "give all the same routes, labels and channels: compare the files, then falco-bridge reload",
        )  # fmt: skip


def _free(alive: Sequence[MemberRecord], channels: Collection[str], facts: DatabaseFacts) -> Iterator[Finding]:
    """Channels and partitions that no bridge has, although one has the role."""
    held = {kind: {name for each in alive for name in each.leases.get(kind, ())} for kind in (CHANNEL, PARTITION)}
    roles = {role for each in alive for role in each.roles}
    idle = sorted(set(channels) - held[CHANNEL])
    if idle and COURIER in roles:
        noun = "channel" if len(idle) == 1 else "channels"
        yield Finding(Gravity.PROBLEM, "fleet", f"no bridge delivers to the {noun} {', '.join(idle)}", _AGAIN)
    missing = facts.partitions - len(held[PARTITION])
    if missing > 0 and MEMORY in roles:
        yield Finding(
            Gravity.PROBLEM, "fleet", f"{missing} of {facts.partitions} partitions of the memory have no owner", _AGAIN
        )


def _alone(alive: Sequence[MemberRecord], bridges: Sequence[str]) -> Iterator[Finding]:
    """Roles that only one of several bridges has."""
    if len(bridges) < 2:
        return
    for role in ROLES:
        having = {each.bridge for each in alive if role in each.roles}
        if len(having) == 1:
            yield Finding(
                Gravity.WARNING, "fleet", f"only bridge {having.pop()} has the role `{role}`; no other one replaces it",
                "give it to a second bridge",
            )  # fmt: skip


def _versions(alive: Sequence[MemberRecord]) -> Iterator[Finding]:
    versions: dict[str, set[str]] = {}
    for each in alive:
        versions.setdefault(each.version, set()).add(each.bridge)
    if len(versions) > 1:
        shown = "; ".join(f"{version}: {', '.join(sorted(names))}" for version, names in sorted(versions.items()))
        yield Finding(
            Gravity.WARNING, "fleet", f"bridges have different versions ({shown})",
            "complete the upgrade: replace one bridge after the other",
        )  # fmt: skip


def _clocks(alive: Sequence[MemberRecord]) -> Iterator[Finding]:
    """Machines whose clocks differ from the database's by more than a few seconds."""
    seen: set[str] = set()
    for each in alive:
        ahead = each.info.get("clock_ahead")
        if each.host in seen or not isinstance(ahead, int | float) or abs(ahead) < _SKEW_SECONDS:
            continue
        seen.add(each.host)
        side = "ahead of" if ahead > 0 else "behind"
        yield Finding(
            Gravity.WARNING, f"host {each.host}", f"its clock is {duration_text(abs(ahead))} {side} the database's",
            "synchronize it (chrony, systemd-timesyncd): leases follow the database's clock, but logs and certificates "
            "do not",
        )  # fmt: skip
