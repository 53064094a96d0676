"""The webhook channel: the exact requests, and the meaning of the responses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading

import pytest

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.native.webhook import make_signer
from bridge.channels.registry import open_channel, problem_with
from tests.channels.deliveries import TIME, TIME_NS, make_delivery
from tests.support.far_side import Answer, FarSide, Request

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def received(query: str, count: int = 1, path: str = "/hook") -> list[Request]:
    """The requests of one send with ``count`` deliveries."""
    with FarSide().serving() as server:
        channel = open_channel("c", f"webhook://127.0.0.1:{server.port}{path}{query}", {"cluster": "eu-1"})
        outcome = channel.send([make_delivery(number) for number in range(1, count + 1)])
        channel.close()
    assert outcome.verdict is Verdict.DELIVERED
    return server.requests


def test_the_body_is_falcos_object_with_one_more_member() -> None:
    """Types as in Falco; routes, severity, title, labels and ids in ``falco_bridge``."""
    (request,) = received("")
    body = json.loads(request.body)
    member = body.pop("falco_bridge")
    assert body == {
        "hostname": "node-1",
        "output": "shell in a pod",
        "output_fields": {
            "evt.time": TIME_NS,
            "k8s.ns.name": "payments",
            "proc.cmdline": "rm -rf /",
            "proc.vpid": 20072,
        },
        "priority": "Warning",
        "rule": "Terminal shell",
        "source": "syscall",
        "tags": ["shell"],
        "time": TIME,
    }
    assert len(member.pop("id")) == 32
    assert "Terminal shell" in member.pop("title")
    assert member == {
        "delivery": 1,
        "routes": ["route x", "route y"],
        "severity": "critical",
        "labels": {"cluster": "eu-1"},
    }
    assert request.path == "/hook"
    assert request.headers["Content-Type"] == "application/json"


def test_the_falcosidekick_format_has_its_members_only() -> None:
    """``FalcoPayload``: a uuid first, labels among the fields, no unknown members."""
    (request,) = received("?format=falcosidekick")
    body = json.loads(request.body)
    assert list(body) == [
        "uuid",
        "hostname",
        "output",
        "output_fields",
        "priority",
        "rule",
        "source",
        "tags",
        "time",
    ]
    assert body["output_fields"]["cluster"] == "eu-1"
    assert [len(part) for part in body["uuid"].split("-")] == [8, 4, 4, 4, 12]


def test_a_batch_is_an_array_or_lines() -> None:
    """One request for all deliveries; without ``batch`` the batch size is 1."""
    (array,), (lines,) = received("?batch=array", 3), received("?batch=ndjson", 3)
    assert [each["falco_bridge"]["delivery"] for each in json.loads(array.body)] == [1, 2, 3]
    assert [json.loads(line)["falco_bridge"]["delivery"] for line in lines.body.splitlines()] == [1, 2, 3]
    assert lines.headers["Content-Type"] == "application/x-ndjson"
    assert json.loads(received("?batch=array")[0].body)[0]["rule"] == "Terminal shell"
    assert [open_channel("c", f"webhook://h/{query}", {}).batch_size for query in ("", "?batch=array")] == [1, 100]


def test_a_signature_equals_the_published_test_vector() -> None:
    """The vector with which the libraries of Standard Webhooks are tested."""
    signer = make_signer([SECRET])
    assert signer is not None
    headers = signer.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_every_secret_signs_and_all_attempts_have_one_id() -> None:
    """While a secret is replaced, both sign; a receiver detects a repeat by its id."""
    key = b"k" * 24
    query = f"?secret={SECRET}&secret=whsec_{base64.b64encode(key).decode()}"
    first, again = received(query)[0], received(query)[0]
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    signed = f"{first.headers['webhook-id']}.{first.headers['webhook-timestamp']}.".encode() + first.body
    digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert first.headers["webhook-signature"].split(" ")[1] == f"v1,{digest}"


def test_headers_query_and_credentials_come_from_the_url() -> None:
    """``+Name`` is a header, ``-name`` a query parameter, USER:PASSWORD Basic authentication."""
    with FarSide().serving() as server:
        url = f"webhook://u%40x:p%3Aw@127.0.0.1:{server.port}/a%20b?+X-Scope=a%20b%2Bc&-api=v%261&-k"
        open_channel("c", url, {}).send([make_delivery()])
    (request,) = server.requests
    assert request.path == "/a%20b?api=v%261&k"
    assert request.headers["X-Scope"] == "a b+c"
    assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")) == b"u@x:p:w"


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(202), Verdict.DELIVERED),
        (Answer(204, b""), Verdict.DELIVERED),
        (Answer(302, b"", {"Location": "http://127.0.0.1:1/login"}), Verdict.CHANNEL_FAULT),
        (Answer(400, b"bad"), Verdict.AMBIGUOUS),
        (Answer(413, b"too large"), Verdict.REJECTED),
        (Answer(401, b"who?"), Verdict.CHANNEL_FAULT),
        (Answer(410, b"gone"), Verdict.CHANNEL_FAULT),
        (Answer(429, b"", {"Retry-After": "7"}), Verdict.RETRY),
        (Answer(500, b"x" * 1_000_000), Verdict.RETRY),
    ],
)
def test_the_status_decides(answer: Answer, verdict: Verdict) -> None:
    """Redirects are not followed; a long body is not read to its end."""
    with FarSide(lambda _: answer).serving() as server:
        outcome = open_channel("c", f"webhook://127.0.0.1:{server.port}/", {}).send([make_delivery()])
    assert (outcome.verdict, outcome.status) == (verdict, answer.status)
    assert outcome.retry_after == (7.0 if answer.status == 429 else None)


def respond_and_close(listener: socket.socket, data: bytes) -> None:
    client, _ = listener.accept()
    with client:
        client.recv(65536)
        client.sendall(data)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 2", b"\x00\x01 nonsense\r\n\r\n"])
def test_an_incomplete_response_is_tried_again(data: bytes) -> None:
    """Nothing, half a head, no HTTP: whether the server accepted the request is unknown."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=respond_and_close, args=(listener, data), daemon=True).start()
        outcome: Outcome = open_channel("c", f"webhook://127.0.0.1:{listener.getsockname()[1]}/", {}).send(
            [make_delivery()]
        )
    assert outcome.verdict is Verdict.RETRY
    assert outcome.status is None


def test_connections_are_reused() -> None:
    """Ten deliveries use one connection."""
    peers = set()
    with FarSide().serving() as server:
        answer = server.answer
        server.answer = lambda request: peers.add(threading.get_ident()) or answer(request)  # type: ignore[func-returns-value]
        channel = open_channel("c", f"webhook://127.0.0.1:{server.port}/", {})
        for number in range(10):
            channel.send([make_delivery(number)])
    assert len(server.requests) == 10
    assert len(peers) == 1, "the server uses a thread for each connection"


@pytest.mark.parametrize(
    ("url", "problem_part"),
    [
        ("webhook://", "has no host"),
        ("webhook://h:notaport/x", "invalid host or port"),
        ("webhook://http://h/x", "has http:// after webhook://; remove it"),
        ("webhook://h/?fromat=falco", "did you mean `format`?"),
        ("webhook://h/?format=xml", "one of falco, falcosidekick"),
        ("webhook://h/?batch=array&batch=none", "twice"),
        ("webhook://h/?secret=hunter2hunter2", "whsec_"),
        ("webhook://h/?secret=whsec_aHVudGVyMg==", "24 to 64"),
        ("webhook://h/?+Host=evil", "sets itself"),
        ("webhook://h/?+X-A=a%0d%0aHost:x", "printable"),
        ("webhook://h/?+X%20A=a", "header with an invalid name"),
        ("webhooks://h/?cafile=/nonexistent/hunter2", "CA bundle"),
    ],
)
def test_a_problem_with_a_url_names_the_remedy_and_no_secret(url: str, problem_part: str) -> None:
    """The URL itself is not part of the problem."""
    problem = problem_with(url)
    assert problem is not None
    assert problem_part in problem
    assert "hunter2" not in problem
