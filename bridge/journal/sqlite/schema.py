"""The tables of a journal, and how the tables of older formats become those of today.

Format 1, from before the first release, stored alerts uncompressed under random ids, and is refused. Format 2 stored
the checkpoint of a source in one text. Format 3 had other names for columns and for members of a channel's health.
Format 4 had no state of clauses with memory. Format 5 gave every delivery an order key, that of its route. Format 6 had
no index over the age of deliveries. Format 7 had no log of the state. In format 9 the process that added a delivery
also looked for open ones with its order key.
"""

from __future__ import annotations

APPLICATION_ID = 0x46427267
"""SQLite's application_id of a journal: ``FBrg``."""
VERSION = 10
OLDEST = 2
"""The oldest format that is upgraded; older ones are refused."""

_CHECKPOINTS = """
CREATE TABLE checkpoints (
    {source} TEXT NOT NULL,
    part TEXT NOT NULL,
    position TEXT NOT NULL,
    PRIMARY KEY ({source}, part)
) WITHOUT ROWID
"""
_DELIVERIES = """
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    alert_seq INTEGER NOT NULL REFERENCES alerts (seq),
    channel TEXT NOT NULL,
    order_key INTEGER,
    notification BLOB NOT NULL,
    state TEXT NOT NULL,
    due_ns INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_ns INTEGER NOT NULL,
    settled_ns INTEGER,
    status INTEGER,
    reason TEXT NOT NULL DEFAULT '',
    digest_id INTEGER,
    blocked INTEGER NOT NULL DEFAULT 0
)
"""
_ORDER_INDEX = """
CREATE INDEX deliveries_order ON deliveries (channel, order_key, id)
WHERE state IN ('pending', 'claimed') AND order_key IS NOT NULL AND blocked <> 2
"""
"""Without new deliveries. Order keys are in no order: a router that wrote to this index would write a page for each."""
_DELIVERY_INDEXES = (
    "CREATE INDEX deliveries_open ON deliveries (channel, blocked, due_ns) WHERE state IN ('pending', 'claimed')",
    _ORDER_INDEX,
    "CREATE INDEX deliveries_dead ON deliveries (id) WHERE state = 'dead'",
    "CREATE INDEX deliveries_alert ON deliveries (alert_seq)",
)
_AGE_INDEX = """
CREATE INDEX deliveries_age ON deliveries (channel, created_ns) WHERE state = 'pending' AND due_ns > created_ns
"""
"""Finds the deliveries that waited for too long and whose due times do not say so: those that were tried."""
_REMOVE_ATTEMPTS = """
CREATE TRIGGER remove_attempts AFTER DELETE ON deliveries
BEGIN
    DELETE FROM attempts WHERE delivery_id = OLD.id;
END
"""
_DEAD_LETTER_ACTS = (
    """
CREATE TABLE dead_letter_acts (
    delivery_id INTEGER NOT NULL,
    acted_ns INTEGER NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (delivery_id, acted_ns)
) WITHOUT ROWID
""",
    """
CREATE TRIGGER remove_dead_letter_acts AFTER DELETE ON deliveries
BEGIN
    DELETE FROM dead_letter_acts WHERE delivery_id = OLD.id;
END
""",
)
"""Who retried or discarded a dead letter."""
_MEMORY = (
    """
CREATE TABLE clauses (
    number INTEGER PRIMARY KEY,
    identity TEXT NOT NULL UNIQUE
)
""",
    """
CREATE TABLE state (
    clause INTEGER NOT NULL REFERENCES clauses (number),
    key BLOB NOT NULL,
    row BLOB NOT NULL,
    due_ns INTEGER,
    PRIMARY KEY (clause, key)
) WITHOUT ROWID
""",
    """
CREATE TABLE silences (
    id TEXT PRIMARY KEY,
    created_ns INTEGER NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID
""",
)
_STATE_LOG = """
CREATE TABLE state_log (
    number INTEGER PRIMARY KEY,
    changes BLOB NOT NULL
)
"""
SCHEMA = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
    _CHECKPOINTS.format(source="source_name"),
    """
CREATE TABLE alerts (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    received_ns INTEGER NOT NULL,
    source_name TEXT NOT NULL,
    body BLOB NOT NULL,
    decisions BLOB NOT NULL
)
""",
    """
CREATE TABLE dictionaries (
    number INTEGER PRIMARY KEY,
    content BLOB NOT NULL
)
""",
    _DELIVERIES,
    *_DELIVERY_INDEXES,
    _AGE_INDEX,
    """
CREATE TABLE attempts (
    delivery_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    attempted_ns INTEGER NOT NULL,
    status INTEGER,
    reason TEXT NOT NULL,
    PRIMARY KEY (delivery_id, number)
) WITHOUT ROWID
""",
    """
CREATE TABLE channels (
    name TEXT PRIMARY KEY,
    health BLOB NOT NULL
) WITHOUT ROWID
""",
    """
CREATE TABLE quarantine (
    seq INTEGER PRIMARY KEY,
    received_ns INTEGER NOT NULL,
    source_name TEXT NOT NULL,
    reason TEXT NOT NULL,
    raw BLOB NOT NULL
)
""",
    _REMOVE_ATTEMPTS,
    *_MEMORY,
    _STATE_LOG,
    *_DEAD_LETTER_ACTS,
)
"""The statements that make an empty journal."""

_HEALTH_OF_3 = """
CAST(json_remove(json_set(CAST(health AS TEXT),
    '$.notified_ns', coalesce(json_extract(CAST(health AS TEXT), '$.told_ns'), 0),
    '$.digested', coalesce(json_extract(CAST(health AS TEXT), '$.folded'), 0),
    '$.rejected', json(iif(json_extract(CAST(health AS TEXT), '$.refused'), 'true', 'false')),
    '$.channel_fault', json(iif(json_extract(CAST(health AS TEXT), '$.broken'), 'true', 'false'))
), '$.told_ns', '$.folded', '$.refused', '$.broken') AS BLOB)
"""
"""A channel's health with the names of format 4."""

UPGRADES = {
    2: (
        "ALTER TABLE checkpoints RENAME TO whole_checkpoints",
        _CHECKPOINTS.format(source="source"),
        "INSERT INTO checkpoints SELECT source, '', '' FROM whole_checkpoints",
        "INSERT INTO checkpoints SELECT source, key, value FROM whole_checkpoints, json_each(position)",
        "DROP TABLE whole_checkpoints",
    ),
    3: (
        "ALTER TABLE checkpoints RENAME COLUMN source TO source_name",
        "ALTER TABLE alerts RENAME COLUMN road TO source_name",
        "ALTER TABLE quarantine RENAME COLUMN road TO source_name",
        "ALTER TABLE deliveries RENAME COLUMN alert TO alert_seq",
        "ALTER TABLE deliveries RENAME COLUMN lane TO order_key",
        "ALTER TABLE deliveries RENAME COLUMN digest TO digest_id",
        "DROP TRIGGER forget_attempts",
        "ALTER TABLE attempts RENAME COLUMN delivery TO delivery_id",
        "ALTER TABLE attempts RENAME COLUMN at_ns TO attempted_ns",
        _REMOVE_ATTEMPTS,
        f"UPDATE channels SET health = {_HEALTH_OF_3}",  # a constant
    ),
    4: _MEMORY,
    5: (
        "DROP TRIGGER remove_attempts",
        "ALTER TABLE deliveries RENAME TO old_deliveries",
        _DELIVERIES,
        """
INSERT INTO deliveries SELECT d.*, d.state IN ('pending', 'claimed') AND d.order_key >= 0 AND EXISTS (
    SELECT 1 FROM old_deliveries AS o
    WHERE o.channel = d.channel AND o.order_key = d.order_key AND o.id < d.id AND o.state IN ('pending', 'claimed')
) FROM old_deliveries AS d
""",
        "DROP TABLE old_deliveries",
        *_DELIVERY_INDEXES,
        _REMOVE_ATTEMPTS,
    ),
    6: (_AGE_INDEX,),
    7: (_STATE_LOG,),
    8: _DEAD_LETTER_ACTS,
    9: ("DROP INDEX deliveries_order", _ORDER_INDEX, "DROP INDEX deliveries_age", _AGE_INDEX),
}
"""The statements that turn each format into the next one."""

_VIEWS_OF_8 = (
    "CREATE TEMP VIEW dead_letter_acts AS SELECT 1 AS delivery_id, 1 AS acted_ns, '' AS action, '' AS actor WHERE 0",
)
_VIEWS_OF_7 = ("CREATE TEMP VIEW state_log AS SELECT 1 AS number, x'' AS changes WHERE 0", *_VIEWS_OF_8)
_VIEWS_OF_5 = ("CREATE TEMP VIEW deliveries AS SELECT *, 0 AS blocked FROM main.deliveries", *_VIEWS_OF_7)
_VIEWS_OF_4 = (
    *_VIEWS_OF_5,
    "CREATE TEMP VIEW clauses AS SELECT 1 AS number, '' AS identity WHERE 0",
    "CREATE TEMP VIEW state AS SELECT 1 AS clause, x'' AS key, x'' AS row, 1 AS due_ns WHERE 0",
    "CREATE TEMP VIEW silences AS SELECT '' AS id, 1 AS created_ns, x'' AS body WHERE 0",
)
_VIEWS_OF_3 = (
    *_VIEWS_OF_4[1:],
    "CREATE TEMP VIEW alerts AS SELECT seq, id, received_ns, road AS source_name, body, decisions FROM main.alerts",
    """
CREATE TEMP VIEW deliveries AS
SELECT id, alert AS alert_seq, channel, lane AS order_key, notification, state, due_ns, attempts, created_ns,
    settled_ns, status, reason, digest AS digest_id, 0 AS blocked
FROM main.deliveries
""",
    """
CREATE TEMP VIEW attempts AS
SELECT delivery AS delivery_id, number, at_ns AS attempted_ns, status, reason FROM main.attempts
""",
    "CREATE TEMP VIEW quarantine AS SELECT seq, received_ns, road AS source_name, reason, raw FROM main.quarantine",
    f"CREATE TEMP VIEW channels AS SELECT name, {_HEALTH_OF_3} AS health FROM main.channels",  # a constant
)
VIEWS = {2: _VIEWS_OF_3, 3: _VIEWS_OF_3, 4: _VIEWS_OF_4, 5: _VIEWS_OF_5, 6: _VIEWS_OF_7, 7: _VIEWS_OF_7, 8: _VIEWS_OF_8}
"""Views through which a reader, which cannot upgrade the file, sees an older format. Nothing reads checkpoints."""
