"""How far the clock of the database was set, and which of its steps the stored times of a partition contain.

No machine knows the time of another one without its clock. So each member notices a step by its own monotonic time, and
the first one notes it. A member that loads a partition moves its times by the steps that they do not contain.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.common.clocks.clock import STEP_NS
from bridge.journal.partitions import PartitionWrite
from bridge.journal.postgres.database import FAR_AHEAD, Database, Statements

_TOTAL = "SELECT steps_ns FROM clock FOR UPDATE"
_SET = "UPDATE clock SET steps_ns = ?"
_AHEAD = (
    "SELECT coalesce((extract(epoch FROM max(expires) - clock_timestamp()) * 1000000)::bigint * 1000, 0) FROM members "
    f"WHERE expires > clock_timestamp() + {FAR_AHEAD}"
)
_EXPIRE = f"UPDATE members SET expires = clock_timestamp() WHERE expires > clock_timestamp() + {FAR_AHEAD}"
_STORE = (
    "INSERT INTO partition_clocks SELECT * FROM unnest(?::int2[], ?::int8[]) "
    "ON CONFLICT (partition) DO UPDATE SET steps_ns = excluded.steps_ns"
)


def read_steps(database: Database, lease_ns: int) -> int:
    """As in Partitions. A member that was last alive in the future shows a step back that no member has noticed."""
    with database.transaction() as statements:
        total = _total(statements)
        ((ahead_ns,),) = statements.execute(_AHEAD).fetchall()
        if ahead_ns:
            total -= int(ahead_ns) - lease_ns
            statements.execute(_SET, (total,))
            statements.execute(_EXPIRE)
    return total


def add_step(database: Database, known_ns: int, by_ns: int) -> int:
    """As in Partitions."""
    with database.transaction() as statements:
        total = _total(statements)
        if abs(known_ns + by_ns - total) >= STEP_NS:
            total = known_ns + by_ns
            statements.execute(_SET, (total,))
    return total


def steps_of(database: Database, partition: int) -> int:
    """As in Partitions."""
    return sum(database.rows(int, "SELECT steps_ns FROM partition_clocks WHERE partition = ?", (partition,)))


def store_steps(statements: Statements, writes: Sequence[PartitionWrite]) -> None:
    """Store which steps the times of partitions contain, where that has changed."""
    changed = [(each.partition, each.steps_ns) for each in writes if each.steps_ns is not None]
    if changed:
        statements.execute(_STORE, tuple(list(column) for column in zip(*changed, strict=True)))


def _total(statements: Statements) -> int:
    ((total,),) = statements.execute(_TOTAL).fetchall()
    return int(total)
