"""A service that fails runs again, until it is closed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.pipeline.services.background import Background
from bridge.pipeline.services.heartbeat import Heartbeat, HeartbeatSettings
from bridge.pipeline.services.look_back import LookBackService
from bridge.routing.memory.look_back import LookBack
from bridge.routing.state import State
from tests.support.waiting import wait_until


class FailsOnce:
    """Raises at the first call, and counts the calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == 1:
            raise OSError("out of memory")


class Host:
    """Fails at the first look-back."""

    is_busy = False

    def __init__(self, action: FailsOnce) -> None:
        self._action = action

    def begin_look_back(self, _now_ns: int) -> LookBack | None:
        self._action()
        return None

    def step_look_back(self, _found: LookBack, action: Callable[[State], Any], _now_ns: int) -> Any:
        return action(State())


def _heartbeat(action: FailsOnce) -> Heartbeat:
    def problem(_channel: str) -> str:
        action()
        return "the journal cannot be read"

    return Heartbeat(lambda: HeartbeatSettings("watchdog", 1), lambda *_: None, problem)


SERVICES: dict[str, Callable[[FailsOnce], Background]] = {
    "heartbeat": _heartbeat,
    "look back": lambda action: LookBackService(Host(action), Path("j.db")),
}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_failed_runs_again(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that had ended would leave a clause learning for ever, or the journal growing."""
    monkeypatch.setattr(Background, "again_seconds", 0.01)
    action = FailsOnce()
    service = SERVICES[name](action)
    service.start()
    wait_until(lambda: action.calls > 1, "another call")
    service.close()


def test_closing_does_not_wait_until_it_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Background, "again_seconds", 3600.0)
    failed = threading.Event()

    def fail(_channel: str) -> str:
        failed.set()
        raise OSError

    service = Heartbeat(lambda: HeartbeatSettings("watchdog", 1), lambda *_: None, fail)
    service.start()
    assert failed.wait(60)
    service.close()
