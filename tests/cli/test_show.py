"""``falco-bridge show`` answers why an alert reached a channel, or did not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bridge.alert import Alert
from bridge.cli.main import main
from bridge.delivery import DeliveryState
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from bridge.journal.records import MemoryWrite
from bridge.routing.router import Router
from bridge.routing.state import State, Timer
from tests.support.builders import alert, program_of, settlement

SECOND_NS = 1_000_000_000
START_NS = 1_764_194_400 * SECOND_NS
ROUTES = """
route "throttled" {
  when rule = "Noisy"
  throttle 2 per 1h by hostname
  to pager
}
route "grouped" {
  when rule = "Grouped"
  group by hostname wait 30s
  to chat
}
route "plain" {
  when rule = "Plain"
  to pager, chat
}
"""


class World:
    """A router and a journal, fed alert by alert."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.router = Router(program_of(ROUTES), {})
        self.state = State()
        self.router.start(self.state, START_NS)
        self.now_ns = START_NS
        self.journal: Journal = open_for_router(path)

    def take(self, rule: str, **changes: object) -> Alert:
        self.now_ns += SECOND_NS
        received = alert(self.now_ns, rule=rule, **changes)  # type: ignore[arg-type]
        entry = self.router.route(self.state, received, self.now_ns)
        self.journal.alerts.append("falco", self.now_ns, [entry], memory=MemoryWrite(self.state.changes()))
        return received

    def wait(self, seconds: int) -> None:
        self.now_ns += seconds * SECOND_NS
        routed = self.router.step(self.state, Timer(), self.now_ns)
        memory = MemoryWrite(self.state.changes(), routed.notifications)
        self.journal.alerts.append("timers", self.now_ns, [], memory=memory)

    def show(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> Sequence[str]:
        assert main(["show", *arguments, "--journal", str(self.path)]) == 0
        return capsys.readouterr().out.splitlines()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "journal.db")
    yield made
    made.journal.close()


def test_a_delivery_is_shown_with_every_attempt(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Failures with status and reason, and the attempt that was accepted."""
    received = world.take("Plain", output="\x1b]0;x\x07 hello")
    at_ns = world.now_ns
    world.journal.deliveries.settle([settlement(1, DeliveryState.PENDING, at_ns, status=503, reason="HTTP 503: busy")])
    world.journal.deliveries.settle([settlement(1, at_ns=at_ns, status=200)])
    lines = world.show(capsys, received.id[:20])
    page = "\n".join(lines)
    assert 'route "plain": sent' in page
    assert "the route sent the alert to its channels; channels: pager, chat" in page
    first = next(index for index, line in enumerate(lines) if "delivery 1 to pager" in line)
    assert "attempt 1" in lines[first + 1]
    assert "503  HTTP 503: busy" in lines[first + 1]
    assert "attempt 2" in lines[first + 2]
    assert lines[first + 2].endswith("200  delivered")
    assert "delivery 2 to chat: pending" in page
    assert "\x1b" not in page


def test_a_throttled_alert_names_the_numbers_and_its_incident(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """As decided then, with what the incident sent later. `--channel` answers first."""
    world.take("Noisy")
    world.take("Noisy")
    throttled = world.take("Noisy")
    lines = world.show(capsys, throttled.id, "--channel", "pager")
    assert lines[0] == "pager: nothing about this alert was sent to it, or it is not stored any more"
    assert "the route had sent as many notifications as its `throttle` allows (" in lines[1]
    decided = lines.index("decisions")
    assert lines[decided + 1].startswith('  route "throttled": throttled (')
    assert lines[decided + 3].startswith("    incident ")
    world.wait(3600)
    story = json.loads("\n".join(world.show(capsys, throttled.id, "--json")))
    (summary,) = [each for each in story["deliveries"] if each["context"]["kind"] == "summary"]
    assert summary["relation"] in {"incident", "named", "about"}
    assert summary["context"]["incident"] == story["decisions"][0]["incident"]


def test_an_alert_of_a_group_names_the_digest_that_it_went_in(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """For each of its alerts, not only for the one that the digest is about."""
    grouped = [world.take("Grouped") for _ in range(3)]
    world.take("Grouped", hostname="another")
    assert "none is stored" in "\n".join(world.show(capsys, grouped[1].id))
    world.wait(60)
    for each in grouped:
        page = "\n".join(world.show(capsys, each.id, "--channel", "chat"))
        assert page.startswith("chat: pending")
        assert "digest of 3 alerts" in page
        assert 'route "grouped": grouped' in page


def test_an_id_must_name_one_alert(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Several are listed; none is exit code 1."""
    ids = [world.take("Plain").id for _ in range(2)]
    assert main(["show", ids[0][:4], "--journal", str(world.path)]) == 2
    listed = capsys.readouterr().err
    assert all(each in listed for each in ids)
    assert main(["show", "ffff", "--journal", str(world.path)]) == 1
    assert main(["show", "not hex", "--journal", str(world.path)]) == 1
