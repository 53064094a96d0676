"""Metrics: what is counted, that attackers cannot multiply or forge series, and that each is told in the docs."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from bridge.alert import Alert, Priority, make_alert
from bridge.alert.internal import DROP_RULE, SNAPSHOT_RULE
from bridge.http.guard import Guard
from bridge.journal.sqlite import Entry
from bridge.operator.exposition import LONGEST_LABEL, Family, Metric, Point, render
from bridge.operator.metrics import METRICS
from bridge.operator.metrics_server import MetricsServer
from bridge.pipeline.counts import MOST_SOURCES, Counts
from bridge.pipeline.nodes import GONE_NS, MOST_NODES, SETTLED_NS, TOLD_EVERY_NS, Nodes
from bridge.routing.decide import Action, Decision, Routed
from bridge.sources.contract import Batch

DOCS = Path(__file__).parent.parent.parent / "docs" / "metrics.md"
SERIES = Metric("m", "gauge", ("a",), "Something.")
SECOND = 1_000_000_000


def parsed(page: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def an_alert(*, fields: dict[str, str] | None = None, **said: object) -> Alert:
    told: dict[str, object] = {
        "time_ns": 1, "priority": Priority.WARNING, "rule": "r", "source": "syscall", "hostname": "node-1", "tags": (),
        "output": "o", "fields": fields or {},
    }  # fmt: skip
    return make_alert(**(told | said))  # type: ignore[arg-type]


def batch(*alerts: Alert, received_ns: int = SECOND) -> Batch:
    return Batch("road", received_ns, alerts)


def entries(*alerts: Alert) -> list[Entry]:
    return [Entry(alert, Routed((), ())) for alert in alerts]


# The page


@given(st.lists(st.text(max_size=60), unique=True, max_size=8))
def test_whatever_a_label_says_it_is_read_back(values: list[str]) -> None:
    """By Prometheus's own parser: nothing in a value can end a line or begin a series."""
    page = render([Family(SERIES, [Point((value,), number) for number, value in enumerate(values)])])
    expected = {("m", value.encode("utf-8", "replace").decode()) for value in values}
    assert set(parsed(page)) == expected


def test_labels_are_cut_and_a_series_is_told_once() -> None:
    """Two that are alike up to the cut would make Prometheus refuse the whole page."""
    page = render([Family(SERIES, [Point(("x" * 10_000 + "1",), 1), Point(("x" * 10_000 + "2",), 2)])])
    assert parsed(page) == {("m", "x" * LONGEST_LABEL): 1}


def test_every_metric_is_told_in_the_docs_and_no_other() -> None:
    """With its labels, and under names that Prometheus takes."""
    rows = dict(re.findall(r"^\| `(falco_bridge_\w+)` \| ?([^|]*) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    told = {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in rows.items()}
    assert told == {each.name: ("le",) if each.kind == "histogram" else each.labels for each in METRICS}
    assert all(each.name.endswith("_total") == (each.kind == "counter") for each in METRICS)


# Counting


def test_sources_are_bounded() -> None:
    """An attacker who posts alerts of ever new sources makes no series past the bound."""
    counts = Counts()
    alerts = [an_alert(source=f"s{number}") for number in range(500)]
    counts.kept(batch(*alerts), entries(*alerts), 0.001)
    assert len(counts.alerts) == MOST_SOURCES + 1
    assert counts.alerts["other", Priority.WARNING] == 500 - MOST_SOURCES


def test_decisions_repeats_and_refusals_are_counted() -> None:
    """By route, action and road."""
    counts = Counts()
    first, second = an_alert(rule="a"), an_alert(rule="b")
    decided = Routed((Decision("r", Action.NOTIFIED, ("c",)), Decision("q", Action.DROPPED)), ())
    counts.kept(batch(first, second, first), [Entry(first, decided), Entry(second, decided)], 0.003)
    assert counts.decisions == {("r", "notified"): 2, ("q", "dropped"): 2}
    assert counts.repeated == {"road": 1}
    assert sum(counts.commits.counts) == 1


def drop(count: str, hostname: str = "node-1") -> Alert:
    return an_alert(
        source="internal", rule=DROP_RULE, priority=Priority.DEBUG, hostname=hostname, fields={"n_drops": count}
    )


def snapshot(dropped: str, outputs: str = "0") -> Alert:
    fields = {"scap.n_drops": dropped, "falco.outputs_queue_num_drops": outputs, "falco.version": "0.43.1"}
    return an_alert(source="internal", rule=SNAPSHOT_RULE, hostname="node-1", fields=fields)


def kept(nodes: Nodes, *alerts: Alert, at_ns: int = SECOND) -> None:
    nodes.kept(batch(*alerts, received_ns=at_ns), entries(*alerts))


def test_drops_are_summed_by_node_and_told_once_in_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    """With the remedy; what came meanwhile is told the next time."""
    nodes = Nodes()
    kept(nodes, drop("3"), drop("4"), at_ns=TOLD_EVERY_NS)
    kept(nodes, drop("5"), at_ns=TOLD_EVERY_NS + SECOND)
    kept(nodes, drop("1", "node-2"), at_ns=TOLD_EVERY_NS + SECOND)
    kept(nodes, drop("6"), at_ns=3 * TOLD_EVERY_NS)
    assert {name: node.dropped for name, node in nodes.now()} == {"node-1": 18, "node-2": 1}
    told = [line for line in capsys.readouterr().out.splitlines() if "falco drops events" in line]
    assert len(told) == 3
    assert "buf_size_preset" in told[0]


@pytest.mark.parametrize("hostile", ["", "nan", "inf", "-5", "1e400", "9" * 500, "x", "1_0x"])
def test_counters_that_are_none_count_nothing(hostile: str) -> None:
    """They are text, and anybody may have encode_reply them."""
    nodes = Nodes()
    kept(nodes, drop(hostile), snapshot(hostile, hostile))
    ((_, node),) = nodes.now()
    assert (node.dropped, node.snapshot_dropped, node.outputs_dropped) == (0, None, None)


def test_snapshots_count_from_falcos_start(capsys: pytest.CaptureFixture[str]) -> None:
    """What grew since the last one is told; a Falco that was restarted counts anew."""
    nodes = Nodes()
    kept(nodes, snapshot("100"), at_ns=TOLD_EVERY_NS)
    assert "falco drops events" not in capsys.readouterr().out
    kept(nodes, snapshot("130", "2"), at_ns=2 * TOLD_EVERY_NS)
    assert re.search(r"dropped\S*=\S*32\b", re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out))
    kept(nodes, snapshot("7"), at_ns=4 * TOLD_EVERY_NS)
    assert re.search(r"dropped\S*=\S*7\b", re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out))


def flood(nodes: Nodes, begin: int, at_ns: int, *, road: str = "road", count: int = MOST_NODES * 2) -> None:
    alerts = [an_alert(hostname=f"forged-{number}") for number in range(begin, begin + count)]
    nodes.kept(Batch(road, at_ns, tuple(alerts)), entries(*alerts))


def names(nodes: Nodes) -> set[str]:
    return {name for name, _ in nodes.now()}


def test_a_flood_of_invented_hostnames_drives_out_no_node_that_has_settled() -> None:
    """Also one that has been silent since: its silence is what its metric is for. The memory does not grow."""
    nodes = Nodes()
    for at_ns in (0, SETTLED_NS):
        kept(nodes, *(an_alert(hostname=f"real-{number}") for number in range(500)), at_ns=at_ns)
    for hour in range(1, 20):
        flood(nodes, hour * MOST_NODES, hour * 3600 * SECOND)
    assert names(nodes) >= {f"real-{number}" for number in range(500)}
    assert len(nodes.now()) == MOST_NODES
    assert nodes.left_out > 10 * MOST_NODES


def test_newcomers_give_way_on_the_road_that_brings_most() -> None:
    """A Falco that was heard once, by another road than the flood's, stays."""
    nodes = Nodes()
    nodes.kept(Batch("grpc", SECOND, (an_alert(hostname="quiet"),)), [])
    flood(nodes, 0, 2 * SECOND, road="http")
    assert "quiet" in names(nodes)
    assert f"forged-{MOST_NODES * 2 - 1}" in names(nodes)


def test_a_node_that_was_silent_for_a_day_gives_way() -> None:
    """As where machines come and go: the one that was silent longest first, and never one that is still heard."""
    nodes = Nodes()
    for at_ns in (0, SETTLED_NS):
        kept(nodes, *(an_alert(hostname=f"old-{number}") for number in range(MOST_NODES)), at_ns=at_ns)
    kept(nodes, an_alert(hostname="old-0"), at_ns=GONE_NS)
    kept(nodes, an_alert(hostname="too early"), at_ns=GONE_NS)
    kept(nodes, an_alert(hostname="new"), at_ns=GONE_NS + SETTLED_NS)
    assert {f"old-{number}" for number in range(MOST_NODES)} - names(nodes) == {"old-1"}
    assert "new" in names(nodes)
    assert "too early" not in names(nodes)


def test_what_nodes_without_a_place_dropped_is_told_of_others() -> None:
    """Nothing of what Falco did not see is forgotten with the node that said it."""
    nodes = Nodes()
    kept(nodes, drop("3", "early"))
    for at_ns in (SECOND, SETTLED_NS + SECOND):
        kept(nodes, *(an_alert(hostname=f"real-{number}") for number in range(MOST_NODES)), at_ns=at_ns)
    kept(nodes, drop("4", "late"), at_ns=SETTLED_NS + SECOND)
    assert sum(node.dropped for _, node in nodes.now()) == 7
    assert dict(nodes.now())["other"].dropped == 7


def test_names_are_kept_as_far_as_they_are_told() -> None:
    """A thousand hostnames of a megabyte each would fill the memory."""
    nodes, counts = Nodes(), Counts()
    hostile = an_alert(hostname="h" * 1_000_000, source="s" * 1_000_000)
    kept(nodes, hostile)
    counts.kept(batch(hostile), entries(hostile), 0.0)
    assert names(nodes) == {"h" * LONGEST_LABEL}
    assert [len(source) for source, _ in counts.alerts] == [LONGEST_LABEL]


# The listener


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    server = MetricsServer("127.0.0.1", 0, Guard(token="0123456789"), lambda: "m 1\n", lambda: "the disk is full")
    server.start()
    yield server
    server.close()


def asked(server: MetricsServer, path: str, method: str = "GET", token: str = "") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request(method, path, headers={"Authorization": f"Bearer {token}"} if token else {})
    response = connection.getresponse()
    said = response.status, response.read().decode()
    connection.close()
    return said


def test_metrics_want_their_token_and_probes_do_not(server: MetricsServer) -> None:
    """A kubelet has none."""
    assert asked(server, "/metrics")[0] == 401
    assert asked(server, "/metrics", token="wrong-token")[0] == 401
    assert asked(server, "/metrics", token="0123456789") == (200, "m 1\n")
    assert asked(server, "/healthz") == (200, "ok\n")
    assert asked(server, "/readyz") == (503, "the disk is full\n")


def test_nothing_can_be_posted_there(server: MetricsServer) -> None:
    """It is no door for alerts."""
    assert asked(server, "/", method="POST", token="0123456789")[0] == 404
    assert asked(server, "/else", token="0123456789")[0] == 404


def test_a_fault_in_a_metric_leaves_the_probes_alone() -> None:
    """The scrape is told, the log has the rest."""

    def page() -> str:
        raise ZeroDivisionError

    server = MetricsServer("127.0.0.1", 0, Guard(), page, lambda: "")
    server.start()
    try:
        assert asked(server, "/metrics")[0] == 500
        assert asked(server, "/readyz")[0] == 200
    finally:
        server.close()


def test_silent_connections_do_not_keep_others_out(server: MetricsServer) -> None:
    """There are more limits than one address may take."""
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    assert asked(server, "/healthz")[0] == 200
    for each in silent:
        each.close()
