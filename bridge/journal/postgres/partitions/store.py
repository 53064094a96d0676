"""The partitions of a fleet's memory: what their owners read and write."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import structlog

from bridge.alert import Alert
from bridge.journal.errors import JournalBusyError, UnreadableError
from bridge.journal.members import LEASE_SECONDS, PARTITION
from bridge.journal.partitions import Committed, Merging, PartitionWrite, StoredMatch, StoredRequest
from bridge.journal.postgres.arrays import byteas, int2s, int4s, int8s
from bridge.journal.postgres.database import Database, Statements
from bridge.journal.postgres.leases import held
from bridge.journal.postgres.partitions import clock_steps
from bridge.journal.postgres.partitions.conversion import divide
from bridge.journal.postgres.partitions.notifying import notify
from bridge.journal.postgres.partitions.patching import patch_decisions
from bridge.journal.postgres.partitions.stored_rows import one_partition, stored_rows
from bridge.journal.postgres.secret_row import SecretRow
from bridge.journal.records import StateRow
from bridge.journal.secret_names import STATE_KEYS
from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.memory import SqlMemory
from bridge.journal.sql.sends import AlertRow
from bridge.routing.memory.rows import encode_row
from bridge.routing.state import Change

_MATCHES = (
    "SELECT m.partition, m.alert_seq, m.body FROM unnest(?::int2[]) AS p (partition) CROSS JOIN LATERAL "
    "(SELECT * FROM matches AS e WHERE e.partition = p.partition ORDER BY e.alert_seq LIMIT ?) AS m"
)
_REQUESTS = "SELECT id, partition, body FROM requests WHERE partition = ANY(?::int2[]) AND answer IS NULL ORDER BY id"
_CONSUME = (
    "DELETE FROM matches AS m USING unnest(?::int2[], ?::int8[]) AS c (partition, alert_seq) "
    "WHERE m.partition = c.partition AND m.alert_seq = c.alert_seq"
)
_PUT = (
    "INSERT INTO partition_state SELECT * FROM unnest(?::int2[], ?::int4[], ?::bytea[], ?::bytea[], ?::int8[]) "
    "ON CONFLICT (partition, clause, key) DO UPDATE SET row = excluded.row, due_ns = excluded.due_ns"
)
_REMOVE = (
    "DELETE FROM partition_state AS s USING unnest(?::int2[], ?::int4[], ?::bytea[]) AS r (partition, clause, key) "
    "WHERE s.partition = r.partition AND s.clause = r.clause AND s.key = r.key"
)


class PostgresPartitions:
    """Implements Partitions for one member of a fleet, over a session of its own."""

    def __init__(self, database: Database, member: str, lease_seconds: float = LEASE_SECONDS) -> None:
        """``member`` is the id of the one that has the leases."""
        self._database = database
        self._member = member
        self._lease_ns = int(lease_seconds * 1e9)
        self._bodies = Bodies(database)
        self._session = -1
        """That of the turn."""
        self._clauses: dict[str, int] = {}
        """The numbers of clauses that were committed."""
        self._log = structlog.get_logger("journal")

    def number(self, wanted: int) -> int:
        """As in Partitions."""
        with self._database.transaction() as statements:
            statements.execute("INSERT INTO partitions (number) VALUES (?) ON CONFLICT DO NOTHING", (wanted,))
        return self._database.number("SELECT number FROM partitions")

    def divide(self, place: Callable[[StateRow], Iterable[int]]) -> int:
        """As in Partitions."""
        return divide(self._database, SqlMemory(self._database, SecretRow(self._database, STATE_KEYS)), place)

    def begin(self) -> bool:
        """As in Partitions."""
        before, self._session = self._session, self._database.session
        return before == self._session

    def steps(self) -> int:
        """As in Partitions."""
        return clock_steps.read_steps(self._database, self._lease_ns)

    def add_step(self, known_ns: int, by_ns: int) -> int:
        """As in Partitions."""
        return clock_steps.add_step(self._database, known_ns, by_ns)

    def steps_of(self, partition: int) -> int:
        """As in Partitions."""
        return clock_steps.steps_of(self._database, partition)

    def load(self, partition: int) -> Iterator[StateRow]:
        """As in Partitions."""
        for _, row in stored_rows(self._database, one_partition(partition)):
            yield row

    def matches(self, partitions: Collection[int], limit: int) -> list[StoredMatch]:
        """As in Partitions."""
        return self._database.rows(StoredMatch, _MATCHES, (list(partitions), limit))

    def requests(self, partitions: Collection[int]) -> list[StoredRequest]:
        """As in Partitions."""
        return self._database.rows(StoredRequest, _REQUESTS, (list(partitions),))

    def commit(
        self, writes: Sequence[PartitionWrite], tokens: Mapping[int, int], merging: Merging, now_ns: int
    ) -> Committed:
        """As in Partitions."""
        numbers = dict(self._clauses)
        named = {str(each.partition): tokens[each.partition] for each in writes}
        with self._database.transaction() as statements:
            if self._database.session != self._session:
                raise JournalBusyError(f"the connection to the journal's database {self._database.name} was replaced")
            still = {int(name) for name in held(statements, PARTITION, named, self._member)}
            left = [each for each in writes if each.partition in still]
            stored = patch_decisions(statements, left)
            _consume(statements, left)
            notified = notify(statements, left, stored, merging, now_ns)
            for each in left:
                for change in each.changes:
                    if change.clause not in numbers:
                        numbers[change.clause] = _number(statements, change.clause)
            _store(statements, left, numbers)
            clock_steps.store_steps(statements, left)
            answers = [(answer, request) for each in left for request, answer in each.answers.items()]
            statements.executemany("UPDATE requests SET answer = ? WHERE id = ?", answers)
        self._clauses = numbers
        return Committed(frozenset(still), *notified)

    def alerts(self, ids: Collection[str]) -> dict[str, Alert]:
        """As in Partitions."""
        wanted = [bytes.fromhex(each) for each in ids]
        found: dict[str, Alert] = {}
        for row in self._database.rows(AlertRow, "SELECT id, body FROM alerts WHERE id = ANY(?)", (wanted,)):
            try:
                found[row.id.hex()] = self._bodies.decode(row.id, row.body)
            except UnreadableError as error:
                self._log.error("alert unreadable; skipped", problem=str(error))  # it says all
        return found

    def close(self) -> None:
        """As in Partitions."""
        self._database.close()


def _consume(statements: Statements, writes: Sequence[PartitionWrite]) -> None:
    pairs = [(each.partition, seq) for each in writes for seq in each.consumed]
    if pairs:
        statements.execute(_CONSUME, (int2s([each[0] for each in pairs]), int8s([each[1] for each in pairs])))


def _number(statements: Statements, identity: str) -> int:
    statements.execute("INSERT INTO clauses (identity) VALUES (?) ON CONFLICT DO NOTHING", (identity,))
    found = statements.execute("SELECT number FROM clauses WHERE identity = ?", (identity,)).fetchone()
    assert found is not None
    return int(found[0])


def _store(statements: Statements, writes: Sequence[PartitionWrite], numbers: Mapping[str, int]) -> None:
    put: list[tuple[int, int, bytes, bytes, int | None]] = []
    removed: list[tuple[int, int, bytes]] = []
    for each in writes:
        for change in each.changes:
            _divide(each.partition, numbers[change.clause], change, put, removed)
    if put:
        partitions, clauses, keys, rows, due = zip(*put, strict=True)
        statements.execute(_PUT, (int2s(partitions), int4s(clauses), byteas(keys), byteas(rows), int8s(due)))
    if removed:
        partitions, clauses, keys = zip(*removed, strict=True)
        statements.execute(_REMOVE, (int2s(partitions), int4s(clauses), byteas(keys)))


def _divide(
    partition: int,
    clause: int,
    change: Change,
    put: list[tuple[int, int, bytes, bytes, int | None]],
    removed: list[tuple[int, int, bytes]],
) -> None:
    """Add the changed rows to those that are stored, and those that are removed."""
    for key, row, due_ns in zip(change.keys, change.rows, change.due_ns, strict=True):
        if row is None:
            removed.append((partition, clause, key))
        else:
            put.append((partition, clause, key, encode_row(row), due_ns))
