"""What the clauses with memory remember, in status and metrics."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

from msgspec import structs

from bridge.cli.verbs.operating.status import _text
from bridge.journal.opening import open_for_router
from bridge.operator.metrics.collector import BridgeCollector
from bridge.operator.operations.fleet import fleet_status
from bridge.operator.operations.status import read_status
from bridge.pipeline.intake import Intake
from bridge.routing.router import Router
from bridge.routing.state import State
from bridge.sources.contract import Batch
from tests.operator.state import IntakeState, NoReload, an_inspector
from tests.operator.test_fleet_status import FLEET
from tests.support.builders import alert, program_of

ROUTES = """
route "floods" { throttle 1 per 1h by proc.name to chat }
route "news" { new proc.name in 1d to chat }
route "plain" { to chat }
"""


def test_status_and_metrics_show_what_is_remembered(tmp_path: Path) -> None:
    """Keys, timers, evictions and bytes, in all and of each route; what the last reload forgot."""
    path = tmp_path / "j.db"
    with closing(open_for_router(path)) as journal:
        state = State(keys_per_table=3)
        router = Router(program_of(ROUTES), {}, secret=journal.memory.secret())
        router.start(state, time.time_ns())
        intake = Intake(journal.alerts, router, on_deliveries=lambda: None, on_fault=lambda _fault: None, state=state)
        alerts = tuple(alert(n, fields={"proc.name": f"p{n}"}) for n in range(5))
        intake.accept(Batch("s", time.time_ns(), alerts))
        usages = intake.memory_usage()
    inspector = an_inspector(path, intake=IntakeState(usages=usages))
    status = read_status(inspector, ["floods", "news", "plain"], NoReload(last_forgotten=("old\nnew rule - 1d - - -",)))
    assert status.memory is not None
    found = {(each.route, each.clause): (each.keys, each.timers, each.evicted) for each in status.memory.clauses}
    assert found == {
        ("floods", "throttle 1 per 1h by proc.name"): (3, 3, 2),
        ("floods", "incident"): (3, 3, 2),
        ("news", "new proc.name in 1d"): (2, 0, 3),
        ("news", "incident"): (3, 3, 2),
    }
    assert (status.memory.keys, status.memory.timers, status.memory.evicted, status.memory.clause_count) == (
        11,
        9,
        9,
        4,
    )
    assert status.memory.bytes == sum(each.bytes for each in status.memory.clauses) > 11 * 400
    lines = list(_text(status))
    (line,) = (line for line in lines if line.startswith("memory"))
    assert line.startswith("memory    11 keys in about ")
    assert line.endswith(", 9 timers waiting, 9 keys evicted")
    assert "          state removed by the last reload: old: new rule in 1d" in lines
    in_fleet = list(_text(structs.replace(status, fleet=fleet_status(FLEET))))
    assert in_fleet.index(line) < next(at for at, each in enumerate(in_fleet) if each.startswith("\nfleet"))
    (table,) = (line for line in lines if "decisions since the start" in line)
    rows = {line.split()[0]: line for line in table.splitlines() if line}
    assert rows["floods"].endswith("6 keys, 6 timers, 4 evicted")
    assert rows["plain"].endswith("none")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in BridgeCollector(inspector).collect()
        for sample in family.samples
    }
    assert samples["falco_bridge_state_keys", "floods"] == 6
    assert samples["falco_bridge_state_evictions_total", "news"] == 5
    assert samples["falco_bridge_state_timers",] == 9
    assert samples["falco_bridge_state_bytes",] == status.memory.bytes


def test_nothing_is_shown_without_memory(tmp_path: Path) -> None:
    """Where no clause remembers anything, the status says nothing about it."""
    path = tmp_path / "j.db"
    open_for_router(path).close()
    status = read_status(an_inspector(path), ["plain"])
    assert status.memory is None
    assert not any(line.startswith("memory") for line in _text(status))
