"""Reads every metric from the running bridge at the moment of a scrape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from bridge import __version__
from bridge.common.text import visible
from bridge.delivery import Circuit, Health
from bridge.operator.inspector import Inspector
from bridge.operator.metrics import catalogue
from bridge.operator.metrics.catalogue import Metric
from bridge.operator.model.status import FleetStatus
from bridge.operator.operations.fleet import fleet_status
from bridge.operator.operations.reload import ReloadControls
from bridge.pipeline.counts import COMMIT_BUCKETS, LONGEST_LABEL, Histogram, OwnerCounts
from bridge.pipeline.nodes import Node
from bridge.pipeline.shadow.shadow import ShadowReport
from bridge.routing.comparison import Change
from bridge.routing.memory_usage import ClauseUsage
from bridge.sources.contract import SourceState

_SECOND = 1e9
Samples = Iterable[tuple[tuple[str, ...], float | None]]
"""Label values in the metric's order, and the value; None where there is none."""


class BridgeCollector(Collector):
    """Collects all metrics of one bridge. Callable from any thread."""

    def __init__(self, inspector: Inspector, reloading: ReloadControls | None = None) -> None:
        self._inspector = inspector
        self._reloading = reloading

    def collect(self) -> Iterator[Family]:
        """All metrics at this moment."""
        inspector = self._inspector
        counts = inspector.counts
        yield family(catalogue.BUILD_INFO, [((__version__,), 1)])
        yield _single(catalogue.START_TIME, inspector.started_ns / _SECOND)
        if self._reloading is not None:
            yield _single(catalogue.CONFIG_CURRENT, not self._reloading.problem)
            yield _single(catalogue.CONFIG_LOADED, self._reloading.last_success_ns / _SECOND)
        alerts = counts.alerts.copy().items()
        yield family(catalogue.ALERTS, (((source, priority.word), count) for (source, priority), count in alerts))
        yield _by_name(catalogue.RULE_ALERTS, counts.rules)
        yield _by_name(catalogue.DUPLICATES, counts.duplicates)
        yield _by_name(catalogue.REJECTED, counts.rejected)
        yield _by_name(catalogue.TERMINAL_MATERIAL, counts.material)
        yield family(catalogue.ASSUMED, counts.assumed.copy().items())
        yield family(catalogue.DECISIONS, counts.all_decisions().items())
        yield from _state(inspector.memory_usage())
        yield from _owner(counts.owner)
        yield _by_name(catalogue.NOTIFICATIONS, counts.all_notifications())
        yield _histogram(catalogue.COMMIT, counts.commits)
        yield _by_name(catalogue.JOURNAL_SIZE, inspector.journal_bytes())
        yield _single(catalogue.JOURNAL_BLOCKED, bool(inspector.blocked))
        if (fleet := inspector.fleet()) is not None:
            yield from _fleet(fleet_status(fleet))
        yield _single(catalogue.COURIER_RESTARTS, inspector.courier_restarts)
        yield from _sources(inspector.sources())
        yield from _nodes(inspector.nodes.now())
        yield _single(catalogue.NODES_UNTRACKED, inspector.nodes.untracked)
        if (lag := inspector.index_lag()) is not None:
            yield _single(catalogue.INDEX_LAG, lag)
        if (shadow := inspector.shadow()) is not None:
            yield from _shadow(shadow)
        spans = inspector.spans().items()
        yield family(
            catalogue.TRACE_SPANS,
            (((process, outcome), count) for process, counts in spans for outcome, count in counts.items()),
        )
        yield from _journal(inspector)


def _owner(counts: OwnerCounts) -> Iterator[Family]:
    """Of a bridge that owns partitions."""
    if counts.partitions is None:
        return
    yield _single(catalogue.PARTITIONS, counts.partitions)
    yield _single(catalogue.PARTITIONS_LOADED, counts.loaded)
    yield _single(catalogue.MATCHES, counts.matches)
    yield _single(catalogue.MERGED, counts.merged)
    yield _single(catalogue.NOT_MERGED, counts.not_merged)


def family(metric: Metric, samples: Samples) -> Family:
    """The metric with its samples.

    Label values come from alerts, which attackers can write. Each is cut to ``LONGEST_LABEL`` characters and invisible
    characters are written as escapes. Samples whose labels are equal after that are added up for counters; for gauges
    the first is used. Prometheus rejects a page that repeats a series.
    """
    values: dict[tuple[str, ...], float] = {}
    for labels, value in samples:
        if value is None:
            continue
        shown = tuple(_label(each) for each in labels)
        values[shown] = values.get(shown, 0) + value if metric.kind == "counter" else values.get(shown, value)
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    made = kind(metric.name, metric.help, labels=metric.labels)
    for shown, value in values.items():
        made.add_metric(shown, value)
    return made


def _label(value: str) -> str:
    return visible(value[:LONGEST_LABEL].encode("utf-8", "replace").decode())[:LONGEST_LABEL]


def _state(usages: Sequence[ClauseUsage]) -> Iterator[Family]:
    keys, evicted = Counter[str](), Counter[str]()
    for each in usages:
        keys[each.route] += each.keys
        evicted[each.route] += each.evicted
    yield _by_name(catalogue.STATE_KEYS, keys)
    yield _single(catalogue.STATE_BYTES, sum(each.bytes for each in usages))
    yield _single(catalogue.STATE_TIMERS, sum(each.timers for each in usages))
    yield _by_name(catalogue.STATE_EVICTIONS, evicted)


def _sources(states: Iterable[SourceState]) -> Iterator[Family]:
    known = list(states)

    def of_each(metric: Metric, value: Callable[[SourceState], float | None]) -> Family:
        return family(metric, (((each.source_name, each.peer), value(each)) for each in known))

    yield of_each(catalogue.SOURCE_UP, lambda each: each.connected_since_ns is not None)
    yield of_each(catalogue.SOURCE_LAST_ALERT, lambda each: _seconds(each.last_alert_ns))
    yield of_each(catalogue.SOURCE_ALERTS, lambda each: each.alerts)
    yield of_each(catalogue.SOURCE_FAILURES, lambda each: each.failures)


def _fleet(fleet: FleetStatus) -> Iterator[Family]:
    alive, stopped = sum(each.alive for each in fleet.bridges), sum(each.stopped for each in fleet.bridges)
    gone = len(fleet.bridges) - alive - stopped
    yield _by_name(catalogue.FLEET_BRIDGES, {"alive": alive, "stopped": stopped, "gone": gone})
    yield _single(catalogue.FLEET_MATCHES, fleet.matches_waiting)
    if fleet.oldest_match_ns is not None:
        yield _single(catalogue.FLEET_OLDEST_MATCH, fleet.oldest_match_ns / _SECOND)
    own = [each.partitions for each in fleet.bridges if each.bridge == fleet.bridge]
    yield _single(catalogue.FLEET_PARTITIONS, sum(own))


def _nodes(nodes: Iterable[tuple[str, Node]]) -> Iterator[Family]:
    known = [(name, node) for name, node in nodes if name]

    def of_each(metric: Metric, value: Callable[[Node], float | None]) -> Family:
        return family(metric, (((name,), value(node)) for name, node in known))

    yield of_each(catalogue.NODE_LAST_ALERT, lambda node: _seconds(node.last_alert_ns))
    yield of_each(catalogue.NODE_EVENTS_DROPPED, lambda node: node.events_dropped)
    yield of_each(catalogue.NODE_SNAPSHOT_DROPPED, lambda node: node.snapshot_events_dropped)
    yield of_each(catalogue.NODE_OUTPUTS_DROPPED, lambda node: node.outputs_dropped)


def _shadow(report: ShadowReport) -> Iterator[Family]:
    """Metrics of the routes of ``shadow``. Left out without any."""
    yield family(catalogue.SHADOW_ALERTS, [(("tried",), report.alerts), (("skipped",), report.skipped)])
    yield _single(catalogue.SHADOW_FAULTS, report.faults)
    yield family(catalogue.SHADOW_DECISIONS, report.decisions.items())
    yield family(
        catalogue.SHADOW_DIFFERENCES,
        (
            ((channel, change.value), row.changes[change])
            for (channel, route), row in report.differences.rows.items()
            if not route
            for change in Change
        ),
    )


def _journal(inspector: Inspector) -> Iterator[Family]:
    """Metrics that are read from the journal. Left out while it cannot be read."""
    snapshot = inspector.journal_snapshot()
    if snapshot is None:
        return
    health = snapshot.health
    yield _single(catalogue.QUARANTINED, snapshot.quarantined)
    yield _by_name(catalogue.WAITING, snapshot.waiting)
    outcomes = (
        ((channel, outcome), count)
        for channel, each in health.items()
        for outcome, count in (("delivered", each.delivered), ("dead", each.dead))
    )
    yield family(catalogue.DELIVERIES, outcomes)
    states = (((channel, state.value), each.circuit is state) for channel, each in health.items() for state in Circuit)
    yield family(catalogue.CIRCUIT, states)

    def of_each(metric: Metric, value: Callable[[Health], float | None]) -> Family:
        return family(metric, (((channel,), value(each)) for channel, each in health.items()))

    yield of_each(catalogue.DIGESTED, lambda each: each.digested)
    yield of_each(catalogue.CHANNEL_FAILURES, lambda each: each.failures)
    yield of_each(catalogue.CHANNEL_SUCCESS, lambda each: _seconds(each.success_ns))


def _seconds(moment_ns: int | None) -> float | None:
    return moment_ns / _SECOND if moment_ns else None


def _single(metric: Metric, value: float) -> Family:
    return family(metric, [((), value)])


def _by_name(metric: Metric, counts: Mapping[str, int]) -> Family:
    return family(metric, (((name,), value) for name, value in dict(counts).items()))


def _histogram(metric: Metric, histogram: Histogram) -> Family:
    made = HistogramMetricFamily(metric.name, metric.help)
    bounds = [*(repr(bound) for bound in COMMIT_BUCKETS), "+Inf"]
    made.add_metric([], list(zip(bounds, accumulate(histogram.counts.copy()), strict=True)), histogram.total)
    return made
