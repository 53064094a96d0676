"""One file of the index: the terms of consecutive alerts, in SQLite's full-text index without the texts themselves."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from bridge.history.index.query import Query, Within, fts_text
from bridge.history.index.terms import LONG, MARK

_SCHEMA = (
    "PRAGMA journal_mode = TRUNCATE",
    "CREATE VIRTUAL TABLE words USING fts5(terms, content='', columnsize=0, detail='none', tokenize='ascii')",
    """
CREATE TABLE covered (
    first INTEGER NOT NULL, last INTEGER NOT NULL, day INTEGER NOT NULL, alerts INTEGER NOT NULL, boot TEXT NOT NULL,
    newest INTEGER NOT NULL, newest_id TEXT NOT NULL
)
""",
)
VERSION = 2
DAMAGED = (sqlite3.Error, UnicodeError)
"""What is raised where a file cannot be read or is damaged: SQLite's message may quote bytes of it."""
_COVERED_TYPES = (int, int, int, int, str, int, str)
_BUSY_SECONDS = 5.0
_MAX_TERMS = 500
"""Terms that one part of a word may stand for; more are not worth looking up."""
_PAGE = 500
_CONTAINING = "SELECT term FROM temp.vocabulary WHERE instr(term, ?1) LIMIT ?2"
_ENDING = "SELECT term FROM temp.vocabulary WHERE substr(term, -length(?1)) = ?1 LIMIT ?2"


@dataclass(frozen=True, slots=True)
class Covered:
    """What a segment knows: the alerts with the numbers from ``first`` to ``last``, received on ``day``."""

    first: int
    last: int
    day: int
    alerts: int
    """How many of them there were."""
    boot: str
    """The run of the machine that wrote it; empty once it is complete and on the disk."""
    newest: int = 0
    """The number of the latest of its alerts; 0 while it has none."""
    newest_id: str = ""
    """The id of that alert. In another journal, or one that was restored, that number has another id."""

    @property
    def numbers(self) -> range:
        """The numbers of its alerts."""
        return range(self.first, self.last + 1)


class SegmentWriter:
    """Writes a segment. Until it is complete it survives a killed process, and not a lost machine."""

    def __init__(self, path: Path, covered: Covered) -> None:
        """Create the file, or continue it. Raises OSError or one of DAMAGED, as every method does."""
        fresh = not path.exists()
        if fresh:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        self.path = path
        self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        if fresh:
            for statement in _SCHEMA:
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
            self._connection.execute("INSERT INTO covered VALUES (?, ?, ?, ?, ?, ?, ?)", _row(covered))
        self._connection.execute("PRAGMA synchronous = OFF")
        self.covered = covered

    def add(self, rows: Sequence[tuple[int, str]], last: int, newest_id: str) -> None:
        """Add alerts, by number, with their terms. The segment then covers everything up to ``last``.

        ``newest_id`` is the id of the last of these alerts.
        """
        covered = replace(
            self.covered, last=last, alerts=self.covered.alerts + len(rows), newest=rows[-1][0], newest_id=newest_id
        )
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany("INSERT INTO words (rowid, terms) VALUES (?, ?)", rows)
            self._connection.execute(
                "UPDATE covered SET last = ?, alerts = ?, newest = ?, newest_id = ?",
                (last, covered.alerts, covered.newest, newest_id),
            )
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self.covered = covered

    def complete(self) -> None:
        """Write what makes the segment small and fast, and make it durable. It is not written again."""
        self._connection.execute("INSERT INTO words (words) VALUES ('optimize')")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("UPDATE covered SET boot = ''")
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class SegmentReader:
    """Searches a segment."""

    def __init__(self, path: Path) -> None:
        """Raises one of DAMAGED, as every method does, where the file cannot be read."""
        self._connection = _connect(path)
        self._has_vocabulary = False

    def covers(self, numbers: range) -> bool:
        """Whether it has these alerts. A file that was written again since its folder was read may have fewer."""
        covered = _covered(self._connection)
        return covered is not None and covered.first <= numbers.start and numbers.stop - 1 <= covered.last

    def candidates(self, query: Query, numbers: range) -> Iterator[list[int]] | None:
        """Pages of the numbers of alerts that may be wanted, the newest first. None if the query narrows nothing."""
        text = fts_text(query, self._expand)
        return None if text is None else self._pages(text, numbers) if text else iter(())

    def hits(self, term: str, numbers: range, starts: Sequence[int]) -> tuple[list[int], int]:
        """How many alerts with a term have each of these numbers or a greater one, and the greatest of all.

        0 is the greatest one of none.
        """
        counts = ", ".join(["total(rowid >= ?)"] * len(starts))
        among = "FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?"
        statement = f"SELECT {counts}, coalesce(max(rowid), 0) {among}"  # only marks
        parameters = (*starts, f'"{term}"', numbers.start, numbers.stop - 1)
        row = self._connection.execute(statement, parameters).fetchone()
        return [int(count) for count in row[:-1]], row[-1]

    def newest(self, term: str, numbers: range) -> int:
        """The greatest number of an alert with a term; 0 if there is none."""
        found = self._connection.execute(
            "SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid DESC LIMIT 1",
            (f'"{term}"', numbers.start, numbers.stop - 1),
        ).fetchone()
        return 0 if found is None else int(found[0])

    def _pages(self, text: str, numbers: range) -> Iterator[list[int]]:
        found = self._connection.execute(
            "SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid DESC",
            (text, numbers.start, numbers.stop - 1),
        )
        size = 50
        while rows := found.fetchmany(size):
            yield [number for (number,) in rows]
            size = _PAGE

    def _expand(self, within: Within) -> list[str] | None:
        """The words of the segment that contain a text; None if there are too many to look up."""
        if not self._has_vocabulary:
            self._connection.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, words, row)")
            self._has_vocabulary = True
        statement = _ENDING if within.at_end else _CONTAINING
        found = self._connection.execute(statement, (within.text, _MAX_TERMS + 1)).fetchall()
        terms = [term for (term,) in found if not term.startswith(MARK) or term == LONG]
        return None if len(found) > _MAX_TERMS else terms

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def read_covered(path: Path) -> Covered | None:
    """What the segment at a path covers; None if it cannot be read."""
    try:
        with closing(_connect(path)) as connection:
            return _covered(connection)
    except DAMAGED:
        return None


def _covered(connection: sqlite3.Connection) -> Covered | None:
    if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        return None
    row = connection.execute("SELECT first, last, day, alerts, boot, newest, newest_id FROM covered").fetchone()
    return None if row is None or tuple(map(type, row)) != _COVERED_TYPES else Covered(*row)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS, isolation_level=None,
        check_same_thread=False,
    )  # fmt: skip
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _row(covered: Covered) -> tuple[object, ...]:
    return (
        covered.first, covered.last, covered.day, covered.alerts, covered.boot, covered.newest, covered.newest_id
    )  # fmt: skip
