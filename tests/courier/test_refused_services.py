"""Recorded refusals of real services, from the courier to the service: deliveries wait, and none becomes a dead letter."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from bridge.channels.registry import open_channel
from bridge.delivery import Circuit, DeliveryState, Health
from tests.channels.conftest import behind_the_proxy, intercepted, services
from tests.courier.working import entry, working
from tests.support.far_side import Answer, FarSide, Request
from tests.support.services import BY_NAME, success_response
from tests.support.waiting import wait_until

__all__ = ["behind_the_proxy", "intercepted", "services"]
RECORDED = json.loads((Path(__file__).parent.parent / "data" / "channels" / "refused.json").read_text("utf-8"))
URLS = {
    "telegram supergroup": BY_NAME["telegram"].url,
    "telegram rights": BY_NAME["telegram"].url,
    "mattermost invalid": BY_NAME["mattermost"].url,
    "mattermost permission": BY_NAME["mattermost"].url,
    "splunk hec token": "webhooks://hooks.slack.com/services/collector/raw",
    "api gateway": "webhooks://hooks.slack.com/prod/alerts?batch=array",
}
COUNT = 8


@pytest.mark.parametrize("name", RECORDED)
def test_a_refused_channel_costs_no_alert(services: FarSide, tmp_path: Path, name: str) -> None:
    """The circuit opens; once the channel is fixed, every alert is delivered."""
    fixed = threading.Event()
    refused = Answer(RECORDED[name]["status"], json.dumps(RECORDED[name]["body"]).encode())

    def answer(request: Request) -> Answer:
        if not fixed.is_set():
            return refused
        return Answer(200, b"{}") if URLS[name].startswith("webhooks") else success_response(request)

    services.answer = answer
    entries = [entry(f"alert {number}", "c") for number in range(COUNT)]
    with working(tmp_path, [open_channel("c", URLS[name], {})], entries=entries) as work:
        journal = work.journal
        wait_until(lambda: journal.deliveries.health().get("c", Health()).circuit is not Circuit.CLOSED, "the circuit")
        assert journal.deliveries.undelivered() == COUNT
        fixed.set()
        work.courier.try_now("c")
        wait_until(lambda: not journal.deliveries.undelivered(), "every delivery to be settled")
        assert {each.state for each in journal.history.deliveries()} == {DeliveryState.DELIVERED}


def test_an_invalid_alert_among_others_becomes_the_only_dead_letter(services: FarSide, tmp_path: Path) -> None:
    """A firewall refuses what resembles an attack, with a 403 that says nothing."""

    def answer(request: Request) -> Answer:
        return Answer(403, b"<html>blocked</html>") if b"alert 3" in request.body else success_response(request)

    services.answer = answer
    entries = [entry(f"alert {number}", "c") for number in range(COUNT)]
    with working(tmp_path, [open_channel("c", BY_NAME["discord"].url, {})], entries=entries) as work:
        wait_until(lambda: not work.undelivered, "every delivery to be settled")
        (letter,) = work.journal.dead_letters.letters()
    assert (letter.alert.output, letter.status) == ("alert 3", 403)
    assert "blocked" in letter.reason
    assert "refused again after the channel had accepted another message" in letter.reason
