"""The router starts the courier's process, and another one when it ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.channels.native.local.allowed import Allowed
from bridge.pipeline.courier_process import CourierProcess
from tests.support.limits import no_descriptors
from tests.support.waiting import wait_until


@pytest.fixture
def process(tmp_path: Path) -> Iterator[CourierProcess]:
    log = {"level": "error", "format": "json"}
    settings = {"journal": str(tmp_path / "j.db"), "allow": Allowed().as_settings(), "channels": {}, "labels": {}}
    made = CourierProcess({**settings, "log": log})
    yield made
    made.stop(20.0, threading.Event())
    made.finish()


def test_another_one_is_started_once_the_machine_has_room_for_it(process: CourierProcess) -> None:
    """However often that fails before, for example because no descriptor is left."""
    process.start()
    first = process.pid
    assert first is not None
    with capture_logs() as logs, no_descriptors():
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: any(each["event"].startswith("courier not started") for each in logs), "a failed start")
    wait_until(lambda: process.pid not in {None, first}, "another courier")


def test_a_bridge_starts_before_its_courier_can(process: CourierProcess) -> None:
    """Alerts are taken in meanwhile; the journal keeps what is to be delivered."""
    with no_descriptors():
        process.start()
        assert process.pid is None
    wait_until(lambda: process.pid is not None, "the courier")


def test_a_bridge_stops_whose_courier_cannot_start(process: CourierProcess) -> None:
    """Nothing waits for a process that there is not."""
    with no_descriptors():
        process.start()
        assert process.stop(20.0, threading.Event())
