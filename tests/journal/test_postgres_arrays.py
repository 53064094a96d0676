"""Arrays that are parameters of statements in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import psycopg

from bridge.journal.postgres.arrays import bools, byteas, int2s, int4s, int8s, texts

CASES: Sequence[tuple[bytes, str, list[object]]] = (
    (bools([True, False]), "bool", [True, False]),
    (bools([]), "bool", []),
    (byteas([b"", b"\x00\xff{}"]), "bytea", [b"", b"\x00\xff{}"]),
    (int2s([-(2**15), 2**15 - 1]), "int2", [-(2**15), 2**15 - 1]),
    (int4s([-(2**31), None, 2**31 - 1]), "int4", [-(2**31), None, 2**31 - 1]),
    (int8s([None, -(2**63), 2**63 - 1]), "int8", [None, -(2**63), 2**63 - 1]),
    (int8s([]), "int8", []),
    (texts(["", "NULL", '"a",\\{}', "ü\N{PILE OF POO}"]), "text", ["", "NULL", '"a",\\{}', "ü\N{PILE OF POO}"]),
)


def test_the_database_reads_each_array_as_it_was_written(postgres: str) -> None:
    """Extremes, NULL, empty arrays, and texts that look like the syntax of arrays; without a cast as well."""
    with closing(psycopg.connect(postgres, autocommit=True)) as connection:
        for parameter, element, values in CASES:
            found = connection.execute(
                f"SELECT %s::{element}[], pg_typeof(%s)::text", (parameter, parameter)
            ).fetchone()
            assert found == (values, {"bool": "boolean", "int2": "smallint", "int4": "integer", "int8": "bigint"}.get(
                element, element) + "[]")  # fmt: skip
