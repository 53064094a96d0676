"""Cost of the history's index, and of searches with it.

A hundred thousand alerts; ``FALCO_BRIDGE_BENCH_ALERTS`` sets another number. Nearly every alert has a pod and a
container of its own.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from bench.figures import Figure
from bridge.alert import Alert, Priority, make_alert
from bridge.history.index.folder import IndexFolder
from bridge.history.index.indexer import Indexer
from bridge.history.search import Search
from bridge.history.wanted import Wanted, wanted_words
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from bridge.routing import Decision, Entry, Reason, Routed
from bridge.workbench.condition import LoadedCondition, load_condition

_ALERTS = int(os.environ.get("FALCO_BRIDGE_BENCH_ALERTS", "100000"))
_BATCH = 1000
_HOUR_NS = 3_600_000_000_000
_START_NS = 1_764_000_000_000_000_000
_SPAN_NS = 720 * _HOUR_NS
_SHOWN = 50
_TRIES = 30
_RULES = [f"Rule number {number} of the stock rules" for number in range(60)]
_NAMESPACES = [f"team-{number}" for number in range(40)]
_USERS = ["root", "app", "nginx", "deploy", *[f"user{number}" for number in range(60)]]
_PROGRAMS = ["curl", "bash", "sh", "cat", "tar", "python3", "kubectl", "psql", "find", "apt-get", "wget", "nc"]
_PATHS = ["/etc/shadow", "/etc/passwd", "/tmp/cache", "/var/lib/data", "/root/.ssh/id_ed25519", "/usr/bin/sudo"]


def figures() -> Iterator[Figure]:
    """CPU time for the indexer, wall time for searches: run it alone."""
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name:
        path = Path(name) / "journal.db"
        journal = open_for_router(path)
        fill(journal)
        folder = IndexFolder(path)
        indexer = Indexer(journal.history, folder, "bench")
        started = time.process_time()
        while indexer.step():
            pass
        yield Figure("index: an alert", (time.process_time() - started) / _ALERTS * 1e6, "µs CPU")
        indexer.close()
        used = sum(each.stat().st_size for each in folder.files())
        yield Figure("index: bytes an alert", used / _ALERTS, "bytes")
        yield from _searches(Search(journal.history, IndexFolder(path)), journal)
        journal.close()


def fill(journal: Journal, start_ns: int = _START_NS) -> None:
    """Append thirty days of made-up alerts."""
    rng = random.Random(1)  # it only makes alerts up
    for first in range(0, _ALERTS, _BATCH):
        at_ns = start_ns + first * _SPAN_NS // _ALERTS
        entries = [_entry(rng, at_ns, number) for number in range(first, min(first + _BATCH, _ALERTS))]
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
    program, target = rng.choice(_PROGRAMS), rng.choice(_PATHS)
    command = f"{program} -x {target} job{rng.randrange(5000)}"
    pod, container = f"api-{rng.getrandbits(40):x}-{rng.getrandbits(24):x}", f"{rng.getrandbits(48):012x}"
    rule, user, namespace = rng.choice(_RULES), rng.choice(_USERS), rng.choice(_NAMESPACES)
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


def _searches(search: Search, journal: Journal) -> Iterator[Figure]:
    rng = random.Random(2)  # it only picks what to search
    every = journal.history.span()
    some = [each.alert.fields for number in rng.sample(every, _TRIES) for each in journal.history.numbered([number])]
    end_ns = _START_NS + _SPAN_NS

    def within(hours: int) -> range:
        since_ns = end_ns - rng.randrange(hours, 720) * _HOUR_NS
        return journal.history.span(since_ns, since_ns + hours * _HOUR_NS)

    kinds: dict[str, Callable[[int], tuple[Wanted, range]]] = {
        "an hour": lambda _: (Wanted(), within(1)),
        "a rule": lambda _: (Wanted(rules=frozenset({rng.choice(_RULES)})), every),
        "a namespace and a user": lambda _: (
            _condition(f"k8s.ns.name = {rng.choice(_NAMESPACES)} and user.name = {rng.choice(_USERS)}"), every
        ),
        "a pod": lambda index: (_condition(f'k8s.pod.name = "{some[index]["k8s.pod.name"]}"'), every),
        "a rare user, all": lambda _: (
            _condition(f"user.name = user7 and proc.name = {rng.choice(_PROGRAMS)} and k8s.ns.name = team-3"), every
        ),
        "words of a command": lambda _: (
            Wanted(words=wanted_words([f"{rng.choice(_PROGRAMS)} shadow job{rng.randrange(5000)}"])), every
        ),
        "a day and a word": lambda _: (Wanted(words=frozenset({f"job{rng.randrange(5000)}"})), within(24)),
        "a word that is nowhere": lambda index: (Wanted(words=frozenset({f"nowhere{index}"})), every),
        "throttled of a route": lambda _: (
            Wanted(route=f"route {rng.randrange(30)}", reason=Reason.THROTTLED), every
        ),
    }  # fmt: skip
    for name, make in kinds.items():
        yield Figure(
            f"the newest {_SHOWN} of {name}: p95", _p95(search, [make(index) for index in range(_TRIES)]), "ms"
        )
    within_word = _condition(f'k8s.pod.name contains "{some[0]["k8s.pod.name"][6:12]}"')
    used = time.process_time()
    yield Figure("a part of a word", _longest(search, within_word, every), "ms")
    yield Figure("a part of a word: CPU", (time.process_time() - used) * 1000, "ms")
    recent = _condition('proc.cmdline regex ".*shadow job[0-9]+7"')
    yield Figure(f"the newest {_SHOWN} of any other condition", _longest(search, recent, every), "ms")
    started, used = time.perf_counter(), time.process_time()
    list(search.newest(_condition('proc.cmdline regex ".*nowhere.*"'), every))
    yield Figure("a scan: an alert", (time.process_time() - used) / len(every) * 1e6, "µs CPU")
    yield Figure("a scan of everything", len(every) / (time.perf_counter() - started), "alerts/s")


def _condition(text: str) -> Wanted:
    loaded = load_condition(text, (), {})
    assert isinstance(loaded, LoadedCondition), text
    return Wanted(loaded.condition, loaded.predicate)


def _p95(search: Search, tries: Sequence[tuple[Wanted, range]]) -> float:
    times = sorted(_longest(search, wanted, numbers) for wanted, numbers in tries)
    return times[len(times) * 95 // 100]


def _longest(search: Search, wanted: Wanted, numbers: range) -> float:
    started = time.perf_counter()
    list(islice(search.newest(wanted, numbers), _SHOWN))
    return (time.perf_counter() - started) * 1000
