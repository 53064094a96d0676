"""Hostile text reaches every known service without active markup or mentions, readable and bounded."""

from __future__ import annotations

import json
import time

import pytest

from bridge.alert import Alert, Priority
from bridge.channels.contract import Verdict
from bridge.channels.registry import open_channel
from bridge.delivery import Delivery
from bridge.routing import Notification
from tests.channels.hostile import CHECKERS, CORPUS, WORD, invisible_characters, readable, strings
from tests.support.far_side import FarSide
from tests.support.services import SERVICES, FakeService

MAX_BYTES = 128 * 1024
TEAMS_BYTES = 28 * 1024
MAX_CPU_SECONDS = 5.0
"""CPU time of the sending thread, which does not include waiting for a busy machine."""


def delivery_with(value: str) -> Delivery:
    """A delivery with the value wherever an attacker can put it, and in the route's templates."""
    fields = {"proc.cmdline": value, "user.name": value, "k8s.ns.name": value, "k8s.pod.name": value, "fd.name": value}
    alert = Alert("c0ffee", 1, Priority.WARNING, value, value, value, (value,), value, fields)
    return Delivery(
        1, alert, Notification("c", ("route",), Priority.CRITICAL, "%user.name ran %proc.cmdline", "%output"), 0, 1
    )


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.parametrize("service", SERVICES, ids=[service.name for service in SERVICES])
def test_hostile_text_arrives_without_markup_or_mentions(services: FarSide, service: FakeService, name: str) -> None:
    """Nothing is hidden, the text is readable, and neither size nor CPU time runs away."""
    delivery = delivery_with(CORPUS[name])
    started = time.thread_time()
    outcome = open_channel("c", service.url, {}).send([delivery])
    assert time.thread_time() - started < MAX_CPU_SECONDS
    assert outcome.verdict is Verdict.DELIVERED, outcome
    (request,) = services.requests
    body = json.loads(request.body.decode("utf-8"))
    assert len(request.body) < (TEAMS_BYTES if service.name == "teams" else MAX_BYTES)
    assert not [found for text in strings(body) for found in invisible_characters(text)]
    assert list(CHECKERS[service.name](body)) == []
    assert WORD in readable(body)
    assert "[CRITICAL] " + WORD in readable(body)
