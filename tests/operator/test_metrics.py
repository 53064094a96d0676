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

from bridge.http.guard import Guard
from bridge.operator.exposition import LONGEST_LABEL, Family, Metric, Point, render
from bridge.operator.metrics import METRICS
from bridge.operator.metrics_server import MetricsServer

DOCS = Path(__file__).parent.parent.parent / "docs" / "metrics.md"
SERIES = Metric("m", "gauge", ("a",), "Something.")


def parsed(page: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


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
    """There are more places than one address may take."""
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    assert asked(server, "/healthz")[0] == 200
    for each in silent:
        each.close()
