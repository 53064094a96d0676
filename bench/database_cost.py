"""What a PostgreSQL server on this machine uses: CPU of all its processes, and disk."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import psycopg

_PARENT, _TIMES, _OWN_TIMES = 1, slice(11, 15), slice(11, 13)
"""The places of these in /proc/PID/stat, behind the name."""


def cpu_seconds(url: str) -> float:
    """CPU time of the server since it was started; 0 where it runs on another machine."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SHOW data_directory").fetchone()
    assert found is not None
    try:
        server = int((Path(found[0]) / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
    except OSError:
        return 0.0
    ticks = sum(int(each) for each in _stat(server)[_TIMES])
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            stat = _stat(int(place.name))
            if int(stat[_PARENT]) == server:
                ticks += sum(int(each) for each in stat[_OWN_TIMES])
    return ticks / os.sysconf("SC_CLK_TCK")


def disk_bytes(url: str, schema: str) -> int:
    """What the tables of a schema take, with their indexes."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = %s::regnamespace",
            (schema,),
        ).fetchone()
    assert found is not None
    return int(found[0])


def _stat(number: int) -> list[str]:
    return Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
