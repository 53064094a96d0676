"""A full disk: the bridge waits, says so, and continues once there is space."""

from __future__ import annotations

from tests.e2e.harness import Instance, log_lines
from tests.support.limits import give_room, largest_file

ROUTES = 'route "all" { to archive }\n'
CHANNELS = {"archive": "file://archive.jsonl"}
ROOM = 400 << 10
"""Enough to create a journal, not for all alerts."""
ALERTS = 2000


def test_it_waits_for_space_and_loses_nothing(instance: Instance) -> None:
    """One log line says that the journal is blocked, one that it no longer is; both processes keep running."""
    instance.configure(ROUTES, CHANNELS)
    instance.falco("--generate", "--count", str(ALERTS))
    with largest_file(ROOM):
        bridge = instance.bridge()
    instance.await_logged('"journal blocked"')
    courier = instance.await_courier()
    give_room(bridge.pid, courier)
    instance.await_kept(ALERTS)
    instance.await_settled()
    assert instance.courier_pid() == courier
    assert instance.stop(bridge) == 0, instance.log
    assert instance.log.count('"journal unblocked"') == 1
    assert "Traceback" not in instance.log
    assert log_lines(instance.log)[-1]["undelivered"] == 0


def test_stopped_meanwhile_it_names_the_disk(instance: Instance) -> None:
    """Not the deadline: more time would not have helped."""
    instance.configure(ROUTES, CHANNELS, shutdown={"drain": "500ms"})
    instance.falco("--generate", "--count", str(ALERTS))
    with largest_file(ROOM):
        bridge = instance.bridge()
    instance.await_logged('"journal blocked"')
    assert instance.stop(bridge) == 1, instance.log
    (lost,) = [line for line in log_lines(instance.log) if "alerts may be lost" in str(line["event"])]
    assert "the disk that holds the journal" in str(lost["remedy"])


def test_a_full_disk_at_the_start_is_reported(instance: Instance) -> None:
    """The bridge exits, because it has accepted nothing yet."""
    instance.configure(ROUTES, CHANNELS)
    with largest_file(4 << 10):
        bridge = instance.bridge()
    assert bridge.wait(60) == 3, instance.log
    assert "the disk that holds the journal" in instance.log
    assert "and start again" in instance.log
