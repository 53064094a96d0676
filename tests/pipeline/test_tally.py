"""Commits that are counted later are in every figure that is read."""

from __future__ import annotations

import threading

from msgspec.structs import replace
from structlog.testing import capture_logs

from bridge.alert import INTERNAL_SOURCE
from bridge.alert.internal import DROP_RULE
from bridge.pipeline.tally import Tally
from bridge.pipeline.writes import Write
from bridge.routing import Entry
from tests.support.builders import alert, entry

_NOW_NS = 10**18


def _write(*entries: Entry) -> Write:
    return Write("http", _NOW_NS, entries)


def test_a_read_includes_everything_that_was_committed() -> None:
    """After each commit of one alert, and after one of many."""
    tally = Tally()
    for number in range(1, 40):
        tally.add(_write(entry(alert(number))), 0.001)
        assert sum(tally.counts.alerts.values()) == number
    for number in range(40, 140):
        tally.add(_write(entry(alert(number))), 0.001)
    tally.add(_write(entry(alert(140)), entry(alert(141))), 0.001)
    assert [node.last_alert_ns for _, node in tally.nodes.now()] == [_NOW_NS]
    assert tally.counts.totals()["alerts"] == 141
    assert sum(tally.counts.commits.counts) == 140


def test_few_commits_wait_to_be_counted() -> None:
    """Each holds its alert."""
    tally = Tally()
    for number in range(100):
        tally.add(_write(entry(alert(number))), 0.001)
        assert len(tally._waiting) < 16


def test_what_is_logged_about_an_alert_is_logged_at_once() -> None:
    """Drops of a node, and an alert without a priority."""
    tally = Tally()
    with capture_logs() as logs:
        tally.add(_write(entry(alert(1))), 0.001)
        tally.add(_write(entry(alert(2, rule=DROP_RULE, source=INTERNAL_SOURCE, fields={"n_drops": "7"}))), 0.001)
        tally.add(_write(entry(replace(alert(3), assumed=("priority",)))), 0.001)
    assert [each["event"] for each in logs] == [
        "falco drops events; alerts may be missing",
        "alert without a readable priority",
    ]


def test_a_commit_is_counted_once_while_others_read() -> None:
    """Readers count what waits, beside the thread that commits."""
    tally, done = Tally(), threading.Event()

    def read() -> None:
        while not done.is_set():
            tally.counts.totals()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for each in readers:
        each.start()
    for number in range(2000):
        tally.add(_write(entry(alert(number))), 0.001)
        if number % 7 == 0:
            tally.counts.material["http"] += 1
    done.set()
    for each in readers:
        each.join()
    assert tally.counts.totals()["alerts"] == 2000
    assert tally.counts.material["http"] == 286
