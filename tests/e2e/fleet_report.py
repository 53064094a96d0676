"""What a fleet's database and processes say, for a test whose wait has timed out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg

from bridge.common.secret import Secret
from bridge.journal import JournalError
from bridge.journal.location import DatabaseLocation
from bridge.journal.opening import open_to_read
from bridge.journal.postgres.connection import connect
from bridge.journal.protocols import Journal
from bridge.routing.memory.rows import decode_row
from tests.e2e.fleet import Bridge

_LOG_LINES = 25
_STATE = (
    "SELECT s.partition, c.identity, s.key, s.row, s.due_ns FROM partition_state AS s "
    "JOIN clauses AS c ON c.number = s.clause ORDER BY 1, 2, 3 LIMIT 200"
)
_MATCHES = "SELECT partition, count(*), min(alert_seq), max(alert_seq) FROM matches GROUP BY 1 ORDER BY 1"
_LEASES = "SELECT kind, name, member, token FROM leases ORDER BY kind, member, name"
_MEMBERS = "SELECT id, bridge, pid, roles, expires - clock_timestamp(), info FROM members ORDER BY expires"
_DELIVERIES = "SELECT channel, state, blocked, count(*), min(due_ns), max(attempts) FROM deliveries GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
_SESSIONS = (
    "SELECT pid, application_name, state, wait_event_type, wait_event, clock_timestamp() - xact_start, left(query, 100) "
    "FROM pg_stat_activity WHERE application_name <> '' ORDER BY 2"
)


def fleet_report(url: str, bridges: Sequence[Bridge], received: Iterable[dict[str, object]]) -> str:
    """Decisions, what was sent and what arrived; state with its timers, matches, members, leases, sessions, logs.

    ``received`` are the bodies of the deliveries that arrived, each once.
    """
    lines = [f"now {datetime.now(tz=UTC):%H:%M:%S.%f}"]
    try:
        location = DatabaseLocation(Secret(url))
        with closing(open_to_read(location)) as journal:
            lines += _decided(journal)
        with connect(location, "report", read_only=True) as connection:
            lines += _sent(connection, list(received))
            lines += _rows(connection)
    except (JournalError, psycopg.Error) as error:
        lines.append(f"the database does not answer: {error}")
    for bridge in bridges:
        log = bridge.instance.log.splitlines()
        running = bridge.process.poll() is None
        lines += [f"bridge {bridge.instance.folder.name}, process {bridge.process.pid}, running {running}"]
        lines += [f"    {line[:400]}" for line in log if '"error"' in line or "Traceback" in line][-_LOG_LINES:]
        lines += [f"    {line[:400]}" for line in log[-_LOG_LINES:]]
    return "\n".join(lines)


def _decided(journal: Journal) -> Iterator[str]:
    """Decisions by host, route and reason."""
    decided = Counter[tuple[str, str, str]]()
    for each in journal.history.alerts():
        decided.update((decision.route, decision.reason.value, each.alert.hostname) for decision in each.decisions)
    yield "decisions: route, reason, host"
    yield from _table([(*key, count) for key, count in sorted(decided.items())])


def _sent(connection: psycopg.Connection[Any], received: list[dict[str, object]]) -> Iterator[str]:
    """How many alerts the stored deliveries stand for, and those that arrived, by route, and what did not arrive."""
    yield "arrived: route, kind, deliveries, count, suppressed"
    arrived = Counter[tuple[str, str, str]]()
    for each in received:
        about = str(each.get("routes")), str(each.get("kind"))
        arrived[(*about, "deliveries")] += 1
        arrived[(*about, "count")] += int(str(each.get("count", 0)))
        arrived[(*about, "suppressed")] += int(str(each.get("suppressed", 0)))
    kinds = sorted({key[:2] for key in arrived})
    yield from _table(
        [(*key, *(arrived[(*key, each)] for each in ("deliveries", "count", "suppressed"))) for key in kinds]
    )
    known = {each["delivery"] for each in received}
    rows = connection.execute("SELECT id, channel, state, alert_seq, digest_id FROM deliveries ORDER BY id").fetchall()
    yield f"deliveries that did not arrive, of {len(rows)}"
    yield from _table([row for row in rows if row[0] not in known][:200])


def _rows(connection: psycopg.Connection[Any]) -> Iterator[str]:
    found = connection.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000").fetchone()
    assert found is not None
    now_ns = int(found[0])
    queries: dict[str, tuple[str, Callable[[tuple[Any, ...]], tuple[Any, ...]]]] = {
        "state: partition, clause, key, due in seconds, row": (
            _STATE,
            lambda row: (row[0], json.dumps(row[1]), row[2].hex()[:8], _seconds(row[4], now_ns), decode_row(row[3])),
        ),
        "matches: partition, count, first, last": (_MATCHES, tuple),
        "leases: kind, name, member, token": (_LEASES, tuple),
        "members: id, bridge, pid, roles, expires in, info": (_MEMBERS, tuple),
        "deliveries: channel, state, blocked, count, first due in seconds, attempts": (
            _DELIVERIES, lambda row: (*row[:4], _seconds(row[4], now_ns), row[5])
        ),
        "sessions": (_SESSIONS, tuple),
    }  # fmt: skip
    for title, (query, shown) in queries.items():
        yield title
        yield from _table([shown(row) for row in connection.execute(query).fetchall()])


def _seconds(at_ns: int | None, now_ns: int) -> str:
    return "-" if at_ns is None else f"{(at_ns - now_ns) / 1e9:.3f}"


def _table(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    for row in rows:
        yield "    " + "  ".join(str(each) for each in row)
