"""Each known service, reached through its real host name: the request it receives, and what its responses mean."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
import requests

from bridge.channels.apprise import intercept
from bridge.channels.apprise.channel import AppriseChannel
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.registry import open_channel
from bridge.delivery import Delivery
from tests.channels.conftest import LONG, SHORT
from tests.channels.deliveries import make_delivery
from tests.support.far_side import Answer, FarSide
from tests.support.services import BY_NAME, SERVICES, FakeService, success_response

EVERY_SERVICE = pytest.mark.parametrize("service", SERVICES, ids=[service.name for service in SERVICES])
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


def send(service: FakeService, deliveries: Sequence[Delivery] = (make_delivery(),)) -> Outcome:
    return open_channel("c", service.url, {"cluster": "eu-1"}).send(deliveries)


@EVERY_SERVICE
def test_a_service_receives_one_request_with_everything(services: FarSide, service: FakeService) -> None:
    """At its own address: headline, place, command, fields, tags, host, time, source."""
    outcome = send(service)
    assert (outcome.verdict, outcome.status) == (Verdict.DELIVERED, service.success.status)
    (request,) = services.requests
    assert request.host.split(":")[0] == service.host
    assert request.path.split("?")[0] == service.path
    text = json.dumps(json.loads(request.body), ensure_ascii=False).replace("\u2060", "").replace("\\\\", "")
    for part in ("[CRITICAL]", "Terminal shell", "eu-1", "payments", "node-1", "rm -rf /", "20072", "proc.vpid",
                 "shell in a pod", "syscall", "2026-03-04T05:06:07.123", "Warning", "route x", "route y"):  # fmt: skip
        assert part in text, part
    assert "github" not in text, "Apprise's logo would be loaded from GitHub whenever a message is read"


ANSWERS = {
    "429 with a header": (Answer(429, b"slow down", {"Retry-After": "7"}), Verdict.RETRY, 7.0),
    "429 with a delay in the body": (Answer(429, b'{"ok":false,"retry_after":2.5,"global":false}'), Verdict.RETRY, 2.5),
    "429 of Telegram": (Answer(429, b'{"ok":false,"parameters":{"retry_after":9}}'), Verdict.RETRY, 9.0),
    "500": (Answer(500, b"oops"), Verdict.RETRY, None),
    "503": (Answer(503, b"", {"Retry-After": "30"}), Verdict.RETRY, 30.0),
    "no response": (Answer(hangs=True), Verdict.RETRY, None),
    "closed connection": (Answer(raw=b""), Verdict.RETRY, None),
    "closed in the middle": (Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok"), Verdict.RETRY, None),
    "stops in the middle": (
        Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok", hangs=True),
        Verdict.RETRY,
        None,
    ),
    "not HTTP": (Answer(raw=b"220 smtp.example.com ready\r\n"), Verdict.RETRY, None),
    "unknown webhook": (Answer(404, b"no_service"), Verdict.CHANNEL_FAULT, None),
    "invalid token": (Answer(403, b'{"ok":false,"error":"invalid_auth"}'), Verdict.CHANNEL_FAULT, None),
    "invalid token as text": (Answer(403, b"invalid_token"), Verdict.CHANNEL_FAULT, None),
    "invalid key": (
        Answer(400, b'{"status":"invalid event","errors":["Length of \'routing_key\' is incorrect"]}'),
        Verdict.CHANNEL_FAULT,
        None,
    ),
    "unknown chat": (
        Answer(400, b'{"ok":false,"description":"Bad Request: chat not found"}'),
        Verdict.CHANNEL_FAULT,
        None,
    ),
    "disabled workflow": (
        Answer(400, b'{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"trigger is not enabled"}}'),
        Verdict.CHANNEL_FAULT,
        None,
    ),
    "key without permission": (
        Answer(403, b'{"code":40301,"message":"use an API key"}'),
        Verdict.CHANNEL_FAULT,
        None,
    ),
    "firewall": (Answer(403, b"<html>blocked: invalid_token</html>"), Verdict.AMBIGUOUS, None),
    "no reason given": (Answer(400, b'{"ok":false,"description":"Bad Request"}'), Verdict.AMBIGUOUS, None),
    "text of the alert in the error": (
        Answer(400, b'{"error":"bad text: sh -c routing_key"}'),
        Verdict.AMBIGUOUS,
        None,
    ),
    "200 with a fault of the channel": (
        Answer(200, b'{"ok":false,"error":"channel_not_found"}'),
        Verdict.CHANNEL_FAULT,
        None,
    ),
    "200 with a rejection": (Answer(200, b'{"ok":false,"error":"invalid_blocks"}'), Verdict.REJECTED, None),
    "200 with a rate limit": (Answer(200, b'{"ok":false,"error":"ratelimited"}'), Verdict.RETRY, None),
    "redirect": (
        Answer(302, b"", {"Location": "https://hooks.slack.com/login"}),
        Verdict.CHANNEL_FAULT,
        None,
    ),
    "web page of a proxy": (Answer(200, PAGE, {"Content-Type": "text/html"}), Verdict.RETRY, None),
}


@pytest.mark.parametrize("case", ANSWERS)
@EVERY_SERVICE
def test_the_response_of_a_service_decides(services: FarSide, service: FakeService, case: str) -> None:
    """Delivered only by the response of the service itself; one request per send; no token in the reason."""
    answer, verdict, wait = ANSWERS[case]
    services.answer = lambda _request: answer
    if answer.hangs:
        intercept.install(SHORT)
    outcome = send(service)
    assert (outcome.verdict, outcome.retry_after) == (verdict, wait), outcome
    assert len(services.requests) == 1
    assert outcome.reason
    assert not [secret for secret in service.path.split("/") if len(secret) > 20 and secret in outcome.reason]


def test_an_endless_body_is_cut_off(services: FarSide) -> None:
    """Whether it is sent fast or byte by byte."""
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 1_000_000
    services.answer = lambda _request: Answer(raw=endless)
    assert send(BY_NAME["discord"]).verdict is Verdict.RETRY
    intercept.install(SHORT)
    services.answer = lambda _request: Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", drips=True)
    assert send(BY_NAME["discord"]).reason == "timed out"


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 "])
def test_an_endless_head_is_cut_off(services: FarSide, head: bytes) -> None:
    """Although each byte arrives in time. The next send succeeds."""
    intercept.install(SHORT)
    services.answer = lambda _request: Answer(raw=head, drips=True)
    assert send(BY_NAME["discord"]).reason == "timed out"
    intercept.install(LONG)
    services.answer = success_response
    assert send(BY_NAME["discord"]).verdict is Verdict.DELIVERED


def test_connections_are_reused(services: FarSide) -> None:
    """Several messages use one connection."""
    for _ in range(3):
        assert send(BY_NAME["telegram"]).verdict is Verdict.DELIVERED
    assert len({request.client for request in services.requests}) == 1


@EVERY_SERVICE
def test_a_digest_lists_every_alert(services: FarSide, service: FakeService) -> None:
    """As many as the digest limit of the channel, each by its headline."""
    channel = open_channel("c", service.url, {})
    count = channel.digest_limit
    deliveries = [make_delivery(n, rule=f"Rule {n:03}", hostname=f"node-{n}") for n in range(count)]
    assert channel.send(deliveries).verdict is Verdict.DELIVERED
    (request,) = services.requests
    text = json.dumps(json.loads(request.body), ensure_ascii=False)
    assert f"{count} alerts" in text
    assert not [n for n in range(count) if f"Rule {n:03}" not in text]


class NotifyDiscord:
    """A plugin of a future Apprise, which posts through a session of its own."""

    body_maxlen, title_maxlen, template = 2000, 250, None

    def __init__(self, url: str) -> None:
        self._url = url

    def notify(self, *, body: str, title: str, **_more: object) -> bool:
        with requests.Session() as session:
            return session.post(self._url, json={"content": f"{title}\n{body}"}, timeout=5).ok


@pytest.mark.usefixtures("intercepted")
def test_a_plugin_that_is_not_intercepted_sends_plain_text() -> None:
    """The plain text form follows: the placeholder is never all that arrives."""
    with FarSide(lambda _: Answer(204, b"")).serving() as server:
        url = f"http://127.0.0.1:{server.port}/"
        channel = AppriseChannel("c", "discord://a/b", NotifyDiscord(url), {})
        assert channel.send([make_delivery()]).verdict is Verdict.DELIVERED
    assert "[CRITICAL] Terminal shell\n" in json.loads(server.requests[-1].body)["content"]
