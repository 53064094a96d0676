"""Members of a fleet and their leases, by the clock of the database.

A *member* is a process; a *lease* gives one thing to one member: a partition, a channel, a source, a duty. A member is
alive until its row expires. The leases of one that is not alive may be taken over, which adds one to their tokens. A
writer locks its leases with their tokens (``fence``, ``held``) in the transaction that depends on them. A member that
was taken for dead then writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec

from bridge.journal.errors import LeaseLostError
from bridge.journal.members import DatabaseFacts, FleetLag, Member, MemberRecord, Taken
from bridge.journal.postgres.database import IS_ALIVE, NOW_NS, Database, Statements, storable
from bridge.journal.postgres.tables.migrations import MIGRATIONS

_FORGET_AFTER = "interval '1 hour'"
"""How long a member that has left or vanished is shown."""
_EXPIRES = "clock_timestamp() + ? * interval '1 second'"
_JOIN = (
    "INSERT INTO members (id, bridge, host, version, pid, roles, info, expires) "
    f"VALUES (?, ?, ?, ?, ?, ?::text[], ?::jsonb, {_EXPIRES}) ON CONFLICT (id) DO UPDATE SET expires = excluded.expires"
)
_INFO = f'{{"format": {len(MIGRATIONS)}}}'
"""The newest format that this version knows."""
_BEAT = f"UPDATE members SET expires = {_EXPIRES} WHERE id = ? RETURNING {NOW_NS}"
_NOTE = (
    "UPDATE members SET loaded = coalesce(?, loaded), active = coalesce(?, active), info = info || ?::jsonb "
    "WHERE id = ?"
)
_TAKES = """
UPDATE members SET info = info || jsonb_build_object('takes', coalesce(info->'takes', '[]') || to_jsonb(?::text))
WHERE id = ?
"""
_NAME = "INSERT INTO leases (kind, name) SELECT ?, unnest(?::text[]) ON CONFLICT DO NOTHING"
_TAKE = f"""
WITH given AS (SELECT ?::text AS kind, ?::text[] AS names, ?::text AS me, ?::text AS role, ?::integer AS extra),
sharing AS (
    SELECT count(*) AS members, count(*) FILTER (WHERE id <> me) > 0 AS others FROM members, given
    WHERE {IS_ALIVE} AND role = ANY(roles) AND jsonb_exists(info->'takes', kind)
),
share AS (
    SELECT ceil(cardinality(names)::numeric / greatest(1, members))::integer AS most, others FROM given, sharing
),
mine AS (SELECT l.name, l.token FROM leases AS l, given AS g WHERE l.kind = g.kind AND l.member = g.me),
free AS MATERIALIZED (
    SELECT l.name FROM leases AS l, given AS g
    WHERE l.kind = g.kind AND l.name = ANY(g.names) AND l.member <> g.me
    AND NOT EXISTS (SELECT 1 FROM members AS m WHERE m.id = l.member AND m.{IS_ALIVE})
    ORDER BY random()
    LIMIT (
        SELECT greatest(0, most + extra - (SELECT count(*) FROM mine WHERE name = ANY(names))) FROM share, given
    )
    FOR UPDATE OF l SKIP LOCKED
),
taken AS (
    UPDATE leases AS l SET member = g.me, token = l.token + 1 FROM free, given AS g
    WHERE l.kind = g.kind AND l.name = free.name RETURNING l.name, l.token
)
SELECT name, token, (SELECT most FROM share), (SELECT others FROM share) FROM taken
UNION ALL SELECT name, token, (SELECT most FROM share), (SELECT others FROM share) FROM mine
"""
_LEFT = (
    "SELECT l.name FROM leases AS l WHERE l.kind = ? AND l.name = ANY(?) "
    f"AND NOT EXISTS (SELECT 1 FROM members AS m WHERE m.id = l.member AND m.{IS_ALIVE})"
)
_LEAVE = "UPDATE members SET expires = clock_timestamp(), info = info || '{\"stopped\": true}' WHERE id = ?"
_GIVE_UP = "UPDATE leases SET member = '', token = token + 1 WHERE kind = ? AND name = ANY(?) AND member = ?"
_LOCK = "SELECT name, token FROM leases WHERE kind = ? AND name = ANY(?) AND member = ? ORDER BY name FOR KEY SHARE"
_MEMBERS = (
    "SELECT id, bridge, host, version, pid, roles, (extract(epoch FROM started) * 1000000)::bigint * 1000, "
    f"(extract(epoch FROM clock_timestamp() - expires) * 1000000)::bigint * 1000, {IS_ALIVE}, loaded, active, "
    "info::text, (extract(epoch FROM expires) * 1000000)::bigint * 1000 FROM members ORDER BY started, id"
)
_LEASES = (
    "SELECT l.kind, l.name, l.member FROM leases AS l JOIN members AS m ON m.id = l.member "
    f"WHERE m.{IS_ALIVE} ORDER BY l.kind, l.name"
)
_MOST_COUNTED = 100_000
_OPEN = "state IN ('pending', 'claimed')"
_LAG = (
    f"SELECT (SELECT count(*) FROM (SELECT 1 FROM matches LIMIT {_MOST_COUNTED}) AS m), "
    "(SELECT received_ns FROM alerts WHERE seq = (SELECT min(alert_seq) FROM matches)), "
    f"(SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE {_OPEN} LIMIT {_MOST_COUNTED}) AS d), "
    f"(SELECT min(created_ns) FROM deliveries WHERE {_OPEN})"
)

_FACTS = (
    "SELECT current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer "
    "- coalesce(current_setting('reserved_connections', true), '0')::integer, "
    "(SELECT coalesce(sum(numbackends), 0)::integer FROM pg_stat_database), "
    "current_setting('synchronous_standby_names'), (SELECT count(*)::integer FROM pg_stat_replication), "
    "current_setting('synchronous_commit'), current_setting('autovacuum') = 'on', "
    "coalesce((SELECT number FROM partitions), 0), "
    f"coalesce((SELECT array_agg(DISTINCT bridge ORDER BY bridge) FROM members WHERE {IS_ALIVE}), ARRAY[]::text[])"
)


class _FactsRow(NamedTuple):
    connections: int
    used_connections: int
    standby_names: str
    standbys: int
    synchronous_commit: str
    autovacuum: bool
    partitions: int
    bridges: list[str]


class _LagRow(NamedTuple):
    matches: int
    oldest_match_ns: int | None
    deliveries: int
    oldest_delivery_ns: int | None


class _TakenRow(NamedTuple):
    name: str
    token: int
    share: int
    others: bool


class _MemberRow(NamedTuple):
    id: str
    bridge: str
    host: str
    version: str
    pid: int
    roles: list[str]
    started_ns: int
    overdue_ns: int
    is_alive: bool
    loaded: str
    active: str
    info: str
    expires_ns: int


class _LeaseRow(NamedTuple):
    kind: str
    name: str
    member: str


class PostgresLeases:
    """Implements LeaseTable for one member, over a session of its own."""

    def __init__(self, database: Database, member: Member) -> None:
        self._database = database
        self._member = member
        self._named: dict[str, frozenset[str]] = {}
        self._noted: tuple[str | None, str | None, dict[str, object]] = None, None, {}
        """All that was noted of the member."""
        self._noted_in = 0
        """The session in which that was stored; -1 if it was not."""

    def join(self) -> None:
        """As in LeaseTable. Forgets members that left or vanished long ago."""
        member = self._member
        self._named = {}
        self._noted_in = -1
        with self._database.transaction() as statements:
            statements.execute(f"DELETE FROM members WHERE expires < clock_timestamp() - {_FORGET_AFTER}")
            statements.execute(
                _JOIN,
                (member.id, member.bridge, member.host, member.version, member.pid, list(member.roles), _INFO,
                 member.lease_seconds),
            )  # fmt: skip
            statements.execute(
                "DELETE FROM owners WHERE position(' ' IN role) > 0 "
                "AND NOT EXISTS (SELECT 1 FROM members WHERE id = split_part(role, ' ', 2))"
            )

    def beat(self) -> int:
        """As in LeaseTable."""
        while not (found := self._database.rows(int, _BEAT, (self._member.lease_seconds, self._member.id))):
            self.join()  # it was away for so long that it was forgotten
        return found[0]

    def take(self, kind: str, role: str, names: Collection[str], extra: int = 0) -> Taken:
        """As in LeaseTable."""
        wanted = frozenset(names)
        if kind not in self._named or not wanted <= self._named[kind]:
            with self._database.transaction() as statements:
                statements.execute("SET LOCAL synchronous_commit = on")  # it is not repeated
                if kind not in self._named:  # from now on it counts
                    statements.execute(_TAKES, (kind, self._member.id))
                statements.execute(_NAME, (kind, sorted(wanted)))
            self._named[kind] = wanted
        rows = self._database.rows(_TakenRow, _TAKE, (kind, sorted(wanted), self._member.id, role, extra))
        tokens = {row.name: row.token for row in rows}
        return Taken(tokens, rows[0].share, rows[0].others) if rows else Taken(tokens, 0)

    def left(self, kind: str, names: Collection[str]) -> list[str]:
        """As in LeaseTable."""
        return self._database.rows(str, _LEFT, (kind, sorted(names)))

    def give_up(self, kind: str, names: Collection[str]) -> None:
        """As in LeaseTable."""
        with self._database.transaction(durable=False) as statements:
            statements.execute(_GIVE_UP, (kind, sorted(names), self._member.id))

    def note(self, *, loaded: str | None, active: str | None, info: Mapping[str, object]) -> None:
        """As in LeaseTable. After a failover, which may have lost it, all is stored again."""
        before = self._noted
        noted = loaded or before[0], active or before[1], before[2] | dict(info)
        if noted != before:
            self._noted, self._noted_in = noted, -1
        if self._noted_in == self._database.session or not any(noted):
            return
        shown = {name: storable(each) if isinstance(each, str) else each for name, each in noted[2].items()}
        text = msgspec.json.encode(shown).decode()
        with self._database.transaction(durable=False) as statements:
            statements.execute(_NOTE, (noted[0], noted[1], text, self._member.id))
        self._noted_in = self._database.session

    def leave(self) -> None:
        """As in LeaseTable."""
        with self._database.transaction() as statements:
            statements.execute("UPDATE leases SET member = '', token = token + 1 WHERE member = ?", (self._member.id,))
            statements.execute(_LEAVE, (self._member.id,))

    def close(self) -> None:
        """As in LeaseTable."""
        self._database.close()


def held(statements: Statements, kind: str, tokens: Mapping[str, int], member: str) -> frozenset[str]:
    """Those of the leases that the member still has. They cannot be taken over until the transaction ends."""
    if not tokens:
        return frozenset()
    rows = statements.execute(_LOCK, (kind, list(tokens), member)).fetchall()
    return frozenset(name for name, token in rows if tokens[name] == token)


def fence(statements: Statements, kind: str, tokens: Mapping[str, int], member: str) -> None:
    """As ``held``. Raises LeaseLostError, which rolls back the transaction, where the member has lost any of them."""
    lost = tokens.keys() - held(statements, kind, tokens, member)
    if lost:
        raise LeaseLostError(kind, lost)


def read_members(database: Database) -> list[MemberRecord]:
    """Every member that is alive or was not long ago, with its leases."""
    leases: dict[str, dict[str, list[str]]] = {}
    for each in database.rows(_LeaseRow, _LEASES):
        leases.setdefault(each.member, {}).setdefault(each.kind, []).append(each.name)
    return [
        _record(row, {kind: tuple(names) for kind, names in leases.get(row.id, {}).items()})
        for row in database.rows(_MemberRow, _MEMBERS)
    ]


def _record(row: _MemberRow, leases: Mapping[str, Sequence[str]]) -> MemberRecord:
    info = msgspec.json.decode(row.info)
    has_left = bool(info.pop("stopped", False))
    for name in ("takes", "format"):
        info.pop(name, None)
    return MemberRecord(
        row.id, row.bridge, row.host, row.version, row.pid, tuple(row.roles), row.started_ns, row.is_alive,
        max(row.overdue_ns, 0), row.loaded, row.active, info, leases, has_left and not row.is_alive,
        0 if row.is_alive else row.expires_ns,
    )  # fmt: skip


def read_lag(database: Database) -> FleetLag:
    """What waits for owners and couriers."""
    (row,) = database.rows(_LagRow, _LAG)
    return FleetLag(row.matches, row.oldest_match_ns, row.deliveries, row.oldest_delivery_ns)


def read_facts(database: Database) -> DatabaseFacts:
    """What of the database's settings and load concerns the journal. Every role may read it."""
    (row,) = database.rows(_FactsRow, _FACTS)
    return DatabaseFacts(*row[:-1], tuple(row.bridges))
