"""What a refusal says about: the message, the channel, or neither."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.channels.classify import classify
from bridge.channels.contract import Verdict
from bridge.channels.refusals import refusal, smtp_refusal
from bridge.channels.response import Response

RECORDED = Path(__file__).parent.parent / "data" / "channels" / "refused.json"
MESSAGE, CHANNEL, UNDECIDED = Verdict.REJECTED, Verdict.CHANNEL_FAULT, Verdict.AMBIGUOUS


def verdict(status: int, body: object) -> Verdict:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return classify(Response(status, body=text), succeeded=False).verdict


@pytest.mark.parametrize("name", json.loads(RECORDED.read_text("utf-8")))
def test_no_recorded_refusal_of_a_channel_is_blamed_on_the_message(name: str) -> None:
    """Public reports: each of these made every alert a dead letter."""
    recorded = json.loads(RECORDED.read_text("utf-8"))[name]
    assert verdict(recorded["status"], recorded["body"]) is (UNDECIDED if name == "api gateway" else CHANNEL)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        # Slack
        (400, b"invalid_payload", MESSAGE),
        (400, b"no_text", MESSAGE),
        (403, b"action_prohibited", CHANNEL),
        (400, b"user_not_found", CHANNEL),
        (400, b"something_new", UNDECIDED),
        (200, {"ok": False, "error": "msg_blocks_too_long"}, MESSAGE),
        (200, {"ok": False, "error": "invalid_auth"}, CHANNEL),
        (200, {"ok": False, "error": "something_new"}, UNDECIDED),
        # Telegram
        (400, {"ok": False, "description": "Bad Request: can't parse entities: offset 9"}, MESSAGE),
        (400, {"ok": False, "description": "Bad Request: message is too long"}, MESSAGE),
        (400, {"ok": False, "description": "Bad Request: not enough rights to send photos to the chat"}, CHANNEL),
        (403, {"ok": False, "description": "Forbidden: bot was kicked from the group chat"}, CHANNEL),
        (400, {"ok": False, "description": "Bad Request: something new"}, UNDECIDED),
        # Discord
        (400, {"message": "Cannot send an empty message", "code": 50006}, MESSAGE),
        (400, {"message": "Invalid Form Body", "code": 50035, "errors": {"embeds": {"0": {}}}}, MESSAGE),
        (400, {"message": "Invalid Form Body", "code": 50035, "errors": {"username": {}}}, UNDECIDED),
        (400, {"message": "Thread is archived", "code": 50083}, CHANNEL),
        (403, {"message": "Missing Access", "code": 50001}, CHANNEL),
        (400, {"message": "something new", "code": 99999}, UNDECIDED),
        # Mattermost
        (400, {"id": "web.incoming_webhook.text.app_error", "message": "No text specified."}, MESSAGE),
        (403, {"id": "web.incoming_webhook.channel_locked.app_error", "message": "locked"}, CHANNEL),
        (400, {"id": "something.new", "message": "?"}, UNDECIDED),
        # PagerDuty
        (400, {"status": "invalid event", "errors": ["'payload.summary' is missing or blank"]}, MESSAGE),
        (400, {"status": "invalid event", "errors": ["Length of 'routing_key' is incorrect"]}, CHANNEL),
        # Opsgenie
        (422, {"message": "Request body is not processable.", "errors": {"message": "empty"}, "requestId": "r"}, MESSAGE),
        (403, {"message": "no permission", "code": 40301, "requestId": "r"}, CHANNEL),
        (422, {"message": "something else"}, UNDECIDED),
        # Teams
        (400, {"error": {"code": "TriggerInputSchemaMismatch"}}, MESSAGE),
        (400, {"error": {"code": "DirectApiAuthorizationRequired"}}, CHANNEL),
        (400, {"error": {"code": "SomethingNew"}}, UNDECIDED),
        # Splunk's HTTP Event Collector
        (400, {"text": "Event field is required", "code": 12}, MESSAGE),
        (400, {"text": "Incorrect index", "code": 7}, CHANNEL),
        (403, {"text": "Token disabled", "code": 1}, CHANNEL),
        # Loki
        (400, b"entry for stream '{rule=\"r\"}' has timestamp too old: 1, oldest acceptable timestamp is: 2", MESSAGE),
        (400, b"entry with timestamp 2026-01-01 00:00:00 +0000 UTC ignored, reason: 'entry too far behind, x'", MESSAGE),
        (400, b"entry for stream '{a=\"b\"}' has 16 label names; limit 15", UNDECIDED),
        (403, b"permission denied", UNDECIDED),
        (403, b"forbidden", UNDECIDED),
        (403, {"error": "forbidden"}, UNDECIDED),
        (403, {"error": {"code": 403, "errors": [{"reason": "forbidden"}]}}, CHANNEL),
        # Alertmanager
        (400, b'"invalid label set: invalid name \\"\\""', MESSAGE),
        (400, {"code": 602, "message": "0.labels in body is required"}, MESSAGE),
        # Any service
        (413, b"<html>413 Request Entity Too Large</html>", MESSAGE),
        (400, b"", UNDECIDED),
        (403, b"<html>blocked</html>", UNDECIDED),
        (405, b"", UNDECIDED),
        (422, b"[]", UNDECIDED),
        (401, b"", CHANNEL),
        (404, b"", CHANNEL),
        (410, b"", CHANNEL),
    ],
)  # fmt: skip
def test_only_the_words_of_a_service_decide(status: int, body: object, expected: Verdict) -> None:
    """Unknown words decide nothing."""
    assert verdict(status, body) is expected


@pytest.mark.parametrize(
    "text",
    [
        "invalid_blocks",
        "channel_not_found",
        "Bad Request: chat not found",
        "entry too far behind",
        "Invalid routing key",
    ],
)
def test_text_of_an_alert_that_a_service_repeats_decides_nothing(text: str) -> None:
    """A person who causes an alert must not choose what happens to it."""
    for body in (f"bad text: {text}".encode(), f"<p>{text}</p>".encode(), json.dumps({"error": f"in {text}"}).encode()):
        assert refusal(400, None, body) is UNDECIDED
        assert verdict(400, body) is UNDECIDED


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (450, "later", Verdict.RETRY),
        (535, "5.7.8 authentication failed", CHANNEL),
        (552, "5.3.4 too large", MESSAGE),
        (552, "5.2.2 mailbox full", UNDECIDED),
        (552, "", UNDECIDED),
        (554, "5.2.3 message too long", MESSAGE),
        (554, "5.3.4 message too big", MESSAGE),
        (550, "5.6.1 media not supported", MESSAGE),
        (550, "5.7.1 rejected", UNDECIDED),
        (554, "blocked, see 5.6.1", UNDECIDED),
    ],
)
def test_the_enhanced_code_of_a_mail_server_decides(code: int, text: str, expected: Verdict) -> None:
    """At the beginning of its text (RFC 2034)."""
    assert smtp_refusal(code, text) is expected
