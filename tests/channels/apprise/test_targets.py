"""Several targets in one URL: each gets its own request, and a retry skips those that have the message."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from bridge.channels.apprise import intercept
from bridge.channels.apprise.plugin import make_plugin
from bridge.channels.apprise.targets import Targets, split_targets
from bridge.channels.apprise.timeouts import RequestTimeouts
from bridge.channels.contract import Channel, Outcome, Verdict
from bridge.channels.registry import open_channel
from bridge.delivery import Delivery
from tests.channels.apprise.canaries import known_services, value_for
from tests.channels.deliveries import make_delivery
from tests.support.far_side import Answer, FarSide, Request

NOT_SPLIT = {"NotifyNotifiarr", "NotifyOneSignal"}
"""Services whose plugins store several targets in a form of their own."""
PAIRS = ("15551234568/15551234569", "general/other", "#general/#other", "@abcdefgh/@bcdefghi", "a@example.com/b@example.com",
         "1234567890abcdef1234567890abcdef/1234567890abcdef1234567890abcdee", "1234:5678/1234:9999")  # fmt: skip
BOT = "slack://xoxb-1234567890-1234567890123-abcdefghijklmnopqrstuvwx/#alerts/#oncall"
SUCCESS = Answer(200, b'{"ok":true,"channel":"C1","ts":"1.2","message":{}}')


def target_of(request: Request) -> str:
    return str(json.loads(request.body)["channel"]).removeprefix("#")


class FakeSlack:
    """Slack's API, where the channel ``oncall`` has a response of its own."""

    def __init__(self, server: FarSide, oncall: Answer) -> None:
        self.server, self.oncall = server, oncall
        server.answer = lambda request: self.oncall if target_of(request) == "oncall" else SUCCESS

    @property
    def received(self) -> list[tuple[str, list[str]]]:
        """The target and the rules of each request since the last call."""
        received = [
            (target_of(each), sorted(set(re.findall(r"Rule \d", each.body.decode())))) for each in self.server.requests
        ]
        self.server.requests.clear()
        return received


def deliveries(*numbers: int) -> list[Delivery]:
    return [make_delivery(n, rule=f"Rule {n}", hostname=f"node-{n}") for n in numbers]


def test_a_retry_reaches_only_the_target_that_failed(services: FarSide) -> None:
    """The reason counts the failed targets. After a success a repeated delivery reaches all again."""
    slack, channel = FakeSlack(services, Answer(503, b"away")), open_channel("c", BOT, {})
    outcome = channel.send(deliveries(1))
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "1 of 2 targets: HTTP 503: away")
    assert slack.received == [("alerts", ["Rule 1"]), ("oncall", ["Rule 1"])]
    slack.oncall = SUCCESS
    assert channel.send(deliveries(1)).verdict is Verdict.DELIVERED
    assert slack.received == [("oncall", ["Rule 1"])]
    assert channel.send(deliveries(1)).verdict is Verdict.DELIVERED
    assert slack.received == [("alerts", ["Rule 1"]), ("oncall", ["Rule 1"])]


def test_a_retry_in_another_digest_repeats_nothing(services: FarSide) -> None:
    """Deliveries are remembered: a failed digest may be split, or joined by newer deliveries."""
    slack, channel = FakeSlack(services, Answer(503, b"away")), open_channel("c", BOT, {})
    assert channel.send(deliveries(1, 2)).verdict is Verdict.RETRY
    assert slack.received == [("alerts", ["Rule 1", "Rule 2"]), ("oncall", ["Rule 1", "Rule 2"])]
    slack.oncall = SUCCESS
    assert channel.send(deliveries(2, 3)).verdict is Verdict.DELIVERED
    assert slack.received == [("alerts", ["Rule 3"]), ("oncall", ["Rule 2", "Rule 3"])]
    assert channel.send(deliveries(1)).verdict is Verdict.DELIVERED
    assert slack.received == [("oncall", ["Rule 1"])]


def test_a_target_that_asks_to_wait_stops_the_others(services: FarSide) -> None:
    """After a 429 from the first target the second is not tried."""
    channel: Channel = open_channel("c", BOT, {})
    services.answer = lambda _request: Answer(429, b"slow down", {"Retry-After": "7"})
    outcome = channel.send(deliveries(1))
    assert (outcome.verdict, outcome.retry_after) == (Verdict.RETRY, 7.0)
    assert len(services.requests) == 1


def test_a_temporary_failure_takes_precedence_over_a_permanent_one(services: FarSide) -> None:
    """Once the temporary one succeeds, the permanent one is the outcome."""
    slack, channel = FakeSlack(services, Answer(503, b"away")), open_channel("c", f"{BOT}/#gone", {})
    gone = Answer(200, b'{"ok":false,"error":"channel_not_found"}')
    services.answer = lambda request: {"alerts": SUCCESS, "oncall": slack.oncall, "gone": gone}[target_of(request)]
    outcome = channel.send(deliveries(1))
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "2 of 3 targets: HTTP 503: away")
    slack.oncall = SUCCESS
    outcome = channel.send(deliveries(1))
    assert (outcome.verdict, outcome.reason) == (
        Verdict.REJECTED,
        "1 of 3 targets: service error: channel_not_found",
    )
    services.answer = lambda _request: Answer(401, b"token_revoked")
    outcome = channel.send(deliveries(2))
    assert (outcome.verdict, outcome.reason) == (Verdict.CHANNEL_FAULT, "3 of 3 targets: HTTP 401: token_revoked")


def test_a_retry_after_takes_precedence_over_another_failure(services: FarSide) -> None:
    """The outcome has the time to wait."""
    channel: Channel = open_channel("c", BOT, {})
    wait = Answer(429, b"slow down", {"Retry-After": "7"})
    services.answer = lambda request: wait if target_of(request) == "oncall" else Answer(503, b"away")
    outcome = channel.send(deliveries(1))
    assert (outcome.verdict, outcome.status, outcome.retry_after) == (Verdict.RETRY, 429, 7.0)


@pytest.mark.parametrize("refused", [True, False])
def test_a_missing_target_does_not_split_a_digest(refused: bool) -> None:
    """Only a delivery that another target rejects does."""
    answers = {
        "gone": Outcome(Verdict.CHANNEL_FAULT, 401, "no such token"),
        "strict": Outcome(Verdict.REJECTED, 400, "malformed") if refused else Outcome(Verdict.DELIVERED, 200),
        "well": Outcome(Verdict.DELIVERED, 200),
    }
    outcome = Targets(tuple(answers)).send(deliveries(1, 2), lambda target, _missing: answers[target])
    assert (outcome.verdict, outcome.applies_to_whole_batch) == (Verdict.REJECTED, not refused)


@pytest.mark.usefixtures("intercepted")
def test_a_target_without_time_left_is_tried_in_the_next_attempt() -> None:
    """A missing target makes no dead letter of what another has not received."""
    intercept.install(RequestTimeouts(total=0.0))
    targets, asked = Targets(("gone", "late")), list[str]()

    def send(target: str, _missing: Sequence[Delivery]) -> Outcome:
        asked.append(target)
        return (
            Outcome(Verdict.CHANNEL_FAULT, 401, "no such token")
            if target == "gone"
            else Outcome(Verdict.DELIVERED, 200)
        )

    outcome = targets.send(deliveries(1), send)
    assert (asked, outcome.verdict, outcome.reason) == (["gone"], Verdict.RETRY, "1 of 2 targets: no such token")


def plugins_with_two_targets() -> dict[str, Any]:
    """A split plugin of each service of Apprise that accepts two targets."""
    found = dict[str, Any]()
    for scheme, kind in known_services().items():
        for template in kind.templates:
            for pair in PAIRS:
                url = template.replace("{schema}", scheme)
                for number, name in enumerate(re.findall(r"{(\w+)}", url)):
                    token = kind.template_tokens.get(name, {})
                    several = str(token.get("type", "")).startswith("list")
                    url = url.replace("{" + name + "}", pair if several else value_for(name, token, number, 9))
                plugin = make_plugin(url)
                if plugin is not None and len(split_targets(plugin)) >= len(found.get(kind.__name__, ())):
                    found[kind.__name__] = (
                        split_targets(plugin) if len(split_targets(plugin)) > 1 or _several(plugin) else ()
                    )
    return {name: each for name, each in found.items() if each}


def _several(plugin: Any) -> bool:
    try:
        return len(plugin) > 1
    except TypeError:
        return False


def test_every_service_that_counts_its_targets_is_split() -> None:
    """A service that cannot be split must be listed in the docs."""
    found = plugins_with_two_targets()
    assert {name for name, each in found.items() if len(each) == 1} == NOT_SPLIT
    assert len(found) > 70


@pytest.mark.parametrize(
    ("url", "count"),
    [
        ("rockets://user:password@chat.example.com/#a/b/@c", 3),
        ("tgram://123456789:abcdefg_hijklmnop/1/2", 2),
        ("mmosts://chat.example.com/3ccdd113474722377935511fc85d3dd4?to=a,b&retry=3", 2),
        ("discord://123456789012345678/abcdefghijklmnopqrstuvwxyz0123456789?retry=3", 1),
    ],
)
def test_each_kind_of_target_counts(url: str, count: int) -> None:
    """Channels, rooms and users; retries of Apprise are not targets."""
    each = split_targets(make_plugin(url))
    assert len(each) == count
    assert len({one.url() for one in each}) == count
