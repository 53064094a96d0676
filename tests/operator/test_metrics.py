"""Metrics: what is counted, that attackers cannot multiply or forge series, and that the docs list each."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from bridge.alert.internal import DROP_RULE
from bridge.common.text import visible
from bridge.history.index.folder import IndexFolder
from bridge.http.guard import Guard
from bridge.journal.members import FleetLag, MemberRecord
from bridge.journal.opening import open_for_router
from bridge.operator.inspector import FleetSnapshot
from bridge.operator.metrics.app import metrics_app
from bridge.operator.metrics.catalogue import METRICS, Metric
from bridge.operator.metrics.collector import BridgeCollector, family
from bridge.operator.serving.connection import ServedSockets
from bridge.pipeline.counts import LONGEST_LABEL
from bridge.pipeline.shadow.shadow import ShadowRoutes
from bridge.routing.router import Router
from bridge.sources.contract import SourceState
from tests.operator.serving import ask_tcp, port_of, served, tcp_sockets
from tests.operator.state import IntakeState, NoReload, an_inspector
from tests.support.builders import alert, entry, program_of

DOCS = Path(__file__).parent.parent.parent / "docs" / "metrics.md"
GAUGE = Metric("m", "gauge", ("a",), "Something.")
COUNTER = Metric("c_total", "counter", ("a",), "Something.")


class Families:
    """A collector of these families."""

    def __init__(self, *families: object) -> None:
        self._families = families

    def collect(self) -> Iterator[object]:
        yield from self._families


def page_of(*families: object) -> str:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Families(*families))  # type: ignore[arg-type]
    return generate_latest(registry).decode()


def parsed(page: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for each in text_string_to_metric_families(page)
        for sample in each.samples
    }


# The page


@given(st.lists(st.text(max_size=60), max_size=8))
def test_no_label_can_end_a_line_or_start_a_series(values: list[str]) -> None:
    """Prometheus's own parser reads as many series back as there are different labels, and nothing invisible."""
    made = family(GAUGE, [((value,), number) for number, value in enumerate(values)])
    page = page_of(made)
    labels = {sample.labels["a"] for sample in made.samples}
    assert set(parsed(page)) == {("m", label) for label in labels}
    assert len(made.samples) == len(labels)
    assert all(visible(line) == line for line in page.split("\n"))


@pytest.mark.parametrize(
    "hostile",
    ["\x1b[2J", "\x9b2J", "\x7f", "a\x00b", "\u202eevil", "\u2066x", "a\nb 1", 'a"} 1\nfake{b="', "\ud800", "\\"],
)
def test_control_and_bidi_characters_are_escaped(hostile: str) -> None:
    """A terminal that shows the page is not controlled by an alert."""
    page = page_of(family(GAUGE, [((hostile,), 1)]))
    assert all(visible(line) == line for line in page.split("\n"))
    (series,) = parsed(page)
    assert series[0] == "m"


def test_labels_are_cut_and_a_series_is_exported_once() -> None:
    """Prometheus rejects a page that repeats a series: counters are added up, of gauges the first is used."""
    labels = [(("x" * 10_000 + "1",), 1.0), (("x" * 10_000 + "2",), 2.0)]
    assert parsed(page_of(family(GAUGE, labels))) == {("m", "x" * LONGEST_LABEL): 1}
    assert parsed(page_of(family(COUNTER, labels))) == {("c_total", "x" * LONGEST_LABEL): 3}


def documented() -> dict[str, tuple[str, ...]]:
    """The labels of each metric in the docs."""
    rows = re.findall(r"^\| `(falco_bridge_\w+)` \| ?([^|]*) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


def test_the_docs_list_every_metric_and_no_other() -> None:
    """With its labels. Only counters end in _total."""
    assert documented() == {each.name: ("le",) if each.kind == "histogram" else each.labels for each in METRICS}
    assert all(each.name.endswith("_total") == (each.kind == "counter") for each in METRICS)


def test_every_metric_is_exported(tmp_path: Path) -> None:
    """By a bridge with one source; those of the journal are left out while there is none."""
    entries = [entry(alert(source="internal", rule=DROP_RULE, fields={"n_drops": "1"}))]
    state = IntakeState()
    state.counts.add("s", 1, entries, 1, 0.1)
    state.counts.owner.partitions = 3
    state.nodes.add("s", 1, entries)
    state.shadow.use(ShadowRoutes(live := Router(program_of('route "r" { to a }'), {}), live, {}))
    inspector = an_inspector(tmp_path / "none.db", intake=state, sources=[SourceState("s", last_alert_ns=1)])
    members = (MemberRecord("a", "one", "host", "1", 1, ("memory",), 1, is_alive=True, silent_ns=0),)
    inspector.fleet = lambda: FleetSnapshot("one", members, FleetLag(1, 1, 1, 1))  # type: ignore[method-assign]
    exported = {each.name for each in BridgeCollector(inspector, NoReload()).collect()}
    of_the_journal = {
        each.name.removesuffix("_total")
        for each in METRICS
        if "channel_" in each.name
        or "deliveries" in each.name
        or "quarantined" in each.name
        or "index_lag" in each.name
    }
    assert exported == {each.name.removesuffix("_total") for each in METRICS} - of_the_journal
    open_for_router(tmp_path / "journal.db").close()
    IndexFolder(tmp_path / "journal.db").path.mkdir()
    inspector = an_inspector(tmp_path / "journal.db", ["c"], intake=state)
    assert {each.name for each in BridgeCollector(inspector, NoReload()).collect()} >= of_the_journal


# The listener


@pytest.fixture
def listener() -> Iterator[ServedSockets]:
    app = metrics_app(Guard(token="0123456789"), Families(GaugeMetricFamily("m", "M.", 1)), lambda: "the disk is full")  # type: ignore[arg-type]
    listener = ServedSockets(tcp_sockets(), app)
    with served(listener):
        yield listener


def asked(listener: ServedSockets, path: str, method: str = "GET", token: str = "") -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    status, _, body = ask_tcp(port_of(listener), method, path, **headers)
    return status, body.decode()


def test_metrics_require_their_token_and_health_checks_do_not(listener: ServedSockets) -> None:
    """A kubelet cannot send one."""
    assert asked(listener, "/metrics")[0] == 401
    assert asked(listener, "/metrics", token="wrong-token")[0] == 401
    status, page = asked(listener, "/metrics", token="0123456789")
    assert (status, parsed(page)) == (200, {("m",): 1})
    assert asked(listener, "/healthz") == (200, "ok\n")
    assert asked(listener, "/readyz") == (503, "the disk is full\n")


def test_the_page_comes_in_the_format_that_is_asked_for(listener: ServedSockets) -> None:
    """Prometheus's text by default, OpenMetrics on request."""
    for accept, kind in (
        ("", "text/plain; version=0.0.4"),
        ("application/openmetrics-text", "application/openmetrics-text"),
    ):
        headers = {"Authorization": "Bearer 0123456789", "Accept": accept}
        _, answer, _ = ask_tcp(port_of(listener), "GET", "/metrics", **headers)
        assert answer["content-type"].startswith(kind)


def test_nothing_can_be_posted_there(listener: ServedSockets) -> None:
    """It is no source of alerts."""
    assert asked(listener, "/", method="POST", token="0123456789")[0] == 404
    assert asked(listener, "/metrics", method="POST", token="0123456789")[0] == 404
    assert asked(listener, "/else", token="0123456789")[0] == 404


def test_a_fault_in_a_metric_does_not_affect_the_health_checks() -> None:
    """The scrape fails; the log has the error."""

    class Faulty:
        def collect(self) -> Iterator[object]:
            raise ZeroDivisionError

    listener = ServedSockets(tcp_sockets(), metrics_app(Guard(), Faulty(), lambda: ""))  # type: ignore[arg-type]
    with served(listener):
        assert asked(listener, "/metrics")[0] == 500
        assert asked(listener, "/readyz")[0] == 200


def test_a_scrape_that_hangs_does_not_affect_the_health_checks() -> None:
    """The journal may be slow; the bridge lives."""
    release, started = threading.Event(), threading.Event()

    class Slow:
        def collect(self) -> Iterator[object]:
            started.set()
            release.wait(100)
            yield GaugeMetricFamily("m", "M.", 1)

    listener = ServedSockets(tcp_sockets(), metrics_app(Guard(), Slow(), lambda: ""))  # type: ignore[arg-type]
    with served(listener):
        scrape = threading.Thread(target=asked, args=(listener, "/metrics"))
        scrape.start()
        assert started.wait(60)
        assert asked(listener, "/healthz")[0] == 200
        release.set()
        scrape.join()


def test_idle_connections_do_not_shut_out_a_health_check(listener: ServedSockets) -> None:
    """However many there are, from one address."""
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection(("127.0.0.1", port_of(listener))))
        assert asked(listener, "/healthz")[0] == 200
