"""Event Hubs: events in one request, signatures and identities, and what errors mean."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote

import pytest

from bridge.channels.contract import Verdict
from bridge.channels.native.azure.tokens import SharedKey
from bridge.channels.registry import open_channel, problem_with
from bridge.common.masking import secrets_in
from tests.channels.deliveries import make_delivery
from tests.support.certificates import make_authority
from tests.support.far_side import Answer, FarSide, Request

KEY = "l9+h7A/Hjf0rZl6J2m5bVgV1oYkPz3m0+AEhCQ4xYbE="
TENANT, TOKEN = "11111111-2222-3333-4444-555555555555", "eyJ0eXAi.EXAMPLE.token"


def hub(request: Request) -> Answer:
    """Answers like Event Hubs' REST API, and refuses what its reference does not allow."""
    if request.path != "/falco/messages?api-version=2014-01":
        return Answer(404, b"<Error><Code>404</Code><Detail>The messaging entity could not be found.</Detail></Error>")
    if request.headers["Content-Type"] != "application/vnd.microsoft.servicebus.json" or len(request.body) > 256 * 1024:
        return Answer(413, b"")
    if not authorized(request.headers["Authorization"]):
        return Answer(401, b"<Error><Code>401</Code><Detail>InvalidSignature: " + KEY.encode() + b"</Detail></Error>")
    assert all(isinstance(each["Body"], str) for each in json.loads(request.body))
    return Answer(201, b"")


def authorized(header: str) -> bool:
    if header == f"Bearer {TOKEN}":
        return True
    values = {name: value[0] for name, value in parse_qs(header.removeprefix("SharedAccessSignature ")).items()}
    signed = f"{header.partition('sr=')[2].partition('&')[0]}\n{values['se']}"
    expected = hmac.digest(KEY.encode(), signed.encode(), hashlib.sha256)
    return values["sig"] == base64.b64encode(expected).decode() and values["skn"] == "send"


def test_a_batch_is_one_request_with_an_event_for_each_alert(tmp_path: Path) -> None:
    """Signed with the key of the URL; huge alerts are cut to what the smallest tier takes."""
    authority = make_authority(tmp_path)
    with FarSide(hub, authority.issue("hub")).serving() as server:
        rest = f"cafile={authority.certificate}"
        url = f"eventhub://send:{KEY}@127.0.0.1:{server.port}/falco?{rest}&:env=prod"
        sent = [make_delivery(at, output_fields={"proc.cmdline": '"x' * 100_000}) for at in range(5)]
        outcome = open_channel("c", url, {"cluster": "eu-1"}).send([make_delivery(9), *sent])
        assert outcome.verdict is Verdict.DELIVERED, outcome
        wrong = open_channel("c", f"eventhub://other:{KEY}@127.0.0.1:{server.port}/falco?{rest}", {})
        refused = wrong.send([make_delivery()])
        missing = open_channel("c", f"eventhub://send:{KEY}@127.0.0.1:{server.port}/other?{rest}", {})
        assert missing.send([make_delivery()]).verdict is Verdict.CHANNEL_FAULT
    assert (refused.verdict, refused.status) == (Verdict.CHANNEL_FAULT, 401)
    first, *_ = json.loads(server.requests[0].body)
    assert json.loads(first["Body"])["falco_bridge"]["labels"] == {"cluster": "eu-1", "env": "prod"}
    assert first["UserProperties"]["severity"] == "critical"
    assert first["UserProperties"]["id"] == make_delivery(9).alert.id


def test_a_signature_is_that_of_the_documentation() -> None:
    """For the URL of the hub, and for about an hour."""
    header = SharedKey("https://acme.servicebus.windows.net/falco", "send", KEY, lambda: 1_000_000.0).header()
    token = header["Authorization"].removeprefix("SharedAccessSignature ")
    values = dict(each.split("=", 1) for each in token.split("&"))
    assert unquote(values["sr"]) == "https://acme.servicebus.windows.net/falco"
    assert 1_000_000 + 3000 <= int(values["se"]) <= 1_000_000 + 3600
    assert authorized(header["Authorization"])


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(429, b"", {"Retry-After": "4"}), Verdict.RETRY),
        (Answer(503, b"<Error><Code>503</Code><Detail>50002: the server is busy</Detail></Error>"), Verdict.RETRY),
        (Answer(413, b"<Error><Code>413</Code></Error>"), Verdict.REJECTED),
        (Answer(403, b"<Error><Code>403</Code><Detail>quota</Detail></Error>"), Verdict.AMBIGUOUS),
        (Answer(200, b"<html>login</html>"), Verdict.RETRY),
        (Answer(400, KEY.encode()), Verdict.AMBIGUOUS),
    ],
)
def test_the_status_decides(answer: Answer, verdict: Verdict, tmp_path: Path) -> None:
    """A login page is no delivery. No reason shows the key or the signature."""
    authority = make_authority(tmp_path)

    def answers(request: Request) -> Answer:
        return Answer(answer.status, answer.body + request.headers["Authorization"].encode(), answer.headers)

    with FarSide(answers, authority.issue("hub")).serving() as server:
        url = f"eventhub://send:{KEY}@127.0.0.1:{server.port}/falco?cafile={authority.certificate}"
        outcome = open_channel("c", url, {}).send([make_delivery()])
    assert outcome.verdict is verdict
    assert outcome.reason
    assert "sig=" not in outcome.reason
    assert {KEY, "send:" + KEY} <= secrets_in(url)


def test_an_identity_gets_a_token(tmp_path: Path) -> None:
    """Of a service principal in the environment; a refused one is a fault of the channel, without its secret."""
    authority = make_authority(tmp_path)
    pair = authority.issue("azure")

    def login(request: Request) -> Answer:
        base = f"https://127.0.0.1:{login_server.port}/{TENANT}"
        if request.path.endswith("/.well-known/openid-configuration"):
            names = {"token_endpoint": "token", "authorization_endpoint": "authorize", "issuer": "v2.0"}
            return Answer(200, json.dumps({name: f"{base}/{path}" for name, path in names.items()}).encode())
        if b"right" in request.body:
            answer = {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
            return Answer(200, json.dumps(answer).encode())
        error = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
        return Answer(401, json.dumps(error).encode())

    login_server = FarSide(login, pair)
    with login_server.serving(), FarSide(hub, pair).serving() as server:
        url = f"eventhub://127.0.0.1:{server.port}/falco?cafile={authority.certificate}"
        code = (
            "from bridge.channels.registry import open_channel\n"
            "from tests.channels.deliveries import make_delivery\n"
            f"outcome = open_channel('c', {url!r}, {{}}).send([make_delivery()])\n"
            "print(outcome.verdict.value, outcome.reason)\n"
        )
        environ = {name: value for name, value in os.environ.items() if not name.startswith("AZURE_")} | {
            "AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": "falco", "REQUESTS_CA_BUNDLE": str(authority.certificate),
            "AZURE_AUTHORITY_HOST": f"https://127.0.0.1:{login_server.port}", "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
        }  # fmt: skip
        said = [
            subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[4],
                env=environ | {"AZURE_CLIENT_SECRET": secret},
            ).stdout
            for secret in ("right-secret", "wrong-secret")
        ]  # fmt: skip
    assert said[0] == "delivered \n"
    assert said[1].startswith("channel_fault no token of Azure: ")
    assert "wrong-secret" not in said[1]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("eventhub://acme.servicebus.windows.net", "no valid name of an event hub; write eventhub://NAMESPACE"),
        ("eventhub://send@acme.servicebus.windows.net/falco", "half of a login; write KEY_NAME:KEY@"),
        ("eventhub://acme.servicebus.windows.net/falco?endpoint=x", "invalid `endpoint`"),
        ("eventhub://acme.servicebus.windows.net/falco?partition=1", "unknown parameter"),
    ],
)
def test_a_mistake_in_the_url_is_explained(url: str, problem: str) -> None:
    """At `check`, without a connection."""
    assert problem in str(problem_with(url))
