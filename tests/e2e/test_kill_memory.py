"""SIGKILL of the router at random times while routes remember: no digest and no count is lost or sent twice."""

from __future__ import annotations

import json
import threading

import pytest

from tests.conftest import FULL
from tests.e2e.harness import Instance
from tests.e2e.test_kill import PATIENCE, jitter
from tests.support.far_side import Answer, FarSide, Request
from tests.support.waiting import wait_until

KILLS = 100 if FULL else 3
ALERTS = 8000 if FULL else 600
ROUTES = """
route "groups"   { when priority >= debug to hook group by hostname wait 1s every 2s }
route "throttle" { when priority >= debug to limited throttle 2 per 5s by hostname }
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


@pytest.mark.timeout(1800)
def test_killing_the_router_loses_and_doubles_no_count(instance: Instance) -> None:
    """Every committed alert is in exactly one digest of its group, and counted once by the throttle."""
    moments = jitter("memory")
    receiver = Receiver()
    with receiver.server.serving() as server:
        url = f"webhook://127.0.0.1:{server.port}/"
        instance.configure(ROUTES, {"hook": url, "limited": url})
        falco = instance.falco("--generate", "--count", str(ALERTS), "--rate", "100", "--exit-when-drained")
        for _ in range(KILLS):
            bridge = instance.bridge()
            _PACE.wait(moments.uniform(1.0, 2.5))
            bridge.kill()
            bridge.wait()
        bridge = instance.bridge()
        falco.wait(PATIENCE)
        instance.await_kept(1)
        matching = sum(any(each.route == "groups" for each in kept.decisions) for kept in instance.kept())
        for route in ("groups", "throttle"):
            wait_until(
                lambda route=route: receiver.counted(route) >= matching, f"the counts of {route}", seconds=PATIENCE
            )
        instance.await_settled(seconds=PATIENCE)
        assert instance.stop(bridge) == 0, instance.log
    assert (receiver.counted("groups"), receiver.counted("throttle")) == (matching, matching)
    named = [alert for each in receiver.by_delivery.values() if each["kind"] == "digest" for alert in each["alerts"]]
    assert len(named) == len(set(named))
