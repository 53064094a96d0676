"""The Splunk channel: events, metadata, acknowledgements, and the collector's codes."""

from __future__ import annotations

import json

import pytest

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.native.shared.address import parse_address
from bridge.channels.native.splunk.channel import PARAMETERS, SplunkChannel
from bridge.channels.registry import open_channel, problem_with
from tests.channels.deliveries import make_delivery
from tests.support.far_side import Answer, FarSide
from tests.support.search_servers import FakeSplunk

LABELS = {"cluster": "eu-1"}
TOKEN = FakeSplunk().token


def sent(answer: FakeSplunk | Answer, query: str = "", count: int = 1, token: str = TOKEN, path: str = "") -> Outcome:
    """The outcome of one send, which asks three times for an acknowledgement."""
    with FarSide(answer if isinstance(answer, FakeSplunk) else lambda _: answer).serving() as server:
        url = f"splunkhec://{token}@127.0.0.1:{server.port}{path}{query}"
        channel = SplunkChannel("c", parse_address(url, PARAMETERS), LABELS, (0.0, 0.0, 0.0))
        outcome = channel.send([make_delivery(number) for number in range(1, count + 1)])
        channel.close()
    return outcome


def test_an_event_has_time_host_and_indexed_fields() -> None:
    """The time is that of the alert; the event is the JSON of a webhook."""
    splunk = FakeSplunk(indexes=frozenset({"falco"}))
    assert sent(splunk, "?index=falco&source=bridge&sourcetype=falco:alert").verdict is Verdict.DELIVERED
    (event,) = splunk.events
    body = event.pop("event")
    assert (body["rule"], body["falco_bridge"]["routes"]) == ("Terminal shell", ["route x", "route y"])
    assert event == {
        "time": 1772600767.123456,
        "host": "node-1",
        "index": "falco",
        "source": "bridge",
        "sourcetype": "falco:alert",
        "fields": {"cluster": "eu-1", "rule": "Terminal shell", "priority": "warning", "severity": "critical"},
    }


def test_a_batch_is_one_request() -> None:
    """One object after the other; a fixed host, falcosidekick's JSON, and any of the collector's paths."""
    for path in ("", "/services/collector", "/services/collector/raw", "/services/collector/event", "/prefix"):
        splunk = FakeSplunk()
        assert sent(splunk, "?host=cluster-1&format=falcosidekick", 3, path=path).verdict is Verdict.DELIVERED
        assert [event["host"] for event in splunk.events] == ["cluster-1"] * 3
        assert "uuid" in splunk.events[0]["event"]
        assert splunk.events[0]["sourcetype"] == "falco"


def test_values_are_bounded() -> None:
    """Splunk cuts long events: a longer value would hide what follows."""
    channel = SplunkChannel("c", parse_address("splunkhec://t@h", PARAMETERS), LABELS)
    body = json.loads(channel.body([make_delivery(1, output="x" * 100_000, rule="r" * 5_000)]))
    assert len(body["event"]["output"]) <= 10_000
    assert len(body["fields"]["rule"]) <= 200


def test_with_acknowledgements_an_event_is_delivered_once_it_is_indexed() -> None:
    """One channel id for events and questions; no answer in time is no delivery."""
    splunk = FakeSplunk(acknowledges=True, unready=2)
    assert sent(splunk, "?ack=on").verdict is Verdict.DELIVERED
    assert len(splunk.channels) == 1
    slow = FakeSplunk(acknowledges=True, unready=99)
    outcome = sent(slow, "?ack=on")
    assert outcome.verdict is Verdict.RETRY
    assert "not acknowledged by the indexers" in outcome.reason
    assert sent(FakeSplunk(), "?ack=on").verdict is Verdict.DELIVERED, "a token without acknowledgements"
    missing = sent(FakeSplunk(acknowledges=True))
    assert (missing.verdict, missing.reason) == (
        Verdict.CHANNEL_FAULT,
        "HTTP 400: Data channel is missing (code 10)",
    )


@pytest.mark.parametrize(
    ("status", "body", "verdict", "reason"),
    [
        (200, {"text": "Success", "code": 0}, Verdict.DELIVERED, ""),
        (200, {"text": "Queue nearly full", "code": 24}, Verdict.DELIVERED, ""),
        (200, {"text": "Server is busy", "code": 9}, Verdict.RETRY, "HTTP 200: Server is busy (code 9)"),
        (200, {"ok": True}, Verdict.RETRY, "HTTP 200: the response is not from the HTTP Event Collector"),
        (503, {"text": "Server is busy", "code": 9}, Verdict.RETRY, "HTTP 503: Server is busy (code 9)"),
        (429, {"text": "Queue is full", "code": 26}, Verdict.RETRY, "HTTP 429: Queue is full (code 26)"),
        (500, {"text": "Internal server error", "code": 8}, Verdict.RETRY, "HTTP 500: Internal server error (code 8)"),
        (403, {"text": "Invalid token", "code": 4}, Verdict.CHANNEL_FAULT, "HTTP 403: Invalid token (code 4)"),
        (403, {"text": "Token disabled", "code": 1}, Verdict.CHANNEL_FAULT, "HTTP 403: Token disabled (code 1)"),
        (401, {"text": "Token is required", "code": 2}, Verdict.CHANNEL_FAULT, "HTTP 401: Token is required (code 2)"),
        (400, {"text": "Incorrect index", "code": 7}, Verdict.CHANNEL_FAULT, "HTTP 400: Incorrect index (code 7)"),
        (400, {"text": "No data", "code": 5}, Verdict.REJECTED, "HTTP 400: No data (code 5)"),
        (413, {"text": "Too large", "code": 27}, Verdict.REJECTED, "HTTP 413: Too large (code 27)"),
        (404, {"text": "The requested URL was not found.", "code": 404}, Verdict.CHANNEL_FAULT, ""),
    ],
)
def test_the_codes_of_the_collector_decide(status: int, body: object, verdict: Verdict, reason: str) -> None:
    """Those of its documentation."""
    outcome = sent(Answer(status, json.dumps(body).encode()))
    assert outcome.verdict is verdict
    assert outcome.reason == reason or not reason


def test_an_invalid_event_does_not_take_the_others_along() -> None:
    """The collector says which one it is; the others are sent again."""
    body = {"text": "Invalid data format", "code": 6, "invalid-event-number": 1}
    outcome = sent(Answer(400, json.dumps(body).encode()), count=3)
    assert [each.verdict for each in outcome.each] == [Verdict.RETRY, Verdict.REJECTED, Verdict.RETRY]
    assert outcome.each[1].reason == "HTTP 400: Invalid data format (code 6)"
    assert sent(Answer(400, json.dumps(body | {"invalid-event-number": 7}).encode())).verdict is Verdict.REJECTED


def test_problems_of_the_url_are_reported_at_start() -> None:
    """And show no token."""
    assert problem_with("splunkhecs://h:8088") == "has no token; write splunkhecs://TOKEN@HOST:8088"
    for query in ("index=a%20b", "sourcetype=%0a", "host=%c3%a4"):
        assert f"invalid `{query.split('=')[0]}`" in str(problem_with(f"splunkhecs://hunter2hunter2@h?{query}"))
    assert "one of off, on" in str(problem_with("splunkhecs://hunter2hunter2@h?ack=yes"))
    assert "characters other than" in str(problem_with("splunkhecs://hunter2%0d%0aX@h"))


def test_the_token_is_in_no_reason() -> None:
    """Though a proxy repeats it."""
    with FarSide(lambda request: Answer(403, request.headers["Authorization"].encode())).serving() as server:
        channel = open_channel("c", f"splunkhec://{TOKEN}@127.0.0.1:{server.port}", {})
        assert TOKEN not in channel.send([make_delivery()]).reason
