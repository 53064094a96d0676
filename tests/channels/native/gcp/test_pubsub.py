"""Pub/Sub: messages with attributes, order where it is wanted, and what errors mean."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from bridge.channels.contract import Verdict
from bridge.channels.registry import open_channel, problem_with
from bridge.common.masking import secrets_in
from bridge.delivery.extras import ChannelExtras, ClientTls
from bridge.routing import NotificationContext
from tests.channels.deliveries import make_delivery
from tests.channels.native.gcp.google import TOKEN, Google, error, private_key, service_account
from tests.support.builders import delivery, notification
from tests.support.certificates import make_authority
from tests.support.far_side import Answer, FarSide


def test_a_batch_is_one_request_with_a_message_for_each_alert() -> None:
    """The attributes are for filters; an attacker's text is bounded in them."""
    google = Google()
    with FarSide(google).serving() as server:
        url = f"pubsub://acme-prod/falco?endpoint=http://127.0.0.1:{server.port}&:team=sec"
        sent = [make_delivery(1), make_delivery(2, rule="\x1b" * 5000, output_fields={"proc.cmdline": "x" * 3_000_000})]
        outcome = open_channel("c", url, {"cluster": "eu-1"}).send(sent)
    assert outcome.verdict is Verdict.DELIVERED
    assert "Authorization" not in server.requests[0].headers, "an emulator needs no token"
    ((first, second),) = google.messages
    assert first["attributes"] == {
        "rule": "Terminal shell", "source": "syscall", "priority": "Warning", "severity": "critical",
        "id": sent[0].alert.id, "team": "sec",
    }  # fmt: skip
    assert first["data"]["falco_bridge"]["labels"] == {"cluster": "eu-1", "team": "sec"}
    assert second["attributes"]["rule"].isprintable()
    assert "orderingKey" not in first


def test_in_order_each_key_is_a_request() -> None:
    """All messages of a request have the same key. After a failure the rest is tried again, and nothing twice."""
    google = Google()
    with FarSide(google).serving() as server:
        url = f"pubsub://acme-prod/falco?ordering=yes&endpoint=http://127.0.0.1:{server.port}"
        channel = open_channel("c", url, {})
        first = make_delivery(1)
        sent = [delivery(first.alert, at, to=notification("c", f"route {at % 2}")) for at in range(4)]
        assert channel.send(sent).verdict is Verdict.DELIVERED
        assert [[each["data"]["falco_bridge"]["delivery"] for each in part] for part in google.messages] == [
            [0, 2],
            [1, 3],
        ]
        keys = [{each["orderingKey"] for each in part} for part in google.messages]
        assert keys[0] != keys[1]
        google.errors = [Answer(200, b'{"messageIds": ["1", "2"]}'), error(503, "UNAVAILABLE", "try later")]
        outcome = channel.send(sent)
    assert [each.verdict.value for each in outcome.each] == ["delivered", "retry", "delivered", "retry"]


def test_a_token_of_a_service_account_is_used_and_renewed(tmp_path: Path) -> None:
    """Of a key in the URL or in a file; a refused token is not used again."""
    authority, google = make_authority(tmp_path), Google(needs_token=True)
    pair = authority.issue("google")
    key_file = tmp_path / "key.json"
    with FarSide(google, pair).serving() as api, FarSide(google).serving() as tokens:
        key = json.dumps(service_account(tokens.port))
        key_file.write_text(key, encoding="utf-8")
        forms = [
            f"key={base64.b64encode(key.encode()).decode().rstrip('=')}",
            f"key={quote(key)}",
            f"key-file={quote(str(key_file))}",
        ]
        for form in forms:
            url = (
                f"pubsub://acme-prod/falco?{form}&endpoint=https://127.0.0.1:{api.port}&cafile={authority.certificate}"
            )
            channel = open_channel("c", url, {})
            for _ in range(2):
                assert channel.send([make_delivery()]).verdict is Verdict.DELIVERED
        assert google.tokens == len(forms), "a token is used until it expires"
        google.errors = [error(401, "UNAUTHENTICATED", f"{TOKEN} is invalid")]
        outcome = channel.send([make_delivery()])
        assert outcome.verdict is Verdict.CHANNEL_FAULT
        assert TOKEN not in outcome.reason
        assert channel.send([make_delivery()]).verdict is Verdict.DELIVERED
        assert google.tokens == len(forms) + 1


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(400, b'{"error":"invalid_grant","error_description":"Invalid JWT Signature."}'), Verdict.CHANNEL_FAULT),
        (Answer(503, b'{"error":"internal_failure"}'), Verdict.RETRY),
    ],
)
def test_a_key_without_a_token_is_explained(answer: Answer, verdict: Verdict, tmp_path: Path) -> None:
    """A refused key is a fault of the channel; a token server that is down is tried again. The key is shown nowhere."""
    with FarSide(lambda _: answer).serving() as tokens:
        key = base64.b64encode(json.dumps(service_account(tokens.port)).encode()).decode()
        url = f"pubsub://acme-prod/falco?key={key}&endpoint=https://127.0.0.1:1"
        outcome = open_channel("c", url, {}).send([make_delivery()])
    assert outcome.verdict is verdict
    assert outcome.reason.startswith("no token of Google: ")
    assert private_key()[40:60] not in outcome.reason
    assert key in secrets_in(url)
    assert "acme-prod" not in secrets_in(url)


def test_without_credentials_the_reason_says_where_to_write_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file, no metadata service."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    outcome = open_channel("c", "pubsub://acme-prod/falco?endpoint=https://127.0.0.1:1", {}).send([make_delivery()])
    assert outcome.verdict is Verdict.CHANNEL_FAULT
    assert "GOOGLE_APPLICATION_CREDENTIALS" in outcome.reason


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (error(403, "PERMISSION_DENIED", "User not authorized to perform this action."), Verdict.CHANNEL_FAULT),
        (error(404, "NOT_FOUND", "Resource not found (resource=falco)."), Verdict.CHANNEL_FAULT),
        (error(400, "FAILED_PRECONDITION", "Cloud KMS key is disabled"), Verdict.CHANNEL_FAULT),
        (error(429, "RESOURCE_EXHAUSTED", "Quota exceeded"), Verdict.RETRY),
        (error(503, "UNAVAILABLE", "The service was unable to fulfill your request"), Verdict.RETRY),
        (error(400, "INVALID_ARGUMENT", "PERMISSION_DENIED"), Verdict.AMBIGUOUS),
        (Answer(200, b"<html>login</html>"), Verdict.RETRY),
        (Answer(200, b'{"messageIds": []}'), Verdict.RETRY),
        (Answer(200, raw=b""), Verdict.RETRY),
    ],
)
def test_the_status_of_the_error_decides(answer: Answer, verdict: Verdict) -> None:
    """Its text does not. A login page is no delivery."""
    with FarSide(lambda _: answer).serving() as server:
        url = f"pubsub://acme-prod/falco?endpoint=http://127.0.0.1:{server.port}"
        outcome = open_channel("c", url, {}).send([make_delivery()])
    assert outcome.verdict is verdict
    assert outcome.reason


def test_the_json_of_falcosidekick_and_ids_of_later_messages() -> None:
    """A message about the same alert later has another id."""
    google = Google()
    with FarSide(google).serving() as server:
        url = f"pubsub://projects/acme-prod/topics/falco?format=falcosidekick&endpoint=http://127.0.0.1:{server.port}"
        later = make_delivery(2)
        to = replace(later.notification, context=NotificationContext())
        sent = [make_delivery(1), delivery(later.alert, 2, to=to)]
        assert open_channel("c", url, {}).send(sent).verdict is Verdict.DELIVERED
    ((first, second),) = google.messages
    assert "uuid" in first["data"]
    assert second["attributes"]["id"] == f"{first['attributes']['id']}-2"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("pubsub://acme-prod", "no valid name of a topic; write pubsub://PROJECT/TOPIC"),
        ("pubsub://ACME/falco", "no valid name of a topic"),
        ("pubsub://u:p@acme-prod/falco", "a login, which Google Cloud does not know"),
        ("pubsub://acme-prod/falco?ordering=maybe", "invalid `ordering`; write one of no, yes"),
        ("pubsub://acme-prod/falco?key=xyz", "invalid `key`; give the JSON"),
        ("pubsub://acme-prod/falco?key=e30=", "invalid `key`"),
        ('pubsub://acme-prod/falco?key={"type":"service_account"}', "invalid `key`"),
        ("pubsub://acme-prod/falco?key-file=/dev/null", "invalid `key-file`"),
        ("pubsub://acme-prod/falco?key-file=/no/such", "`key-file` that cannot be read"),
        ("pubsub://acme-prod/falco?endpoint=localhost:8085", "invalid `endpoint`"),
        ("chronicle://acme-prod?region=eu", "no valid instance"),
        ("chronicle://acme-prod/0123", "no valid `region`"),
        ("chronicle://acme-prod/0123?region=eu&log-type=a/b", "invalid `log-type`"),
        ("gcs://b", "no valid name of a bucket; write gcs://BUCKET/PREFIX"),
        ("gcs://bucket?storage-class=cold", "invalid `storage-class`"),
        ("gcs://bucket?kms-key=k", "invalid `kms-key`; write projects/"),
        ("gcs://bucket?sse=AES256", "unknown parameter"),
    ],
)
def test_a_mistake_in_the_url_is_explained(url: str, problem: str) -> None:
    """At `check`, without a connection."""
    assert problem in str(problem_with(url))


def test_client_certificates_are_used(tmp_path: Path) -> None:
    """As by the other channels over HTTPS."""
    authority = make_authority(tmp_path)
    pair, google = authority.issue("google"), Google()
    api = FarSide(google, pair, client_authority=authority.certificate)
    with api.serving(), FarSide(google).serving() as tokens:
        key = base64.b64encode(json.dumps(service_account(tokens.port)).encode()).decode()
        client = authority.issue("client")
        tls = ClientTls(str(authority.certificate), str(client.certificate), str(client.key))
        url = f"pubsub://acme-prod/falco?key={key}&endpoint=https://127.0.0.1:{api.port}"
        outcome = open_channel("c", url, {}, extras=ChannelExtras(tls)).send([make_delivery()])
    assert outcome.verdict is Verdict.DELIVERED
