"""Loki's channel: valid pushes, few labels, and the same entry for the same delivery."""

from __future__ import annotations

import gzip
import json

import pytest

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.registry import open_channel, problem_with
from bridge.delivery import Delivery
from tests.channels.deliveries import TIME, TIME_NS, make_delivery
from tests.support.far_side import Answer, FarSide, Request


def loki(request: Request) -> Answer:
    """Responds like Loki's distributor: 204, or 400 with a line of text for an invalid push."""
    body = gzip.decompress(request.body) if request.headers.get("Content-Encoding") == "gzip" else request.body
    for stream in json.loads(body)["streams"]:
        times = [int(time) for time, _line in stream["values"]]
        if times != sorted(times) or not all(isinstance(value, str) for value in stream["stream"].values()):
            return Answer(400, b"entry out of order")
        if len(stream["stream"]) > 15:
            return Answer(400, b"entry has more label names than the limit")
    return Answer(204, b"")


def pushed(deliveries: list[Delivery], query: str = "", path: str = "") -> tuple[Outcome, Request, list[dict]]:
    with FarSide(loki).serving() as server:
        channel = open_channel("c", f"loki://127.0.0.1:{server.port}{path}{query}", {"cluster": "eu-1"})
        outcome = channel.send(deliveries)
    (request,) = server.requests
    body = gzip.decompress(request.body) if request.headers.get("Content-Encoding") == "gzip" else request.body
    return outcome, request, json.loads(body)["streams"]


def test_an_alert_is_a_line_with_few_labels() -> None:
    """Labels are rule, source, priority, host, namespace and those of the config; the rest is in the line."""
    outcome, request, (stream,) = pushed([make_delivery()], "?tenant=falco&:env=prod")
    assert outcome.verdict is Verdict.DELIVERED
    assert request.path == "/loki/api/v1/push"
    assert request.headers["X-Scope-OrgID"] == "falco"
    assert stream["stream"] == {
        "cluster": "eu-1",
        "env": "prod",
        "rule": "Terminal shell",
        "source": "syscall",
        "priority": "Warning",
        "hostname": "node-1",
        "k8s_ns_name": "payments",
    }
    ((time, line),) = stream["values"]
    assert time == str(TIME_NS)
    assert json.loads(line)["output_fields"]["proc.cmdline"] == "rm -rf /"
    assert json.loads(line)["falco_bridge"]["delivery"] == 1


def test_a_batch_is_one_push_with_streams_in_order_of_time() -> None:
    """Regardless of the order of the deliveries; compressed if it is large."""
    times = [TIME.replace(":07.", f":{second:02d}.") for second in (30, 10, 20)] * 20
    deliveries = [
        make_delivery(number, time=time, hostname=f"node-{number % 2}") for number, time in enumerate(times, 1)
    ]
    outcome, request, streams = pushed(deliveries)
    assert outcome.verdict is Verdict.DELIVERED
    assert request.headers["Content-Encoding"] == "gzip"
    assert len(streams) == 2
    assert sum(len(stream["values"]) for stream in streams) == 60


def test_a_repeated_delivery_is_the_same_entry() -> None:
    """Loki identifies it by labels, time and text."""
    assert pushed([make_delivery(7)])[2] == pushed([make_delivery(7)])[2]


def test_a_hostile_label_is_visible_and_bounded() -> None:
    """A host name of a megabyte with control characters does not get the push rejected."""
    outcome, _, (stream,) = pushed([make_delivery(hostname="\x1b[31m" + "h" * 1_000_000)])
    assert outcome.verdict is Verdict.DELIVERED
    assert stream["stream"]["hostname"].isprintable()
    assert len(stream["stream"]["hostname"]) <= 200


@pytest.mark.parametrize(
    ("answer", "verdict", "wait"),
    [
        (Answer(429, b"ingestion rate limit exceeded", {"Retry-After": "2"}), Verdict.RETRY, 2.0),
        (Answer(500, b"at least 2 live replicas required"), Verdict.RETRY, None),
        (Answer(400, b"entry too far behind, oldest acceptable timestamp is: x"), Verdict.REJECTED, None),
        (Answer(401, b"no org id"), Verdict.CHANNEL_FAULT, None),
        (Answer(403, b"forbidden"), Verdict.AMBIGUOUS, None),
    ],
)
def test_the_status_of_loki_decides(answer: Answer, verdict: Verdict, wait: float | None) -> None:
    """The reason contains the text of Loki."""
    with FarSide(lambda _: answer).serving() as server:
        outcome = open_channel("c", f"loki://127.0.0.1:{server.port}", {}).send([make_delivery()])
    assert (outcome.verdict, outcome.retry_after) == (verdict, wait)
    assert answer.body.decode() in outcome.reason


def test_the_url_may_have_a_prefix_or_the_whole_path() -> None:
    """For gateways."""
    assert pushed([make_delivery()], path="/gateway/")[1].path == "/gateway/loki/api/v1/push"
    assert pushed([make_delivery()], path="/otherwise/push")[1].path == "/otherwise/push"


def test_settings_that_loki_always_rejects_are_reported_at_start() -> None:
    """An invalid tenant, and more labels than a series may have."""
    assert "tenant" in str(problem_with("loki://h?tenant=a/b"))
    many = "&".join(f":l{number}=x" for number in range(11))
    assert "accepts only 10" in str(problem_with(f"loki://h?{many}"))
