"""Cloud Storage: one object of compressed lines for a batch, written once."""

from __future__ import annotations

import gzip
import json
import re

import pytest

from bridge.channels.contract import Verdict
from bridge.channels.registry import open_channel
from tests.channels.deliveries import make_delivery
from tests.channels.native.gcp.google import Google
from tests.support.far_side import Answer, FarSide


def test_a_batch_is_one_object_and_a_repeat_changes_nothing() -> None:
    """The name has the prefix, the time and ids. The answer to the second attempt is that the object exists."""
    google = Google()
    with FarSide(google).serving() as server:
        url = f"gcs://alerts/falco?endpoint=http://127.0.0.1:{server.port}&storage-class=NEARLINE"
        channel = open_channel("c", url, {})
        for _ in range(2):
            outcome = channel.send([make_delivery(1, rule="../x"), make_delivery(2)])
            assert outcome.verdict is Verdict.DELIVERED
    assert outcome.status == 412
    ((name, (kind, content)),) = google.objects.items()
    assert re.fullmatch(r"falco/1970/01/01/19700101T000000Z-1-[0-9a-f]{16}\.jsonl\.gz", name)
    assert kind == "application/gzip"
    assert [json.loads(line)["falco_bridge"]["delivery"] for line in gzip.decompress(content).splitlines()] == [1, 2]


def test_plain_lines_and_a_key_of_the_customer() -> None:
    """Where they are wanted."""
    google = Google()
    key = "projects/acme-prod/locations/eu/keyRings/falco/cryptoKeys/alerts"
    with FarSide(google).serving() as server:
        url = f"gcs://alerts?compression=none&kms-key={key}&endpoint=http://127.0.0.1:{server.port}"
        assert open_channel("c", url, {}).send([make_delivery(1)]).verdict is Verdict.DELIVERED
    assert "kmsKeyName=projects%2Facme-prod%2F" in server.requests[0].path
    ((name, (kind, content)),) = google.objects.items()
    assert (name.endswith(".jsonl"), kind) == (True, "application/x-ndjson")
    assert json.loads(content)["rule"] == "Terminal shell"


@pytest.mark.parametrize(
    ("reason", "code", "verdict"),
    [
        ("forbidden", 403, Verdict.CHANNEL_FAULT),
        ("notFound", 404, Verdict.CHANNEL_FAULT),
        ("rateLimitExceeded", 429, Verdict.RETRY),
        ("backendError", 503, Verdict.RETRY),
        ("odd", 400, Verdict.AMBIGUOUS),
    ],
)
def test_the_reason_of_the_error_decides(reason: str, code: int, verdict: Verdict) -> None:
    """cloud.google.com/storage/docs/json_api/v1/status-codes."""
    body = {"error": {"code": code, "message": "m", "errors": [{"domain": "global", "reason": reason, "message": "m"}]}}
    with FarSide(lambda _: Answer(code, json.dumps(body).encode())).serving() as server:
        outcome = open_channel("c", f"gcs://alerts?endpoint=http://127.0.0.1:{server.port}", {}).send([make_delivery()])
    assert outcome.verdict is verdict
