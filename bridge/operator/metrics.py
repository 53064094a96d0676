"""Every metric there is, and how each is read off the running bridge when Prometheus asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from bridge import __version__
from bridge.operator.exposition import Family, Metric, Point
from bridge.operator.inspector import Inspector
from bridge.pipeline.counts import COMMIT_BUCKETS, Histogram
from bridge.pipeline.nodes import Node
from bridge.sources.contract import SourceState

_SECOND = 1e9

BUILD = Metric("falco_bridge_build_info", "gauge", ("version",), "Always 1; the label tells the version.")
START = Metric("falco_bridge_start_time_seconds", "gauge", (), "When the bridge was started, in seconds since 1970.")
ALERTS = Metric(
    "falco_bridge_alerts_total", "counter", ("source", "priority"), "Alerts taken in and committed, each once."
)
REPEATED = Metric(
    "falco_bridge_alerts_repeated_total", "counter", ("road",), "Alerts that had come before, and were left out."
)
REFUSED = Metric("falco_bridge_refused_total", "counter", ("road",), "Messages that were no alert, and kept aside.")
DECISIONS = Metric(
    "falco_bridge_route_decisions_total", "counter", ("route", "action"), "What each route made of its matches."
)
NOTIFICATIONS = Metric(
    "falco_bridge_notifications_total", "counter", ("channel",), "Notifications that were decided for each channel."
)
COMMIT = Metric("falco_bridge_commit_seconds", "histogram", (), "How long it took to match, decide and commit a batch.")
JOURNAL = Metric("falco_bridge_journal_bytes", "gauge", ("file",), "Size of the journal, and of its write-ahead log.")
QUARANTINE = Metric("falco_bridge_quarantine_messages", "gauge", (), "Messages kept aside in the journal now.")
BLOCKED = Metric("falco_bridge_journal_blocked", "gauge", (), "1 while the journal takes no writes.")
SOURCE_UP = Metric("falco_bridge_source_up", "gauge", ("road", "peer"), "1 while the source can be read, or listens.")
SOURCE_LAST = Metric(
    "falco_bridge_source_last_alert_timestamp_seconds", "gauge", ("road", "peer"), "When its latest alert was read."
)
SOURCE_ALERTS = Metric(
    "falco_bridge_source_alerts_total", "counter", ("road", "peer"), "Alerts it brought, repeated ones included."
)
SOURCE_FAILURES = Metric(
    "falco_bridge_source_failures_total", "counter", ("road", "peer"), "Attempts to read it that failed."
)
DELIVERED = Metric(
    "falco_bridge_deliveries_total", "counter", ("channel", "outcome"),
    "Deliveries that ended: delivered (folded into digests: folded, among them), or dead letters.",
)  # fmt: skip
WAITING = Metric(
    "falco_bridge_deliveries_waiting", "gauge", ("channel",), "Deliveries that wait, counted up to 100,000."
)
CIRCUIT = Metric(
    "falco_bridge_channel_circuit", "gauge", ("channel", "circuit"), "1 for the state that the channel's circuit is in."
)
CHANNEL_FAILURES = Metric(
    "falco_bridge_channel_failures", "gauge", ("channel",), "Sends in a row that have failed up to now."
)
CHANNEL_SUCCESS = Metric(
    "falco_bridge_channel_last_success_timestamp_seconds", "gauge", ("channel",), "When a send last succeeded."
)
RESTARTS = Metric("falco_bridge_courier_restarts_total", "counter", (), "How often the courier was started again.")
NODE_LAST = Metric(
    "falco_bridge_node_last_alert_timestamp_seconds", "gauge", ("node",), "When the node was last heard."
)
NODE_DROPS = Metric(
    "falco_bridge_falco_events_dropped_total", "counter", ("node",),
    "System calls that Falco's drop alerts said it did not see.",
)  # fmt: skip
NODE_SNAPSHOT_DROPS = Metric(
    "falco_bridge_falco_snapshot_events_dropped_total", "counter", ("node",),
    "System calls not seen since Falco's start, by its metrics snapshots.",
)  # fmt: skip
NODE_OUTPUT_DROPS = Metric(
    "falco_bridge_falco_outputs_dropped_total", "counter", ("node",),
    "Alerts that Falco threw away itself since its start, its outputs queue being full, by its metrics snapshots.",
)  # fmt: skip

NODES_LEFT_OUT = Metric(
    "falco_bridge_nodes_left_out_total", "counter", (),
    "How often a node without a place was heard, or one lost its place, there being more than 1,000.",
)  # fmt: skip

METRICS = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""Each is told in docs/metrics.md."""


def families(look: Inspector) -> Iterator[Family]:
    """All metrics at this moment."""
    counts = look.counts
    yield _one(BUILD, 1, __version__)
    yield _one(START, look.since_ns / _SECOND)
    alerts = counts.alerts.copy().items()
    yield _family(ALERTS, (((source, priority.word), count) for (source, priority), count in alerts))
    yield _by_name(REPEATED, counts.duplicates)
    yield _by_name(REFUSED, counts.rejected)
    yield _counted(DECISIONS, counts.decisions)
    yield _by_name(NOTIFICATIONS, counts.notifications)
    yield _histogram(COMMIT, counts.commits)
    yield _by_name(JOURNAL, look.journal_bytes())
    yield _one(BLOCKED, bool(look.blocked))
    yield _one(RESTARTS, look.courier_restarts)
    yield from _sources(look.sources())
    yield from _nodes(look.nodes.now())
    yield _one(NODES_LEFT_OUT, look.nodes.untracked)
    yield from _kept(look)


def _sources(states: Iterable[SourceState]) -> Iterator[Family]:
    told = list(states)

    def family(metric: Metric, value: Callable[[SourceState], float | None]) -> Family:
        return _family(metric, (((each.source_name, each.peer), value(each)) for each in told))

    yield family(SOURCE_UP, lambda each: each.connected_since_ns is not None)
    yield family(SOURCE_LAST, lambda each: _seconds(each.last_alert_ns))
    yield family(SOURCE_ALERTS, lambda each: each.alerts)
    yield family(SOURCE_FAILURES, lambda each: each.failures)


def _nodes(nodes: Iterable[tuple[str, Node]]) -> Iterator[Family]:
    told = [(name, node) for name, node in nodes if name]

    def family(metric: Metric, value: Callable[[Node], float | None]) -> Family:
        return _family(metric, (((name,), value(node)) for name, node in told))

    yield family(NODE_LAST, lambda node: _seconds(node.last_alert_ns))
    yield family(NODE_DROPS, lambda node: node.events_dropped)
    yield family(NODE_SNAPSHOT_DROPS, lambda node: node.snapshot_events_dropped)
    yield family(NODE_OUTPUT_DROPS, lambda node: node.outputs_dropped)


def _kept(look: Inspector) -> Iterator[Family]:
    """What the journal tells; nothing of it where the journal cannot be read just now."""
    kept = look.kept()
    if kept is None:
        return
    health = kept.health
    yield _one(QUARANTINE, kept.quarantined)
    yield _by_name(WAITING, kept.waiting)
    yield _family(
        DELIVERED,
        (
            ((channel, outcome), count)
            for channel, each in health.items()
            for outcome, count in (("delivered", each.delivered), ("folded", each.folded), ("dead", each.dead))
        ),
    )
    yield _family(CIRCUIT, (((channel, each.circuit.value), 1) for channel, each in health.items()))
    yield _family(CHANNEL_FAILURES, (((channel,), each.failures) for channel, each in health.items()))
    yield _family(CHANNEL_SUCCESS, (((channel,), _seconds(each.success_ns)) for channel, each in health.items()))


def _seconds(moment_ns: int | None) -> float | None:
    return moment_ns / _SECOND if moment_ns else None


def _family(metric: Metric, points: Iterable[tuple[tuple[str, ...], float | None]]) -> Family:
    """Without those that have no value."""
    return Family(metric, [Point(labels, value) for labels, value in points if value is not None])


def _one(metric: Metric, value: float, *labels: str) -> Family:
    return Family(metric, [Point(labels, value)])


def _by_name(metric: Metric, counts: Mapping[str, int]) -> Family:
    return _family(metric, (((name,), value) for name, value in dict(counts).items()))


def _counted(metric: Metric, counts: Mapping[tuple[str, str], int]) -> Family:
    return _family(metric, dict(counts).items())


def _histogram(metric: Metric, histogram: Histogram) -> Family:
    upto = list(accumulate(histogram.counts))
    bounds = [*(repr(bound) for bound in COMMIT_BUCKETS), "+Inf"]
    points = [Point((bound,), count, "_bucket") for bound, count in zip(bounds, upto, strict=True)]
    return Family(metric, [*points, Point((), histogram.total, "_sum"), Point((), upto[-1], "_count")])
