"""The verdict of a response, without a server: ``Retry-After``, SMTP codes and malformed bodies."""

from __future__ import annotations

import pytest

from bridge.channels.classify import classify
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.refusals import smtp_refusal
from bridge.channels.response import Response


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("99999999", 86_400.0),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("\xb2", None),
        ("9" * 5000, 86_400.0),
    ],
)
def test_retry_after_is_bounded_and_ignored_if_malformed(header: str, seconds: float | None) -> None:
    """At most a day; a date in the past is no delay."""
    assert classify(Response(429, header), succeeded=False).retry_after == seconds


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b'{"retry_after": 2.5}', 2.5),
        (b'{"parameters": {"retry_after": 9}}', 9.0),
        (b'{"retry_after": -1}', None),
        (b'{"retry_after": "7"}', None),
        (b'{"retry_after": NaN}', None),
        (b'{"retry_after": 1e400}', 86_400.0),
        (b'{"retry_after": ' + b"9" * 400 + b"}", 86_400.0),
        (b'{"retry_after": -' + b"9" * 400 + b"}", None),
        (b'{"parameters": 7}', None),
        (b"[7]", None),
        (b"[" * 50_000, None),
        (b"\xff", None),
    ],
)
def test_a_delay_in_the_body_is_used_if_it_is_a_number(body: bytes, seconds: float | None) -> None:
    """Discord and Telegram send it there. A malformed or deeply nested body is no error."""
    assert classify(Response(429, None, body), succeeded=False).retry_after == seconds


@pytest.mark.parametrize(("header", "body"), [("\xb2", b""), (None, b'{"retry_after": ' + b"9" * 400 + b"}")])
def test_a_malformed_delay_makes_no_delivery_fail(header: str | None, body: bytes) -> None:
    """What was accepted is not sent again because of what the answer says about a next attempt."""
    assert classify(Response(200, header, body), succeeded=True) == Outcome(Verdict.DELIVERED, 200)


def test_the_header_takes_precedence_over_the_body() -> None:
    """Both may be present."""
    assert classify(Response(429, "3", b'{"retry_after": 9}'), succeeded=False).retry_after == 3.0


def test_a_success_without_a_status_is_delivered() -> None:
    """Plugins that do not use HTTP, such as syslog, report success only."""
    assert classify(Response(), succeeded=True) == Outcome(Verdict.DELIVERED)


def test_a_failure_without_a_status_is_tried_again_with_its_reason() -> None:
    """Nothing is known about what the service did."""
    assert classify(Response(error="timed out"), succeeded=False) == Outcome(Verdict.RETRY, None, "timed out")
    assert classify(Response(), succeeded=False) == Outcome(Verdict.RETRY, None, "no usable response")


def test_a_2xx_that_is_not_from_the_service_is_tried_again() -> None:
    """A login page or a proxy may answer 200 to everything."""
    outcome = classify(Response(200, None, b"<html>"), succeeded=True, is_success=lambda _parsed, body: body == b"ok")
    assert outcome == Outcome(Verdict.RETRY, 200, "HTTP 200: the response is not from the service itself")


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (421, Verdict.RETRY),
        (499, Verdict.RETRY),
        (500, Verdict.AMBIGUOUS),
        (530, Verdict.CHANNEL_FAULT),
        (534, Verdict.CHANNEL_FAULT),
        (535, Verdict.CHANNEL_FAULT),
        (552, Verdict.AMBIGUOUS),
        (554, Verdict.AMBIGUOUS),
    ],
)
def test_an_smtp_code_decides(code: int, verdict: Verdict) -> None:
    """4xx is temporary; the codes of RFC 4954 are about the login."""
    assert smtp_refusal(code, "no") is verdict
    assert classify(Response(code, body=b"no", is_smtp=True), succeeded=False) == Outcome(
        verdict, code, f"SMTP {code}: no"
    )
