"""A full disk: the bridge waits, says so, and continues once there is space."""

from __future__ import annotations

from tests.e2e.harness import Road, log_lines
from tests.support.limits import give_room, largest_file

ROUTES = 'route "all" { to archive }\n'
CHANNELS = {"archive": "file://archive.jsonl"}
ROOM = 400 << 10
"""Enough to create a journal, not for all alerts."""
ALERTS = 2000


def test_it_waits_for_space_and_loses_nothing(road: Road) -> None:
    """One log line says that the journal is blocked, one that it no longer is; both processes keep running."""
    road.configure(ROUTES, CHANNELS)
    road.falco("--generate", "--count", str(ALERTS))
    with largest_file(ROOM):
        bridge = road.bridge()
    road.await_logged('"journal blocked"')
    courier = road.await_courier()
    give_room(bridge.pid, courier)
    road.await_kept(ALERTS)
    road.await_settled()
    assert road.courier_pid() == courier
    assert road.stop(bridge) == 0, road.log
    assert road.log.count('"journal unblocked"') == 1
    assert "Traceback" not in road.log
    assert log_lines(road.log)[-1]["undelivered"] == 0


def test_stopped_meanwhile_it_names_the_disk(road: Road) -> None:
    """Not the deadline: more time would not have helped."""
    road.configure(ROUTES, CHANNELS, shutdown={"drain": "500ms"})
    road.falco("--generate", "--count", str(ALERTS))
    with largest_file(ROOM):
        bridge = road.bridge()
    road.await_logged('"journal blocked"')
    assert road.stop(bridge) == 1, road.log
    (lost,) = [line for line in log_lines(road.log) if "alerts may be lost" in str(line["event"])]
    assert "the disk that holds the journal" in str(lost["remedy"])


def test_a_full_disk_at_the_start_is_reported(road: Road) -> None:
    """The bridge exits, because it has accepted nothing yet."""
    road.configure(ROUTES, CHANNELS)
    with largest_file(4 << 10):
        bridge = road.bridge()
    assert bridge.wait(60) == 3, road.log
    assert "the disk that holds the journal" in road.log
    assert "and start again" in road.log
