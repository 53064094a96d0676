"""Every metric that the bridge exports: name, type, labels and help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as docs/metrics.md lists it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


_SOURCE = ("source_name", "peer")

BUILD_INFO = Metric("falco_bridge_build_info", "gauge", ("version",), "Always 1. The label holds the version.")
START_TIME = Metric("falco_bridge_start_time_seconds", "gauge", (), "Start of the bridge, in seconds since 1970.")
CONFIG_CURRENT = Metric(
    "falco_bridge_config_current", "gauge", (), "1 while the files on disk are in use; 0 after a rejected reload."
)
CONFIG_LOADED = Metric(
    "falco_bridge_config_last_load_timestamp_seconds", "gauge", (), "When the config in use was read."
)
ALERTS = Metric(
    "falco_bridge_alerts_total",
    "counter",
    ("source", "priority"),
    "Alerts committed to the journal, without duplicates.",
)
RULE_ALERTS = Metric(
    "falco_bridge_rule_alerts_total", "counter", ("rule",), "Alerts of each rule committed to the journal."
)
DUPLICATES = Metric(
    "falco_bridge_alerts_duplicate_total", "counter", ("source_name",), "Alerts that were already in the journal."
)
REJECTED = Metric(
    "falco_bridge_messages_rejected_total", "counter", ("source_name",),
    "Messages that could not be parsed as alerts. They are in the quarantine.",
)  # fmt: skip
TERMINAL_MATERIAL = Metric(
    "falco_bridge_terminal_material_total", "counter", ("source_name",),
    "Alerts of the terminal rules. Commands are made from them. They are not in the journal.",
)  # fmt: skip
ASSUMED = Metric(
    "falco_bridge_alerts_assumed_total", "counter", ("source_name", "member"),
    "Alerts without a readable priority (taken as Warning) or time (taken as the time of receipt).",
)  # fmt: skip
DECISIONS = Metric(
    "falco_bridge_route_decisions_total", "counter", ("route", "reason"), "Decisions of each route, by reason."
)
STATE_KEYS = Metric(
    "falco_bridge_state_keys", "gauge", ("route",), "Keys that the clauses with memory of each route remember."
)
STATE_BYTES = Metric(
    "falco_bridge_state_bytes", "gauge", (), "Approximate memory of the state of all clauses with memory."
)
STATE_TIMERS = Metric("falco_bridge_state_timers", "gauge", (), "Pending timers of clauses with memory.")
STATE_EVICTIONS = Metric(
    "falco_bridge_state_evictions_total", "counter", ("route",),
    "Keys that were evicted from the state of a route, because there were too many.",
)  # fmt: skip
PARTITIONS = Metric(
    "falco_bridge_partitions", "gauge", (), "Partitions of the memory of a fleet that this bridge owns."
)
PARTITIONS_LOADED = Metric(
    "falco_bridge_partitions_loaded_total", "counter", (), "How often this bridge became the owner of a partition."
)
MATCHES = Metric(
    "falco_bridge_matches_total", "counter", (), "Matches of partitions that this bridge decided about as their owner."
)
MERGED = Metric(
    "falco_bridge_notifications_merged_total", "counter", (),
    "Notifications of owners that were merged into the message of another route about the same alert.",
)  # fmt: skip
NOT_MERGED = Metric(
    "falco_bridge_notifications_not_merged_total", "counter", (),
    "Notifications of owners that were too late to be merged, and were sent as a second message about their alert.",
)  # fmt: skip
NOTIFICATIONS = Metric(
    "falco_bridge_notifications_total", "counter", ("channel",), "Notifications that routes sent to each channel."
)
COMMIT = Metric(
    "falco_bridge_commit_duration_seconds", "histogram", (), "Time to match, decide and commit one batch of alerts."
)
JOURNAL_SIZE = Metric(
    "falco_bridge_journal_size_bytes", "gauge", ("file",), "Size of the journal and of its write-ahead log."
)
JOURNAL_BLOCKED = Metric(
    "falco_bridge_journal_blocked", "gauge", (), "1 while the journal cannot be written, for example on a full disk."
)
QUARANTINED = Metric("falco_bridge_quarantined_messages", "gauge", (), "Messages in the quarantine.")
SOURCE_UP = Metric("falco_bridge_source_up", "gauge", _SOURCE, "1 while the source is connected or listening.")
SOURCE_LAST_ALERT = Metric(
    "falco_bridge_source_last_alert_timestamp_seconds", "gauge", _SOURCE, "Time of the source's latest alert."
)
SOURCE_ALERTS = Metric(
    "falco_bridge_source_alerts_total", "counter", _SOURCE, "Alerts that the source read, duplicates included."
)
SOURCE_FAILURES = Metric(
    "falco_bridge_source_failures_total", "counter", _SOURCE, "Failed attempts to connect to or read the source."
)
DELIVERIES = Metric(
    "falco_bridge_deliveries_total", "counter", ("channel", "outcome"),
    "Finished deliveries: delivered, or dead (became dead letters). Survives restarts.",
)  # fmt: skip
DIGESTED = Metric(
    "falco_bridge_deliveries_digested_total", "counter", ("channel",), "Deliveries that were sent as part of a digest."
)
WAITING = Metric(
    "falco_bridge_deliveries_waiting", "gauge", ("channel",), "Deliveries not sent yet, counted up to 100,000."
)
CIRCUIT = Metric(
    "falco_bridge_channel_circuit_state", "gauge", ("channel", "state"),
    "1 for the current state of the channel's circuit, 0 for the others.",
)  # fmt: skip
CHANNEL_FAILURES = Metric(
    "falco_bridge_channel_consecutive_failures", "gauge", ("channel",), "Sends that failed since the last success."
)
CHANNEL_SUCCESS = Metric(
    "falco_bridge_channel_last_success_timestamp_seconds", "gauge", ("channel",), "Time of the last successful send."
)
COURIER_RESTARTS = Metric(
    "falco_bridge_courier_restarts_total", "counter", (), "Restarts of the courier process after it died."
)
NODE_LAST_ALERT = Metric(
    "falco_bridge_node_last_alert_timestamp_seconds", "gauge", ("node",), "Time of the node's latest alert."
)
NODE_EVENTS_DROPPED = Metric(
    "falco_bridge_falco_events_dropped_total", "counter", ("node",),
    "Events that Falco dropped, according to its drop alerts.",
)  # fmt: skip
NODE_SNAPSHOT_DROPPED = Metric(
    "falco_bridge_falco_snapshot_events_dropped_total", "counter", ("node",),
    "Events that Falco dropped since its start, according to its metrics snapshots.",
)  # fmt: skip
NODE_OUTPUTS_DROPPED = Metric(
    "falco_bridge_falco_outputs_dropped_total", "counter", ("node",),
    "Alerts that Falco dropped since its start because its outputs queue was full, according to its metrics snapshots.",
)  # fmt: skip
NODES_UNTRACKED = Metric(
    "falco_bridge_nodes_untracked_total", "counter", (),
    "Alerts from nodes that are not tracked because 1,000 others are, and nodes that lost their place.",
)  # fmt: skip

INDEX_LAG = Metric(
    "falco_bridge_history_index_lag_alerts", "gauge", (), "Alerts that are not in the index of the history yet."
)
SHADOW_ALERTS = Metric(
    "falco_bridge_shadow_alerts_total", "counter", ("result",),
    "Alerts that passed the routes of `shadow`: tried, or skipped because the bridge was busy.",
)  # fmt: skip
SHADOW_FAULTS = Metric(
    "falco_bridge_shadow_faults_total", "counter", (), "Alerts and timers at which the routes of `shadow` failed."
)
SHADOW_DECISIONS = Metric(
    "falco_bridge_shadow_route_decisions_total", "counter", ("route", "reason"),
    "Decisions of each route of `shadow`, by reason. They start again when the shadow or the routes change.",
)  # fmt: skip
SHADOW_DIFFERENCES = Metric(
    "falco_bridge_shadow_differences_total", "counter", ("channel", "change"),
    "Notifications that the routes of `shadow` would send otherwise: gained, lost or changed.",
)  # fmt: skip
TRACE_SPANS = Metric(
    "falco_bridge_trace_spans_total", "counter", ("process", "outcome"),
    "Spans of traces: exported, dropped (the queue was full), or failed (the collector did not accept them).",
)  # fmt: skip

FLEET_BRIDGES = Metric(
    "falco_bridge_fleet_bridges", "gauge", ("state",), "Bridges of the fleet: alive, stopped or gone within an hour."
)
FLEET_MATCHES = Metric(
    "falco_bridge_fleet_matches_waiting", "gauge", (), "Matches that wait for a bridge with the role `memory`."
)
FLEET_OLDEST_MATCH = Metric(
    "falco_bridge_fleet_oldest_match_timestamp_seconds", "gauge", (), "When the oldest of them was received."
)
FLEET_PARTITIONS = Metric(
    "falco_bridge_fleet_partitions", "gauge", (), "Partitions of the memory that are leased to this bridge."
)

METRICS = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""All of them. docs/metrics.md lists each."""
