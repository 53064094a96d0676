"""Three owners that are killed at random decide and send what one bridge does, for every clause with memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from random import Random

import pytest

from bridge.alert import Alert
from bridge.journal.location import DatabaseLocation
from bridge.routing import Notification, NotificationKind
from bridge.routing.incident_channels import IncidentChannels
from bridge.routing.router import Router
from bridge.routing.state import State, Timer
from tests.conftest import FULL
from tests.pipeline.owner.fleet import Courier, migrated
from tests.pipeline.owner.killed import KilledFleet
from tests.pipeline.owner.test_owner import decided, line, sent
from tests.routing.memory.harness import SECOND, SECRET, START
from tests.routing.partitions.test_split import received
from tests.support.builders import program_of

PROGRAM = program_of("""
route "plain"    { when rule in (a, b, c, d) to chat }
route "seen"     { when rule = b new user.name in 30s to mail, chat }
route "often"    { when rule in (a, b) after 3 in 20s by k8s.pod.name to chat }
route "several"  { when rule exists after 3 distinct user.name in 60s by k8s.pod.name to chat }
route "chain"    { when rule = a then rule = b within 8s by k8s.pod.name to chat message "%2.user.name" }
route "lonely"   { when rule = a then not rule = b within 8s by k8s.pod.name to chat }
route "silent"   { when rule = c absent 25s by k8s.pod.name to mail }
route "unless"   { when rule = c unless rule = d within 9s by k8s.pod.name to chat }
route "patient"  { when rule = d unless rule = a within 9s by k8s.pod.name wait 4s to chat }
route "joined"   { when rule = b with who = rule = c within 5s by user.name wait 3s to mail title "%who.k8s.pod.name" }
route "gathered" { when rule exists group by k8s.pod.name wait 3s every 10s to mail resolve after 40s }
route "limited"  { when rule = a throttle 2 per 10s by k8s.pod.name to chat, pages to boss after 20s resolve after 30s }
route "mixed"    { when rule = d after 2 in 10s by user.name throttle 1 per 9s by k8s.pod.name to chat }
""")
ROUTES = {route.name for route in PROGRAM.routes}
CHANNELS = IncidentChannels(known=frozenset({"pages"}), resolved=frozenset({"mail"}))
LATE = 8 * SECOND // 10
"""Longer than a delivery waits for its other routes, and shorter than any timer is apart from an alert."""
END = START + 2000 * SECOND


@pytest.fixture(scope="module")
def location(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseLocation]:
    with migrated(postgres, tmp_path_factory.getbasetemp()) as found:
        yield found


def history_of(chance: Random, gap: int) -> list[tuple[int, Alert]]:
    return received([
        (chance.randrange(gap, 8), chance.randrange(6), chance.choice("abcdz"), chance.choice("pq"), chance.choice("pqr"))
        for _ in range(40)
    ])  # fmt: skip


Sent = list[tuple[int, Notification, str]]


def one_bridge(history: list[tuple[int, Alert]]) -> tuple[Sent, dict[str, list[str]]]:
    """When it sends what, about which alert; and what it decides."""
    router, state = Router(PROGRAM, {}, secret=SECRET, incident_channels=CHANNELS), State()
    found: Sent = []
    decisions = {}
    router.start(state, START)
    for now, alert in [*history, (END, None)]:
        while (due := state.next_due()) is not None and due <= now:
            found += [(due, each, each.about or "") for each in router.step(state, Timer(), due).notifications]
        if alert is not None:
            routed = router.step(state, alert, now)
            found += [(now, each, each.about or alert.id) for each in routed.notifications]
            decisions[alert.id] = [f"{each.route} {each.reason} {each.detail}" for each in routed.decisions]
    return found, decisions


@pytest.mark.parametrize("seed", range(100 if FULL else 1))
def test_killed_owners_decide_and_send_what_one_bridge_does(location: DatabaseLocation, seed: int) -> None:
    """Each notification once, at its time, merged in the same way; also where an owner dies between COMMIT and answer."""
    chance = Random(seed)
    history = history_of(chance, 0)
    with closing(KilledFleet(location, PROGRAM, chance, CHANNELS)) as fleet:
        for now, alert in history:
            fleet.pass_until(now)
            fleet.receive(alert, now)
            fleet.turn()
        fleet.pass_until(END)
        expected, decisions = one_bridge(history)
        assert seed or {route for _, each, _ in expected for route in each.routes} == ROUTES
        assert decided(fleet) == decisions
        assert sent(fleet) == Counter(line(*each) for each in expected)
        assert not fleet.faults
        assert fleet.kills > 10
        assert fleet.connection.execute("SELECT count(*) FROM matches").fetchone() == (0,)


@pytest.mark.parametrize("seed", range(100 if FULL else 1))
def test_what_cannot_be_merged_is_sent_beside_it_and_counted(location: DatabaseLocation, seed: int) -> None:
    """Couriers claim before late owners decide. Every route of every alert is notified once, in one message or two."""
    chance = Random(seed)
    history = history_of(chance, 1)
    with closing(KilledFleet(location, PROGRAM, chance, CHANNELS, dies_after_commits=False)) as fleet:
        courier = Courier(fleet, ["chat", "mail", "pages", "boss"])
        for now, alert in history:
            fleet.pass_until(now)
            fleet.receive(alert, now)
            if chance.random() < 0.5:
                fleet.clock.now += LATE
                for each in courier.claim():
                    courier.settle(each)
            fleet.turn()
        fleet.pass_until(END)
        courier.close()
        expected, decisions = one_bridge(history)
        assert seed or {route for _, each, _ in expected for route in each.routes} == ROUTES
        assert decided(fleet) == decisions
        messages = [
            (each.delivery.alert_id, each.notification)
            for each in fleet.journal.history.deliveries_naming({""}, 0, 10_000)
            if each.notification is not None
        ]
        assert notified(messages) == notified([(about, each) for _, each, about in expected])
        counted = sum(each.not_merged for each in fleet.counts)
        assert counted == len(messages) - len(expected)
        assert counted > 0
        assert sum(each.merged for each in fleet.counts) > 0


def notified(messages: list[tuple[str, Notification]]) -> Counter[str]:
    """Each route of each message about one alert; of all other messages, what they say."""
    found: Counter[str] = Counter()
    for about, each in messages:
        if each.context is None or each.context.kind is NotificationKind.SINGLE:
            found.update(f"{about} {each.channel} {route}" for route in each.routes)
        else:
            found[f"{about} {each.channel} {each.routes} {each.context}"] += 1
    return found
