"""Each service behind its real name: what it receives, what its answers mean. Asserted on the bytes that arrived."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import pytest
import requests

from bridge.channels.apprise.channel import AppriseChannel
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.registry import open_channel
from bridge.delivery import Delivery
from tests.channels.deliveries import make_delivery
from tests.support.far_side import Answer, FarSide
from tests.support.services import BY_NAME, SERVICES, Service, answer_as_they_do

EVERY_SERVICE = pytest.mark.parametrize("service", SERVICES, ids=[service.name for service in SERVICES])
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


def send(service: Service, deliveries: Sequence[Delivery] = (make_delivery(),)) -> Outcome:
    return open_channel("c", service.url, {"cluster": "eu-1"}).send(deliveries)


@EVERY_SERVICE
def test_a_service_receives_one_request_with_everything(services: FarSide, service: Service) -> None:
    """At its own address, once: headline, place, command, every output field, numbers too, tags, host, time, source."""
    outcome = send(service)
    assert (outcome.verdict, outcome.status) == (Verdict.DELIVERED, service.yes.status)
    (request,) = services.requests
    assert request.host.split(":")[0] == service.host
    assert request.path.split("?")[0] == service.path
    told = json.dumps(json.loads(request.body), ensure_ascii=False).replace("\u2060", "").replace("\\\\", "")
    for part in ("[CRITICAL]", "Terminal shell", "eu-1", "payments", "node-1", "rm -rf /", "20072", "proc.vpid",
                 "shell in a pod", "syscall", "2026-03-04T05:06:07.123", "Warning", "route x", "route y"):  # fmt: skip
        assert part in told, part
    assert "github" not in told, "a picture of somebody else's, to be fetched whenever a message is read"


ANSWERS = {
    "asks for time": (Answer(429, b"slow down", {"Retry-After": "7"}), Verdict.RETRY, 7.0),
    "asks for time in its body": (Answer(429, b'{"ok":false,"retry_after":2.5,"global":false}'), Verdict.RETRY, 2.5),
    "asks as Telegram does": (Answer(429, b'{"ok":false,"parameters":{"retry_after":9}}'), Verdict.RETRY, 9.0),
    "is broken": (Answer(500, b"oops"), Verdict.RETRY, None),
    "is away": (Answer(503, b"", {"Retry-After": "30"}), Verdict.RETRY, 30.0),
    "hangs": (Answer(hangs=True), Verdict.RETRY, None),
    "hangs up": (Answer(raw=b""), Verdict.RETRY, None),
    "hangs up amid its answer": (Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok"), Verdict.RETRY, None),
    "falls silent amid its answer": (
        Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok", hangs=True),
        Verdict.RETRY,
        None,
    ),
    "speaks no HTTP": (Answer(raw=b"220 smtp.example.com ready\r\n"), Verdict.RETRY, None),
    "knows no such hook": (Answer(404, b"no_service"), Verdict.CHANNEL_FAULT, None),
    "knows no such token": (Answer(403, b'{"ok":false,"error":"invalid_auth"}'), Verdict.CHANNEL_FAULT, None),
    "says as much in a word": (Answer(403, b"invalid_token"), Verdict.CHANNEL_FAULT, None),
    "knows no such key": (
        Answer(400, b'{"status":"invalid event","errors":["Length of \'routing_key\' is incorrect"]}'),
        Verdict.CHANNEL_FAULT,
        None,
    ),
    "knows no such chat": (
        Answer(400, b'{"ok":false,"description":"Bad Request: chat not found"}'),
        Verdict.CHANNEL_FAULT,
        None,
    ),
    "has its flow turned off": (
        Answer(400, b'{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"trigger is not enabled"}}'),
        Verdict.CHANNEL_FAULT,
        None,
    ),
    "lets this key do nothing": (
        Answer(403, b'{"code":40301,"message":"use an API key"}'),
        Verdict.CHANNEL_FAULT,
        None,
    ),
    "has a firewall before it": (Answer(403, b"<html>blocked: invalid_token</html>"), Verdict.REJECTED, None),
    "cannot read it": (Answer(400, b'{"ok":false,"description":"Bad Request"}'), Verdict.REJECTED, None),
    "repeats an attacker's words": (Answer(400, b'{"error":"bad text: sh -c routing_key"}'), Verdict.REJECTED, None),
    "says no with a 200": (Answer(200, b'{"ok":false,"error":"channel_not_found"}'), Verdict.CHANNEL_FAULT, None),
    "says no to the text": (Answer(200, b'{"ok":false,"error":"invalid_blocks"}'), Verdict.REJECTED, None),
    "says later with a 200": (Answer(200, b'{"ok":false,"error":"ratelimited"}'), Verdict.RETRY, None),
    "redirects to a page": (
        Answer(302, b"", {"Location": "https://hooks.slack.com/login"}),
        Verdict.CHANNEL_FAULT,
        None,
    ),
    "is a page of a proxy's": (Answer(200, PAGE, {"Content-Type": "text/html"}), Verdict.RETRY, None),
}


@pytest.mark.parametrize("case", ANSWERS)
@EVERY_SERVICE
def test_what_a_service_answers_has_its_meaning(services: FarSide, service: Service, case: str) -> None:
    """Delivered only by the service's own yes; one request a send, whatever the plugin would do; no token in the reason."""
    answer, verdict, wait = ANSWERS[case]
    services.answer = lambda _request: answer
    outcome = send(service)
    assert (outcome.verdict, outcome.retry_after) == (verdict, wait), outcome
    assert len(services.requests) == 1
    assert outcome.reason
    assert not [secret for secret in service.path.split("/") if len(secret) > 20 and secret in outcome.reason]


def test_an_answer_that_never_ends_is_let_go(services: FarSide) -> None:
    """A body without end, and one that drips, hold a worker no longer than its limits."""
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 1_000_000
    services.answer = lambda _request: Answer(raw=endless)
    assert send(BY_NAME["discord"]).verdict is Verdict.RETRY
    services.answer = lambda _request: Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", drips=True)
    assert send(BY_NAME["discord"]).reason == "timed out"


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 "])
def test_an_answer_whose_head_never_ends_is_let_go(services: FarSide, head: bytes) -> None:
    """Status and headers are within the deadline too, each byte of them in time by itself; the next send is as ever."""
    services.answer = lambda _request: Answer(raw=head, drips=True)
    began = time.monotonic()
    assert send(BY_NAME["discord"]).reason == "timed out"
    assert time.monotonic() - began < 10
    services.answer = answer_as_they_do
    assert send(BY_NAME["discord"]).verdict is Verdict.DELIVERED


def test_a_connection_serves_many_messages(services: FarSide) -> None:
    """A session keeps its connection, bodies read to their end."""
    for _ in range(3):
        assert send(BY_NAME["telegram"]).verdict is Verdict.DELIVERED
    assert len({request.client for request in services.requests}) == 1


@EVERY_SERVICE
def test_a_digest_names_every_alert(services: FarSide, service: Service) -> None:
    """As many as the channel says that it can name, each by its headline, the worst first."""
    channel = open_channel("c", service.url, {})
    count = channel.digest_limit
    deliveries = [make_delivery(n, rule=f"Rule {n:03}", hostname=f"node-{n}") for n in range(count)]
    assert channel.send(deliveries).verdict is Verdict.DELIVERED
    (request,) = services.requests
    told = json.dumps(json.loads(request.body), ensure_ascii=False)
    assert f"{count} alerts" in told
    unnamed = [n for n in range(count) if f"Rule {n:03}" not in told]
    assert not unnamed


class NotifyDiscord:
    """A plugin of a later Apprise, which posts through a session of its own."""

    body_maxlen, title_maxlen, template = 2000, 250, None

    def __init__(self, url: str) -> None:
        self._url = url

    def notify(self, *, body: str, title: str, **_more: object) -> bool:
        with requests.Session() as session:
            return session.post(self._url, json={"content": f"{title}\n{body}"}, timeout=5).ok


@pytest.mark.usefixtures("probed")
def test_a_plugin_that_posts_by_another_road_still_tells_the_alert() -> None:
    """The plain form follows what was posted without our message in it: never is a stand-in all that arrives."""
    with FarSide(lambda _: Answer(204, b"")).serving() as server:
        url = f"http://127.0.0.1:{server.port}/"
        channel = AppriseChannel("c", "discord://a/b", NotifyDiscord(url), {})
        assert channel.send([make_delivery()]).verdict is Verdict.DELIVERED
    assert "[CRITICAL] Terminal shell\n" in json.loads(server.requests[-1].body)["content"]
