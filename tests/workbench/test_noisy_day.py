"""A day of a noisy cluster in virtual time: what each channel received is a file that a person can read.

``FALCO_BRIDGE_GOLDEN=rewrite`` writes it.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.alert import Alert
from bridge.channels.message.compose import compose
from bridge.delivery import Delivery
from bridge.routing import Notification, NotificationKind, Reason
from bridge.routing.router import Router
from bridge.routing.state import State, Timer
from bridge.workbench.routes import load_routes
from tests.workbench.noisy_day import DAY, MIDNIGHT_NS, NOISE, SECOND, noisy_day

DATA = Path(__file__).parents[1] / "data" / "noisy_day"


class Day:
    """Routes the day's alerts; every timer fires when it is due."""

    def __init__(self) -> None:
        program = load_routes([DATA / "noisy.route"]).checked.program
        assert program is not None
        self.router, self.state = Router(program, {}), State()
        self.alerts: dict[str, Alert] = {}
        self.lines: list[str] = []
        self.reasons: Counter[Reason] = Counter()

    def run(self) -> None:
        self.router.start(self.state, MIDNIGHT_NS)
        for received_ns, alert in noisy_day():
            self._pass_until(received_ns)
            entry = self.router.route(self.state, alert, received_ns)
            self.alerts[alert.id] = entry.alert
            self.reasons.update(each.reason for each in entry.routed.decisions)
            self._send(entry.routed.notifications, received_ns, alert.id)
        self._pass_until(MIDNIGHT_NS + DAY * SECOND)

    def _pass_until(self, until_ns: int) -> None:
        while (due_ns := self.state.next_due()) is not None and due_ns <= until_ns:
            routed = self.router.step(self.state, Timer(self.alerts), due_ns)
            self._send(routed.notifications, due_ns, None)

    def _send(self, notifications: tuple[Notification, ...], now_ns: int, cause: str | None) -> None:
        at = datetime.fromtimestamp(now_ns // SECOND, UTC)
        for each in notifications:
            about = each.about or cause
            assert about is not None
            others = tuple(self.alerts[named] for named in named_alerts(each))
            message = compose(Delivery(0, self.alerts[about], each, 0, now_ns, others), {})
            self.lines += [f"{at:%H:%M:%S}  {each.channel:<7}  {message.subject}", f"{'':19}{message.summary}"]


def named_alerts(notification: Notification) -> tuple[str, ...]:
    """The ids of the alerts that a digest names."""
    context = notification.context
    return context.alerts if context is not None and context.kind is NotificationKind.DIGEST else ()


@pytest.fixture(scope="module")
def day() -> Day:
    day = Day()
    day.run()
    return day


def test_what_each_channel_received(day: Day) -> None:
    """33,000 alerts became a few dozen messages; of each, the two lines that a phone shows."""
    path = DATA / "expected.txt"
    text = "\n".join(day.lines) + "\n"
    if os.environ.get("FALCO_BRIDGE_GOLDEN") == "rewrite":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_every_alert_of_the_noise_is_accounted_for(day: Day) -> None:
    """What the throttle held back and what it sent are all alerts of that rule."""
    assert len(day.alerts) > 33_000
    assert day.reasons[Reason.THROTTLED] > NOISE - 50
