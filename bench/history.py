"""Cost of the history's index, and of searches with it, over the alerts of `recorded.py`.

With ``--postgres`` the same searches run over a database and over a file, and their answers are compared. Server CPU is
that of the session's process.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

from bench.figures import Figure
from bench.recorded import (
    ALERTS,
    HOUR_NS,
    NAMESPACES,
    PROGRAMS,
    RULES,
    SPAN_NS,
    START_NS,
    USERS,
    database,
    fill,
    in_database,
    session_cpu,
)
from bridge.history.index.folder import IndexFolder
from bridge.history.index.indexer import Indexer
from bridge.history.search import Search
from bridge.history.wanted import Wanted, wanted_words
from bridge.journal.location import DatabaseLocation, Location, files_of
from bridge.journal.opening import open_for_router, open_to_read
from bridge.journal.protocols import Journal
from bridge.routing import Reason
from bridge.workbench.condition import LoadedCondition, load_condition

_SHOWN = 50
_TRIES = 30
_COMMANDS = 10

_Question = tuple[Wanted, range]


def figures() -> Iterator[Figure]:
    """CPU time for the indexer, wall time for searches: run it alone."""
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name:
        path = Path(name) / "journal.db"
        yield from _record(path)
        if not in_database():
            with closing(open_to_read(path)) as journal:
                yield from _searches(journal, path)
            return
        with database(Path(name)) as location:
            yield from _record(location)
            with closing(open_to_read(path)) as file, closing(open_to_read(location)) as journal:
                yield from _searches(journal, location, (file, path))
            yield from _commands(location, Path(name))


def _record(location: Location) -> Iterator[Figure]:
    """Append the alerts, and index them."""
    with closing(open_for_router(location)) as journal:
        used = time.process_time()
        fill(journal)
        yield Figure(f"append to {_engine(location)}: an alert", (time.process_time() - used) / ALERTS * 1e6, "µs CPU")
        folder = IndexFolder(files_of(location))
        indexer = Indexer(journal.history, folder, "bench")
        used = time.process_time()
        while indexer.step():
            pass
        yield Figure(f"index of {_engine(location)}: an alert", (time.process_time() - used) / ALERTS * 1e6, "µs CPU")
        indexer.close()
        size = sum(each.stat().st_size for each in folder.files())
        yield Figure(f"index of {_engine(location)}: bytes an alert", size / ALERTS, "bytes")


def _engine(location: Location) -> str:
    return "PostgreSQL" if isinstance(location, DatabaseLocation) else "a file"


@dataclass(frozen=True, slots=True)
class _Cost:
    """Milliseconds of one search, and the alerts it found."""

    wall: float
    cpu: float
    server: float
    found: tuple[str, ...]


def _searches(journal: Journal, location: Location, other: tuple[Journal, Path] | None = None) -> Iterator[Figure]:
    every = journal.history.span()
    search = Search(journal.history, IndexFolder(files_of(location)))
    file = None if other is None else Search(other[0].history, IndexFolder(other[1]))
    server = session_cpu(journal) if isinstance(location, DatabaseLocation) else float
    different = 0
    for name, questions in _kinds(journal, every).items():
        costs = [_cost(search, each, server) for each in questions]
        base = [] if file is None else [_cost(file, each, float) for each in questions]
        different += sum(one.found != two.found for one, two in zip(costs, base, strict=False))
        named = f"the newest {_SHOWN} of {name}: p95"
        cpu = _p95([each.cpu + each.server for each in costs])
        yield Figure(named, _p95([each.wall for each in costs]), "ms")
        ratio = cpu / _p95([each.cpu for each in base]) if base else None
        yield Figure(f"{named}, CPU", cpu, "ms", ratio, "a file's" if base else "")
    if file is not None:
        yield Figure("searches whose answers differ from the file's", different, f"of {_TRIES * 9}")
    yield from _whole(search, journal, every, server)


def _whole(search: Search, journal: Journal, every: range, server: Callable[[], float]) -> Iterator[Figure]:
    """What reads many alerts."""
    (one,) = journal.history.numbered([every[len(every) // 2]])
    part = _cost(
        search, (_condition(f'k8s.pod.name contains "{one.alert.fields["k8s.pod.name"][6:12]}"'), every), server
    )
    yield Figure("a part of a word", part.wall, "ms")
    yield Figure("a part of a word: CPU", part.cpu + part.server, "ms")
    common = _cost(search, (_condition('proc.cmdline regex ".*shadow job[0-9]+7"'), every), server)
    yield Figure(f"the newest {_SHOWN} of any other condition", common.wall, "ms")
    scan = _cost(search, (_condition('proc.cmdline regex ".*nowhere.*"'), every), server)
    yield Figure("a scan: an alert", scan.cpu / len(every) * 1e3, "µs CPU")
    if scan.server:
        yield Figure("a scan: an alert, in the database", scan.server / len(every) * 1e3, "µs CPU")
    yield Figure("a scan of everything", len(every) / scan.wall * 1e3, "alerts/s")


def _kinds(journal: Journal, every: range) -> dict[str, list[_Question]]:
    rng = random.Random(2)  # it only picks what to search
    some = [each.alert.fields for number in rng.sample(every, _TRIES) for each in journal.history.numbered([number])]
    end_ns = START_NS + SPAN_NS

    def within(hours: int) -> range:
        since_ns = end_ns - rng.randrange(hours, 720) * HOUR_NS
        return journal.history.span(since_ns, since_ns + hours * HOUR_NS)

    kinds: dict[str, Callable[[int], _Question]] = {
        "an hour": lambda _: (Wanted(), within(1)),
        "a rule": lambda _: (Wanted(rules=frozenset({rng.choice(RULES)})), every),
        "a namespace and a user": lambda _: (
            _condition(f"k8s.ns.name = {rng.choice(NAMESPACES)} and user.name = {rng.choice(USERS)}"), every
        ),
        "a pod": lambda index: (_condition(f'k8s.pod.name = "{some[index]["k8s.pod.name"]}"'), every),
        "a rare user, all": lambda _: (
            _condition(f"user.name = user7 and proc.name = {rng.choice(PROGRAMS)} and k8s.ns.name = team-3"), every
        ),
        "words of a command": lambda _: (
            Wanted(words=wanted_words([f"{rng.choice(PROGRAMS)} shadow job{rng.randrange(5000)}"])), every
        ),
        "a day and a word": lambda _: (Wanted(words=frozenset({f"job{rng.randrange(5000)}"})), within(24)),
        "a word that is nowhere": lambda index: (Wanted(words=frozenset({f"nowhere{index}"})), every),
        "throttled of a route": lambda _: (
            Wanted(route=f"route {rng.randrange(30)}", reason=Reason.THROTTLED), every
        ),
    }  # fmt: skip
    return {name: [make(index) for index in range(_TRIES)] for name, make in kinds.items()}


def _commands(location: DatabaseLocation, folder: Path) -> Iterator[Figure]:
    """What a user types, from the start of the process to its end."""
    (folder / "bench.route").write_text('route "all" { when rule exists drop }\n', encoding="utf-8")
    (folder / "config.yaml").write_text(
        "sources: [{stdin: true}]\nchannels: {secops: 'console://'}\nroutes: bench.route\n"
        f"journal: {{url: '{location.url.reveal()}', path: '{location.files}'}}\n",
        encoding="utf-8",
    )
    with closing(open_to_read(location)) as journal:
        every = journal.history.span()
        pods = [
            each.alert.fields["k8s.pod.name"]
            for number in random.Random(3).sample(every, _COMMANDS)
            for each in journal.history.numbered([number])
        ]
    asked = [["history", f'k8s.pod.name = "{pod}"', "--since", "2020-01-01", "--config", "config.yaml"] for pod in pods]
    yield from _typed("the command history, a pod", asked, folder)
    newest = ["history", "--since", "2020-01-01", "--limit", "1", "--config", "config.yaml"]
    yield from _typed("the command history, the newest alert", [newest] * _COMMANDS, folder)


def _typed(name: str, commands: Sequence[Sequence[str]], folder: Path) -> Iterator[Figure]:
    times: list[float] = []
    used = _children()
    for each in commands:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "bridge", *each], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)  # fmt: skip
        times.append((time.perf_counter() - started) * 1000)
    yield Figure(f"{name}: median", median(times), "ms")
    yield Figure(f"{name}: CPU", (_children() - used) / len(commands) * 1000, "ms")


def _children() -> float:
    """Seconds of CPU of the processes that this one has started and awaited."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _condition(text: str) -> Wanted:
    loaded = load_condition(text, (), {})
    assert isinstance(loaded, LoadedCondition), text
    return Wanted(loaded.condition, loaded.predicate)


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[len(times) * 95 // 100]


def _cost(search: Search, question: _Question, server: Callable[[], float]) -> _Cost:
    started, used, there = time.perf_counter(), time.process_time(), server()
    found = tuple(each.alert.id for each in islice(search.newest(*question), _SHOWN))
    return _Cost(
        (time.perf_counter() - started) * 1000, (time.process_time() - used) * 1000, (server() - there) * 1000, found
    )
