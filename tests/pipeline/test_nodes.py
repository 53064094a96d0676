"""Nodes: the drops that each Falco reports, and that invented hostnames replace no node that is known."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from bridge.alert import Alert
from bridge.alert.internal import DROP_RULE, SNAPSHOT_RULE
from bridge.pipeline.counts import LONGEST_LABEL
from bridge.pipeline.nodes import GONE_NS, LOG_INTERVAL_NS, MOST_NODES, SETTLED_NS, Nodes
from tests.support.builders import alert, entry

SECOND = 1_000_000_000
DROPS = "falco drops events; alerts may be missing"


def drop(count: str, hostname: str = "node-1") -> Alert:
    return alert(source="internal", rule=DROP_RULE, hostname=hostname, fields={"n_drops": count})


def snapshot(dropped: str, outputs: str = "0") -> Alert:
    fields = {"scap.n_drops": dropped, "falco.outputs_queue_num_drops": outputs, "falco.version": "0.43.1"}
    return alert(source="internal", rule=SNAPSHOT_RULE, fields=fields)


def of(hostname: str) -> Alert:
    return alert(hostname=hostname)


def add(nodes: Nodes, *alerts: Alert, at_ns: int = SECOND, source_name: str = "grpc") -> None:
    nodes.add(source_name, at_ns, [entry(each) for each in alerts])


def flood(nodes: Nodes, start: int, at_ns: int, *, source_name: str = "grpc", count: int = MOST_NODES * 2) -> None:
    add(
        nodes, *(of(f"forged-{number}") for number in range(start, start + count)), at_ns=at_ns, source_name=source_name
    )


def names(nodes: Nodes) -> set[str]:
    return {name for name, _ in nodes.now()}


def test_drops_are_summed_by_node_and_logged_at_intervals() -> None:
    """With the remedy. What is dropped within the interval is logged after it."""
    nodes = Nodes()
    with capture_logs() as logs:
        add(nodes, drop("3"), drop("4"), at_ns=LOG_INTERVAL_NS)
        add(nodes, drop("5"), at_ns=LOG_INTERVAL_NS + SECOND)
        add(nodes, drop("1", "node-2"), at_ns=LOG_INTERVAL_NS + SECOND)
        add(nodes, drop("6"), at_ns=3 * LOG_INTERVAL_NS)
    assert {name: node.events_dropped for name, node in nodes.now()} == {"node-1": 18, "node-2": 1}
    assert [(each["event"], each["node"], each["dropped"]) for each in logs] == [
        (DROPS, "node-1", 3), (DROPS, "node-2", 1), (DROPS, "node-1", 15),
    ]  # fmt: skip
    assert "buf_size_preset" in logs[0]["remedy"]


@pytest.mark.parametrize("hostname", ["", "  "])
def test_alerts_without_a_hostname_are_of_an_unknown_node(hostname: str) -> None:
    """In the log, and for what status and metrics show."""
    nodes = Nodes()
    with capture_logs() as logs:
        add(nodes, drop("3", hostname), at_ns=LOG_INTERVAL_NS)
    assert {name: node.events_dropped for name, node in nodes.now()} == {"unknown": 3}
    assert [each["node"] for each in logs] == ["unknown"]


@pytest.mark.parametrize("hostile", ["", "nan", "inf", "-5", "1e400", "9" * 500, "x", "1_0x"])
def test_a_counter_that_is_not_a_number_counts_nothing(hostile: str) -> None:
    """Counters are text, and anyone who can send alerts can write them."""
    nodes = Nodes()
    add(nodes, drop(hostile), snapshot(hostile, hostile))
    ((_, node),) = nodes.now()
    assert (node.events_dropped, node.snapshot_events_dropped, node.outputs_dropped) == (0, None, None)


def test_snapshots_count_from_falcos_start() -> None:
    """The increase since the last one is logged. A Falco that was restarted counts from zero."""
    nodes = Nodes()
    with capture_logs() as logs:
        add(nodes, snapshot("100"), at_ns=LOG_INTERVAL_NS)
        assert logs == []
        add(nodes, snapshot("130", "2"), at_ns=2 * LOG_INTERVAL_NS)
        add(nodes, snapshot("7"), at_ns=4 * LOG_INTERVAL_NS)
    assert [each["dropped"] for each in logs] == [32, 7]
    ((_, node),) = nodes.now()
    assert (node.snapshot_events_dropped, node.outputs_dropped, node.version) == (7, 0, "0.43.1")


def test_a_duplicate_shows_that_its_node_is_alive() -> None:
    """Its drops are not counted again."""
    nodes = Nodes()
    add(nodes, drop("3"))
    nodes.seen("grpc", 5 * SECOND, [drop("3")])
    ((_, node),) = nodes.now()
    assert (node.last_alert_ns, node.events_dropped) == (5 * SECOND, 3)


def test_a_flood_of_invented_hostnames_replaces_no_settled_node() -> None:
    """Not even one that is silent since: its metric must show the silence. Memory does not grow."""
    nodes = Nodes()
    for at_ns in (0, SETTLED_NS):
        add(nodes, *(of(f"real-{number}") for number in range(500)), at_ns=at_ns)
    for hour in range(1, 20):
        flood(nodes, hour * MOST_NODES, hour * 3600 * SECOND)
    assert names(nodes) >= {f"real-{number}" for number in range(500)}
    assert len(nodes.now()) == MOST_NODES
    assert nodes.untracked > 10 * MOST_NODES


def test_new_nodes_replace_those_of_the_source_that_has_most() -> None:
    """A Falco that sent one alert through another source than the flood's stays."""
    nodes = Nodes()
    add(nodes, of("quiet"), source_name="grpc")
    flood(nodes, 0, 2 * SECOND, source_name="http")
    assert "quiet" in names(nodes)
    assert f"forged-{MOST_NODES * 2 - 1}" in names(nodes)


def test_a_node_that_was_silent_for_a_day_may_be_replaced() -> None:
    """As where machines come and go. The longest silent one goes first."""
    nodes = Nodes()
    for at_ns in (0, SETTLED_NS):
        add(nodes, *(of(f"old-{number}") for number in range(MOST_NODES)), at_ns=at_ns)
    add(nodes, of("old-0"), at_ns=GONE_NS)
    add(nodes, of("too early"), at_ns=GONE_NS)
    add(nodes, of("new"), at_ns=GONE_NS + SETTLED_NS)
    assert {f"old-{number}" for number in range(MOST_NODES)} - names(nodes) == {"old-1"}
    assert "new" in names(nodes)
    assert "too early" not in names(nodes)


def test_the_drops_of_untracked_nodes_are_counted_as_other() -> None:
    """Those of a node that is replaced, and those of a node that is never tracked."""
    nodes = Nodes()
    add(nodes, drop("3", "early"))
    for at_ns in (SECOND, SETTLED_NS + SECOND):
        add(nodes, *(of(f"real-{number}") for number in range(MOST_NODES)), at_ns=at_ns)
    add(nodes, drop("4", "late"), at_ns=SETTLED_NS + SECOND)
    assert sum(node.events_dropped for _, node in nodes.now()) == 7
    assert dict(nodes.now())["other"].events_dropped == 7


def test_hostnames_are_cut_to_what_a_metric_shows() -> None:
    """A thousand hostnames of a megabyte each would fill the memory."""
    nodes = Nodes()
    add(nodes, of("h" * 1_000_000))
    assert names(nodes) == {"h" * LONGEST_LABEL}
