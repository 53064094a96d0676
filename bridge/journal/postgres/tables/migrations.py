"""The tables of a journal in PostgreSQL, and how those of older formats become those of today.

A migration either *expands* (older versions of the bridge still read and write the result) or *contracts*. Those that
expand are applied when a bridge starts; those that contract by ``falco-bridge journal migrate --contract`` only.
"""

from __future__ import annotations

from dataclasses import dataclass

ROUTER, COURIER = "router", "courier"
"""The roles of processes that own a part of the journal."""
NEW = 2
"""The value of ``blocked`` of a delivery whose place in its order key the courier has not decided yet."""
_OPEN = "state IN ('pending', 'claimed')"


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from a format to the next."""

    statements: tuple[str, ...]
    min_reader: int
    """The oldest format whose bridges can read the result."""
    min_writer: int
    """The oldest format whose bridges can write to the result."""


_FIRST = (
    """
CREATE TABLE alerts (
    seq bigint PRIMARY KEY,
    id bytea NOT NULL UNIQUE,
    received_ns bigint NOT NULL,
    source_name text NOT NULL,
    body bytea NOT NULL,
    decisions bytea NOT NULL
)
""",
    "ALTER TABLE alerts ALTER COLUMN body SET STORAGE EXTERNAL",  # it is compressed
    """
CREATE TABLE deliveries (
    id bigint PRIMARY KEY,
    alert_seq bigint NOT NULL,
    channel text NOT NULL,
    order_key bigint,
    notification bytea NOT NULL,
    state text NOT NULL DEFAULT 'pending',
    due_ns bigint NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    created_ns bigint NOT NULL,
    settled_ns bigint,
    status integer,
    reason text NOT NULL DEFAULT '',
    digest_id bigint,
    blocked smallint NOT NULL DEFAULT 0
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05)
""",
    f"CREATE INDEX deliveries_ready ON deliveries (channel, due_ns, id) WHERE {_OPEN} AND blocked = 0",
    f"CREATE INDEX deliveries_new ON deliveries (id) WHERE {_OPEN} AND blocked = {NEW}",
    f"CREATE INDEX deliveries_order ON deliveries (channel, order_key, id) WHERE {_OPEN} AND order_key IS NOT NULL",
    f"CREATE INDEX deliveries_age ON deliveries (channel, created_ns) WHERE {_OPEN}",
    "CREATE INDEX deliveries_dead ON deliveries (id) WHERE state = 'dead'",
    "CREATE INDEX deliveries_alert ON deliveries (alert_seq)",
    """
CREATE TABLE attempts (
    delivery_id bigint NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    number integer NOT NULL,
    attempted_ns bigint NOT NULL,
    status integer,
    reason text NOT NULL,
    PRIMARY KEY (delivery_id, number)
)
""",
    (
        "CREATE TABLE counters (one boolean PRIMARY KEY DEFAULT true CHECK (one), alerts bigint NOT NULL DEFAULT 0, "
        "deliveries bigint NOT NULL DEFAULT 0, bytes bigint NOT NULL DEFAULT 0) WITH (fillfactor = 10)"
    ),
    "INSERT INTO counters DEFAULT VALUES",
    (
        "CREATE TABLE owners (role text PRIMARY KEY, token bigint NOT NULL, commits bigint NOT NULL) "
        "WITH (fillfactor = 10)"
    ),
    "CREATE TABLE checkpoints (source_name text, part text, position text NOT NULL, PRIMARY KEY (source_name, part))",
    "CREATE TABLE dictionaries (number integer PRIMARY KEY, content bytea NOT NULL)",
    "CREATE TABLE channels (name text PRIMARY KEY, health bytea NOT NULL)",
    """
CREATE TABLE quarantine (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_ns bigint NOT NULL,
    source_name text NOT NULL,
    reason text NOT NULL,
    raw bytea NOT NULL
)
""",
    "CREATE TABLE clauses (number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, identity text NOT NULL UNIQUE)",
    (
        "CREATE TABLE state (clause integer, key bytea, row bytea NOT NULL, due_ns bigint, PRIMARY KEY (clause, key)) "
        "WITH (fillfactor = 70)"
    ),
    "CREATE TABLE state_log (number bigint PRIMARY KEY, changes bytea NOT NULL)",
    "ALTER TABLE state_log ALTER COLUMN changes SET STORAGE EXTERNAL",
    "CREATE TABLE silences (id text PRIMARY KEY, created_ns bigint NOT NULL, body bytea NOT NULL)",
    "CREATE TABLE secrets (name text PRIMARY KEY, content bytea NOT NULL)",
)
_FLEET = (
    """
CREATE TABLE members (
    id text PRIMARY KEY,
    bridge text NOT NULL,
    host text NOT NULL,
    version text NOT NULL,
    pid integer NOT NULL,
    roles text[] NOT NULL,
    started timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires timestamptz NOT NULL,
    loaded text NOT NULL DEFAULT '',
    active text NOT NULL DEFAULT '',
    info jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50)
""",
    """
CREATE TABLE leases (
    kind text,
    name text,
    member text NOT NULL DEFAULT '',
    token bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, name),
    UNIQUE (kind, name, token)
)
""",
    f"CREATE INDEX deliveries_unplaced ON deliveries (channel, id) WHERE {_OPEN} AND blocked = {NEW}",
    "DROP INDEX deliveries_new",
)
"""Several bridges share one journal: the processes that work, and the leases of each. The token is in a
unique index, so that a change of it waits for ``FOR KEY SHARE``."""
_PARTITIONS = (
    "CREATE TABLE partitions (one boolean PRIMARY KEY DEFAULT true CHECK (one), number integer NOT NULL)",
    """
CREATE TABLE matches (
    partition smallint,
    alert_seq bigint,
    body bytea NOT NULL,
    PRIMARY KEY (partition, alert_seq)
) WITH (autovacuum_vacuum_scale_factor = 0.02)
""",
    "CREATE INDEX matches_alert ON matches (alert_seq)",
    """
CREATE TABLE partition_state (
    partition smallint,
    clause integer,
    key bytea,
    row bytea NOT NULL,
    due_ns bigint,
    PRIMARY KEY (partition, clause, key)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)
""",
    """
CREATE TABLE requests (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partition smallint NOT NULL,
    body bytea NOT NULL,
    answer bytea,
    created timestamptz NOT NULL DEFAULT clock_timestamp()
)
""",
)
"""What the clauses with memory of a fleet remember, in partitions; what their owners have to decide, and are asked."""
_REVISIONS = (
    "CREATE TABLE revisions (name text PRIMARY KEY, number bigint NOT NULL DEFAULT 0, value text NOT NULL DEFAULT '')",
    "INSERT INTO revisions (name) VALUES ('silences'), ('program')",
)
"""What every bridge of a fleet must notice soon: a counter that each change increments."""
_DEAD_LETTER_ACTS = (
    """
CREATE TABLE dead_letter_acts (
    delivery_id bigint NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    acted_ns bigint NOT NULL,
    action text NOT NULL,
    actor text NOT NULL,
    PRIMARY KEY (delivery_id, acted_ns)
)
""",
)
"""Who retried or discarded a dead letter."""
_CLOCK = (
    "CREATE TABLE clock (one boolean PRIMARY KEY DEFAULT true CHECK (one), steps_ns bigint NOT NULL DEFAULT 0)",
    "INSERT INTO clock DEFAULT VALUES",
    "CREATE TABLE partition_clocks (partition smallint PRIMARY KEY, steps_ns bigint NOT NULL)",
)
"""By how much the clock of the database was set in all, and which of it the times in a partition's rows contain."""
MIGRATIONS = (
    Migration(_FIRST, min_reader=1, min_writer=1),
    Migration(_FLEET, min_reader=1, min_writer=1),
    Migration(_PARTITIONS, min_reader=1, min_writer=1),
    Migration(_REVISIONS, min_reader=1, min_writer=1),
    Migration(_DEAD_LETTER_ACTS, min_reader=1, min_writer=1),
    Migration(_CLOCK, min_reader=1, min_writer=1),
)
"""The first one makes an empty journal; the number of a format counts them."""
