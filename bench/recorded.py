"""A journal full of made-up alerts, in a file or in PostgreSQL. Nearly each has a pod and a container of its own.

A hundred thousand alerts; ``FALCO_BRIDGE_BENCH_ALERTS`` sets another number. With ``--postgres`` the journal is in a
database: that of FALCO_BRIDGE_TEST_POSTGRES, or of a server with its default settings that is started for it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.alert import Alert, Priority, make_alert
from bridge.common.secret import Secret
from bridge.journal.location import DatabaseLocation
from bridge.journal.protocols import Journal
from bridge.journal.sql.database import Database
from bridge.routing import Decision, Entry, Reason, Routed

ALERTS = int(os.environ.get("FALCO_BRIDGE_BENCH_ALERTS", "100000"))
POSTGRES = "FALCO_BRIDGE_BENCH_POSTGRES"
"""The variable that ``--postgres`` sets."""
HOUR_NS = 3_600_000_000_000
START_NS = 1_764_000_000_000_000_000
SPAN_NS = 720 * HOUR_NS
RULES = [f"Rule number {number} of the stock rules" for number in range(60)]
NAMESPACES = [f"team-{number}" for number in range(40)]
USERS = ["root", "app", "nginx", "deploy", *[f"user{number}" for number in range(60)]]
PROGRAMS = ["curl", "bash", "sh", "cat", "tar", "python3", "kubectl", "psql", "find", "apt-get", "wget", "nc"]
_BATCH = 1000
_PATHS = ["/etc/shadow", "/etc/passwd", "/tmp/cache", "/var/lib/data", "/root/.ssh/id_ed25519", "/usr/bin/sudo"]
_SETTINGS = {"autovacuum": "on", "fsync": "on", "full_page_writes": "on", "shared_buffers": "128MB"}


def in_database() -> bool:
    """Whether the journal is to be in PostgreSQL."""
    return bool(os.environ.get(POSTGRES))


@contextmanager
def database(folder: Path) -> Iterator[DatabaseLocation]:
    """An empty journal in PostgreSQL, with its local files in the folder."""
    from tests.support.postgres import VARIABLE, drop_schema, in_schema, new_schema, new_server

    server = None
    if VARIABLE not in os.environ:
        server = new_server()
        server.create(_SETTINGS)
    url, schema = os.environ[VARIABLE] if server is None else server.url, new_schema("bench")
    try:
        yield DatabaseLocation(Secret(in_schema(url, schema)), folder / "local")
    finally:
        if server is None:
            drop_schema(url, schema)
        else:
            server.remove()


def session_cpu(journal: Journal) -> Callable[[], float]:
    """Seconds of CPU of the server's process for this journal's session; 0 where it runs on another machine."""
    database: Database = journal.history._database  # type: ignore[attr-defined]  # noqa: SLF001  # for its session
    schedule = Path(f"/proc/{database.number('SELECT pg_backend_pid()')}/schedstat")

    def used() -> float:
        return int(schedule.read_text(encoding="ascii").split()[0]) / 1e9 if schedule.exists() else 0.0

    return used


def fill(journal: Journal, start_ns: int = START_NS) -> None:
    """Append thirty days of made-up alerts."""
    rng = random.Random(1)  # it only makes alerts up
    for first in range(0, ALERTS, _BATCH):
        at_ns = start_ns + first * SPAN_NS // ALERTS
        entries = [_entry(rng, at_ns, number) for number in range(first, min(first + _BATCH, ALERTS))]
        journal.alerts.append("falco", at_ns, entries)
        if first % 10_000 == 0 and (complete := journal.maintenance.prepare()) is not None:
            complete()


def _entry(rng: random.Random, at_ns: int, number: int) -> Entry:
    alert = _alert(rng, at_ns, number)
    throttled = rng.random() < 0.3
    decision = Decision(
        f"route {rng.randrange(30)}",
        Reason.THROTTLED if throttled else Reason.SENT,
        () if throttled else ("pager",),
        "5 in the last hour" if throttled else "",
    )
    return Entry(alert, Routed((decision,), ()))


def _alert(rng: random.Random, at_ns: int, number: int) -> Alert:
    program, target = rng.choice(PROGRAMS), rng.choice(_PATHS)
    command = f"{program} -x {target} job{rng.randrange(5000)}"
    pod, container = f"api-{rng.getrandbits(40):x}-{rng.getrandbits(24):x}", f"{rng.getrandbits(48):012x}"
    rule, user, namespace = rng.choice(RULES), rng.choice(USERS), rng.choice(NAMESPACES)
    fields = {
        "container.id": container,
        "container.image.repository": f"registry.example.com/{namespace}/api",
        "container.name": f"api-{number % 7}",
        "evt.type": "execve",
        "k8s.ns.name": namespace,
        "k8s.pod.name": pod,
        "proc.cmdline": command,
        "proc.exepath": f"/usr/bin/{program}",
        "proc.name": program,
        "proc.pname": "containerd-shim",
        "proc.pid": str(rng.randrange(4_000_000)),
        "user.name": user,
        "user.uid": str(rng.randrange(1000)),
    }
    return make_alert(
        time_ns=at_ns + number,
        priority=rng.choice(list(Priority)),
        rule=rule,
        source="syscall",
        hostname=f"node-{rng.randrange(200)}",
        tags=("container", "maturity_stable", "mitre_execution"),
        output=f"{rule} (user={user} command={command} container={container} pod={pod} ns={namespace})",
        fields=fields,
    )
