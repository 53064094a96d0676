"""Counters: what is counted, and that the values of alerts cannot make them grow without bound."""

from __future__ import annotations

from structlog.testing import capture_logs

from bridge.alert import Alert, Priority
from bridge.alert.forms.json_form import decode_json
from bridge.pipeline.counts import (
    COMMIT_BUCKETS,
    LONGEST_LABEL,
    MOST_ALERT_SOURCES,
    MOST_RULES,
    OTHER,
    Counts,
    Histogram,
)
from bridge.routing import Decision, Entry, Reason, Routed
from tests.support.builders import alert, entry, notification


def test_alert_sources_are_bounded() -> None:
    """Anyone who can send alerts can invent alert sources."""
    counts = Counts()
    entries = [entry(alert(source=f"s{number}", priority=Priority.WARNING)) for number in range(500)]
    counts.add("http", 1, entries, 0, 0.001)
    assert len(counts.alerts) == MOST_ALERT_SOURCES + 1
    assert counts.alerts[OTHER, Priority.WARNING] == 500 - MOST_ALERT_SOURCES


def test_rules_are_bounded() -> None:
    """A known rule is still counted by its name once the bound is reached."""
    counts = Counts()
    names = ["Terminal shell", *(f"r{number}" for number in range(MOST_RULES + 50)), "Terminal shell"]
    counts.add("http", 1, [entry(alert(rule=name)) for name in names], 0, 0.001)
    assert len(counts.rules) == MOST_RULES + 1
    assert counts.rules["Terminal shell"] == 2
    assert counts.rules[OTHER] == 51


def test_label_values_are_cut() -> None:
    """Alert sources of a megabyte each would fill the memory."""
    counts = Counts()
    counts.add("http", 1, [entry(alert(source="s" * 1_000_000))], 0, 0.0)
    assert [len(source) for source, _ in counts.alerts] == [LONGEST_LABEL]


def test_a_commit_is_counted_by_route_and_reason_channel_and_source_name() -> None:
    """What was rejected counts once, also where nothing else was committed."""
    counts = Counts()
    routed = Routed((Decision("r", Reason.SENT, ("c",)), Decision("q", Reason.DROPPED)), (notification("c"),))
    counts.add("http", 7, [Entry(alert(1), routed), Entry(alert(2), routed)], 1, 0.003)
    counts.add("file", 9, [], 2, 0.003)
    assert counts.decisions == {("r", "sent"): 2, ("q", "dropped"): 2}
    assert counts.notifications == {"c": 2}
    assert counts.rejected == {"http": 1, "file": 2}
    assert counts.last_alert_ns == 7
    assert counts.totals() == {"alerts": 2, "duplicates": 0, "rejected": 3, "notifications": 2}


def test_duplicates_are_counted_by_source_name() -> None:
    """They are alerts that were received, though not stored again."""
    counts = Counts()
    counts.add_duplicates("http", 5, 3)
    assert (dict(counts.duplicates), counts.last_alert_ns, sum(counts.alerts.values())) == ({"http": 3}, 5, 0)


def test_a_histogram_counts_up_to_each_bound() -> None:
    """A value equal to a bound lies within it; the last bucket has no bound."""
    histogram = Histogram()
    for value in (0.0, COMMIT_BUCKETS[0], COMMIT_BUCKETS[0] * 1.5, 1e9):
        histogram.add(value)
    assert (histogram.counts[:2], histogram.counts[-1], sum(histogram.counts)) == ([2, 1], 1, 4)


def test_an_alert_without_a_priority_or_time_is_counted_and_logged_once_a_source() -> None:
    """It is taken as Warning, received now; the counter is the only sign of it."""
    counts = Counts()
    bodies = [
        b'{"rule": "r", "output_fields": {"n": "%d"}}',
        b'{"rule": "r", "priority": "grave", "time": "2026-01-01T00:00:00Z", "output_fields": {"n": "%d"}}',
        b'{"rule": "r", "priority": "ERR", "time": "2026-01-01T00:00:00Z", "output_fields": {"n": "%d"}}',
    ]
    with capture_logs() as logs:
        for number in range(3):
            decoded = [decode_json(body % number, 1) for body in bodies]
            entries = [entry(each) for each in decoded if isinstance(each, Alert)]
            assert [each.alert.priority for each in entries] == [Priority.WARNING, Priority.WARNING, Priority.ERROR]
            for name in ("a", "b"):
                counts.add(name, 1, entries, 0, 0.001)
    assert counts.assumed == {
        (name, member): count for name in "ab" for member, count in (("priority", 6), ("time", 3))
    }
    assert sorted((each["event"], each["source"]) for each in logs) == [
        (f"alert without a readable {member}", name) for member in ("priority", "time") for name in "ab"
    ]
