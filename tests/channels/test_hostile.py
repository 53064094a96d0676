"""Values are data: what attackers wrote arrives harmless, readable and bounded, in every family, on the wire."""

from __future__ import annotations

import json
import time

import pytest

from bridge.alert import Alert, Priority
from bridge.channels.contract import Verdict
from bridge.channels.registry import open_channel
from bridge.delivery import Delivery
from bridge.routing import Notification
from tests.channels.hostile import CORPUS, READERS, WORD, readable, strings, unseen
from tests.support.far_side import FarSide
from tests.support.services import SERVICES, Service

MOST_BYTES = 128 * 1024
TEAMS_BYTES = 28 * 1024
MOST_CPU_SECONDS = 1.0


def everywhere(value: str) -> Delivery:
    """A delivery with the value in each place that an attacker can reach, and in the templates' slots."""
    fields = {"proc.cmdline": value, "user.name": value, "k8s.ns.name": value, "k8s.pod.name": value, "fd.name": value}
    alert = Alert("c0ffee", 1, Priority.WARNING, value, value, value, (value,), value, fields)
    return Delivery(
        1, alert, Notification("c", ("route",), Priority.CRITICAL, "%user.name ran %proc.cmdline", "%output"), 0, 1
    )


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.parametrize("service", SERVICES, ids=[service.name for service in SERVICES])
def test_what_attackers_write_arrives_harmless(services: FarSide, service: Service, name: str) -> None:
    """Nothing is called, linked, formatted or hidden; the word is still there; neither size nor time runs away."""
    delivery = everywhere(CORPUS[name])
    begun = time.thread_time()
    outcome = open_channel("c", service.url, {}).send([delivery])
    assert time.thread_time() - begun < MOST_CPU_SECONDS
    assert outcome.verdict is Verdict.DELIVERED, outcome
    (request,) = services.requests
    body = json.loads(request.body.decode("utf-8"))
    assert len(request.body) < (TEAMS_BYTES if service.name == "teams" else MOST_BYTES)
    assert not [found for text in strings(body) for found in unseen(text)]
    assert list(READERS[service.name](body)) == []
    assert WORD in readable(body)
    assert "[CRITICAL] " + WORD in readable(body)
