"""Credentials, roles, errors and time limits of AWS channels; secrets appear nowhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.channels.contract import Verdict
from bridge.channels.native.aws import client
from bridge.channels.native.aws.errors import classified
from bridge.channels.native.aws.resource import parse_resource
from bridge.channels.registry import open_channel
from bridge.common.masking import secrets_in
from tests.channels.deliveries import make_delivery
from tests.channels.native.aws.conftest import LOGIN, REGION, Cloud
from tests.support.certificates import make_authority
from tests.support.far_side import Answer, FarSide

KEY_ID, SECRET = LOGIN.split(":")
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLETOKEN" * 20


def test_the_credentials_of_the_environment_are_used(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the URL has none; without any, the reason says where to write them."""
    queue = cloud.client("sqs").create_queue(QueueName="q")["QueueUrl"].partition("://")[2]
    url = f"sqs://{queue}?region={REGION}&endpoint={cloud.url}"
    outcome = open_channel("c", url, {}).send([make_delivery()])
    assert outcome.verdict is Verdict.CHANNEL_FAULT
    assert "no AWS credentials found" in outcome.reason
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert open_channel("c", url, {}).send([make_delivery()]).verdict is Verdict.DELIVERED


def test_a_role_is_assumed(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the external id; requests are signed with the role's temporary key."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", cloud.url)
    role = "arn:aws:iam::123456789012:role/falco"
    with FarSide(lambda _: Answer(200, b'{"Successful":[{"Id":"0"}]}')).serving() as server:
        url = (
            f"sqs://{LOGIN}@127.0.0.1:{server.port}/1/q?region={REGION}&endpoint=http://127.0.0.1:{server.port}"
            f"&role={role}&external-id=tenant-7"
        )
        outcome = open_channel("c", url, {}).send([make_delivery()])
    assert outcome.verdict is Verdict.DELIVERED
    headers = server.requests[0].headers
    assert "Credential=ASIA" in headers["Authorization"]
    assert headers["X-Amz-Security-Token"]
    assert KEY_ID not in headers["Authorization"]


def refused(code: str, message: str, status: int) -> Answer:
    body = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": message}).encode()
    return Answer(status, body, {"Content-Type": "application/x-amz-json-1.0"})


@pytest.mark.parametrize(
    ("answer", "verdict", "status"),
    [
        (refused("AccessDenied", "not authorized to perform: sqs:sendmessage", 403), Verdict.CHANNEL_FAULT, 403),
        (refused("QueueDoesNotExist", "The specified queue does not exist.", 400), Verdict.CHANNEL_FAULT, 400),
        (refused("InvalidClientTokenId", "The security token is invalid", 403), Verdict.CHANNEL_FAULT, 403),
        (refused("ExpiredToken", "The security token is expired", 403), Verdict.CHANNEL_FAULT, 403),
        (refused("KmsAccessDenied", "The ciphertext refers to a key", 400), Verdict.CHANNEL_FAULT, 400),
        (refused("RequestThrottled", "Rate exceeded", 400), Verdict.RETRY, 429),
        (refused("ThrottlingException", "Rate exceeded", 400), Verdict.RETRY, 429),
        (refused("ServiceUnavailable", "", 503), Verdict.RETRY, 503),
        (refused("Unheard", "of", 500), Verdict.RETRY, 500),
        (refused("BatchRequestTooLong", "longer than 262144 bytes", 400), Verdict.REJECTED, 400),
        (refused("Unheard", "of", 400), Verdict.AMBIGUOUS, 400),
        (Answer(200, raw=b""), Verdict.RETRY, None),
    ],
)
def test_the_error_decides(answer: Answer, verdict: Verdict, status: int | None) -> None:
    """Throttling slows the channel down, a missing permission is a fault of it, and a connection is tried again."""
    with FarSide(lambda _: answer).serving() as server:
        url = f"sqs://{LOGIN}@127.0.0.1:{server.port}/1/q?endpoint=http://127.0.0.1:{server.port}"
        outcome = open_channel("c", url, {}).send([make_delivery()])
    assert (outcome.verdict, outcome.status) == (verdict, status)
    assert outcome.reason
    assert len(server.requests) == 1, "the courier retries, not the client"


@pytest.mark.parametrize(
    "url", ["s3://{}bucket", "sqs://{}h/1/q", "kinesis://{}s", "cloudwatch-logs://{}g", "lambda://{}f",
            "sns-topic://{}arn:aws:sns:eu-west-1:1:t"]
)  # fmt: skip
@pytest.mark.parametrize("body", [b"<html>login</html>", b"", b"{}"])
def test_a_login_page_is_no_delivery(url: str, body: bytes) -> None:
    """A proxy answers 200 with it."""
    with FarSide(lambda _: Answer(200, body)).serving() as server:
        whole = f"{url.format(LOGIN + '@')}?endpoint=http://127.0.0.1:{server.port}&region={REGION}"
        outcome = open_channel("c", whole, {}).send([make_delivery()])
    assert outcome.verdict is Verdict.RETRY
    assert outcome.reason


def test_an_answer_that_repeats_secrets_shows_none() -> None:
    """A refused signature is explained with the request, its session token and its key; other texts have signed URLs."""
    canonical = f"x-amz-security-token:{TOKEN}\nCredential={KEY_ID}/20260304"
    texts = [
        refused("SignatureDoesNotMatch", f"The Canonical String should have been 'POST\n{canonical}'", 403),
        refused("InvalidToken", f"{TOKEN} of {SECRET}", 400),
        refused("Odd", f"https://b.s3.amazonaws.com/k?X-Amz-Signature=abcdef&X-Amz-Security-Token=tok {KEY_ID}", 400),
        refused("AccessDenied", "User: arn:aws:iam::1:user/falco with key ASIAQWERTYUIOPASDFGH is not authorized", 403),
    ]
    for answer in texts:
        with FarSide(lambda _, answer=answer: answer).serving() as server:
            url = f"sqs://{LOGIN}@127.0.0.1:{server.port}/1/q?token={TOKEN}&endpoint=http://127.0.0.1:{server.port}"
            reason = open_channel("c", url, {}).send([make_delivery()]).reason
        for secret in (KEY_ID, SECRET, TOKEN, "abcdef", "=tok ", "ASIAQWERTYUIOPASDFGH", "x-amz-security"):
            assert secret not in reason, reason
    assert "user/falco" in reason


def test_secrets_of_a_url_are_the_login_and_the_token() -> None:
    """Buckets, regions and roles can be read in errors."""
    url = f"s3://{LOGIN}@falco-alerts/prefix?region={REGION}&role=arn:aws:iam::1:role/falco-writer&token={TOKEN}"
    secrets = secrets_in(url)
    assert {KEY_ID, SECRET, TOKEN} <= secrets
    assert not {"falco-alerts", "prefix", REGION, "arn:aws:iam::1:role/falco-writer"} & secrets
    assert SECRET not in repr(parse_resource(url, ()))


def test_a_service_that_hangs_or_is_down_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the time limit of a request."""
    monkeypatch.setattr(client, "READ_SECONDS", 0.2)
    with FarSide(lambda _: Answer(hangs=True)).serving() as server:
        url = f"s3://{LOGIN}@bucket?endpoint=http://127.0.0.1:{server.port}"
        outcome = open_channel("c", url, {}).send([make_delivery()])
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "timed out")
    outcome = open_channel("c", url, {}).send([make_delivery()])
    assert outcome.verdict is Verdict.RETRY
    assert outcome.reason.startswith("connection refused")


def test_the_bundle_of_the_bridge_verifies_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """REQUESTS_CA_BUNDLE, or `cafile` of the channel; another CA is not trusted."""
    authority = make_authority(tmp_path)
    pair = authority.issue("127.0.0.1")
    with FarSide(lambda _: Answer(200, b'{"Successful":[{"Id":"0"}]}'), pair).serving() as server:
        url = f"sqs://{LOGIN}@127.0.0.1:{server.port}/1/q?endpoint=https://127.0.0.1:{server.port}"
        untrusted = open_channel("c", url, {}).send([make_delivery()])
        trusted = open_channel("c", f"{url}&cafile={authority.certificate}", {}).send([make_delivery()])
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.certificate))
        by_environment = open_channel("c", url, {}).send([make_delivery()])
    assert (untrusted.verdict, trusted.verdict, by_environment.verdict) == (
        Verdict.RETRY, Verdict.DELIVERED, Verdict.DELIVERED,
    )  # fmt: skip
    assert "TLS certificate" in untrusted.reason


def test_opening_a_channel_does_not_load_botocore() -> None:
    """It takes 0.3 s and 20 MB, which the router does not need for its check."""
    code = (
        "import sys; from bridge.channels.registry import problem_with; "
        f"print(problem_with('s3://{LOGIN}@bucket?region={REGION}'), 'botocore' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None False\n"


def test_a_missing_library_is_reported_with_its_command() -> None:
    """At `check` and at the start."""
    code = (
        "import importlib.util as u, sys; real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'botocore' else real(name, *a)\n"
        "from bridge.channels.registry import problem_with\n"
        f"print(problem_with('s3://bucket?region={REGION}'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "needs a library that is not installed; run: " in done.stdout
    assert "'botocore" in done.stdout


def test_codes_are_compared_as_a_whole() -> None:
    """An alert's text in a message decides nothing."""
    assert classified("Odd", "AccessDenied Throttling", 400).verdict is Verdict.AMBIGUOUS
