"""SIGKILL of the router at random times while routes remember: no digest and no count is lost or sent twice."""

from __future__ import annotations

import json
import threading
from collections import Counter

import pytest

from tests.conftest import FULL
from tests.e2e.harness import Instance
from tests.e2e.test_kill import PATIENCE, jitter
from tests.support.far_side import Answer, FarSide, Request
from tests.support.waiting import wait_until

KILLS = 300 if FULL else 3
RATE = 25 if FULL else 100
ROUTES = """
route "groups"   { when priority >= debug to hook group by hostname wait 1s every 2s }
route "throttle" { when priority >= debug to limited throttle 2 per 5s by hostname }
route "third"    { when priority >= debug to counted after 3 in 365d by hostname }
"""
_PACE = threading.Event()


class Receiver:
    """What the channels received, by delivery: a repeat of a delivery counts once."""

    def __init__(self) -> None:
        self.by_delivery: dict[int, dict[str, object]] = {}
        self.repeats = 0
        self.server = FarSide(self._take)

    def _take(self, request: Request) -> Answer:
        member = json.loads(request.body)["falco_bridge"]
        self.repeats += member["delivery"] in self.by_delivery
        self.by_delivery[member["delivery"]] = member
        return Answer()

    def counted(self, route: str) -> int:
        """How many alerts the notifications of a route stand for, those that it held back included."""
        found = [each for each in list(self.by_delivery.values()) if each["routes"] == [route]]
        return sum(
            int(str(each["count"])) + (int(str(each["suppressed"])) if each["kind"] == "single" else 0)
            for each in found
        )


def matching(instance: Instance) -> list[str]:
    """The host of each committed alert that the routes match."""
    return [each.alert.hostname for each in instance.kept() if any(found.route == "groups" for found in each.decisions)]


@pytest.mark.timeout(7200)
def test_killing_the_router_loses_and_doubles_no_count(instance: Instance) -> None:
    """Every committed alert is in exactly one digest of its group, counted once by the throttle and once by `after`."""
    moments = jitter("memory")
    receiver = Receiver()
    with receiver.server.serving() as server:
        url = f"webhook://127.0.0.1:{server.port}/"
        instance.configure(ROUTES, {"hook": url, "limited": url, "counted": url})
        falco = instance.falco("--generate", "--count", "1000000", "--rate", str(RATE))
        stored = 0
        for _ in range(KILLS):
            bridge = instance.bridge()
            instance.await_kept(stored + 1, seconds=PATIENCE)  # it takes in alerts again
            _PACE.wait(moments.uniform(0.0, 1.5))
            bridge.kill()
            bridge.wait()
            with instance.journal() as journal:
                stored = journal.history.alert_count()
        bridge = instance.bridge()
        instance.await_kept(stored + 1, seconds=PATIENCE)
        falco.terminate()
        falco.wait(PATIENCE)
        for route in ("groups", "throttle"):
            wait_until(
                lambda route=route: receiver.counted(route) == len(matching(instance)),
                f"the counts of {route}", seconds=PATIENCE,
            )  # fmt: skip
        instance.await_settled(seconds=PATIENCE)
        assert instance.stop(bridge) == 0, instance.log
    hosts = matching(instance)
    assert (receiver.counted("groups"), receiver.counted("throttle")) == (len(hosts), len(hosts))
    assert receiver.counted("third") == sum(count // 3 * 3 for count in Counter(hosts).values())
    named = [alert for each in receiver.by_delivery.values() if each["kind"] == "digest" for alert in each["alerts"]]
    assert len(named) == len(set(named))
