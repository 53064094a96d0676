"""Classifies a service's response: what it means for the delivery. Pure, except for the clock of an HTTP date."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.refusals import refusal, smtp_refusal
from bridge.channels.response import Response
from bridge.common.text import one_line

_MAX_REASON = 300
_MAX_WAIT = 24 * 3600.0
_RETRY_STATUSES = frozenset({408, 425, 429})
_TEMPORARY = ("rate", "timeout", "unavailable", "internal", "fatal_error", "try again")
"""Words in a service's error text that mark it as temporary."""

_PLAIN_BODIES = frozenset({b"", b"ok", b"OK"})
"""What many services answer. The error of the JSON decoder would cost 10 µs for each delivery."""

IsSuccess = Callable[[Any, bytes], bool]
"""Whether a 2xx response comes from the service itself. Arguments: the body decoded from JSON, and the body."""


def classify(response: Response, *, succeeded: bool, is_success: IsSuccess | None = None) -> Outcome:
    """The outcome of an attempt.

    ``succeeded`` is the sender's own view, such as that of an Apprise plugin. ``is_success`` recognizes the service's
    response: a 200 from a login page or a proxy is not a delivery.
    """
    parsed = _json(response.body)
    wait = _retry_after(response.retry_after, parsed)
    status = response.status
    if isinstance(parsed, dict) and parsed.get("ok") is False and status is not None and status < 300:
        return _error_in_body(response, parsed, wait)
    if succeeded and (is_success is None or is_success(parsed, response.body)):
        return Outcome(Verdict.DELIVERED, status)
    if status is None:
        return Outcome(Verdict.RETRY, None, response.error or "no usable response")
    reason = _reason(response)
    if response.is_smtp:
        return Outcome(smtp_refusal(status, response.body.decode("utf-8", "replace")), status, reason)
    if status in _RETRY_STATUSES or status >= 500:
        return Outcome(Verdict.RETRY, status, reason, wait)
    if status < 300:
        return Outcome(Verdict.RETRY, status, f"HTTP {status}: the response is not from the service itself")
    if status < 400:
        reason = f"HTTP {status}: redirects are not followed"
    return Outcome(refusal(status, parsed, response.body), status, reason)


def _error_in_body(response: Response, parsed: dict[str, Any], wait: float | None) -> Outcome:
    """A 2xx whose body reports an error, as Slack's bot API sends it."""
    error = one_line(str(parsed.get("error") or parsed.get("description") or "no reason given"), _MAX_REASON)
    reason = f"service error: {error}"
    if wait is not None or any(word in error.lower() for word in _TEMPORARY):
        return Outcome(Verdict.RETRY, response.status, reason, wait)
    return Outcome(refusal(response.status or 200, parsed, response.body), response.status, reason)


def _reason(response: Response) -> str:
    protocol = "SMTP" if response.is_smtp else "HTTP"
    text = one_line(response.body.decode("utf-8", "replace"), _MAX_REASON)
    return f"{protocol} {response.status}: {text}" if text else f"{protocol} {response.status}"


def _json(body: bytes) -> Any:
    if body in _PLAIN_BODIES:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _retry_after(header: str | None, parsed: Any) -> float | None:
    """Seconds to wait, from the header, or from the body as Discord and Telegram send it."""
    if header is not None:
        return _bounded(_header_seconds(header))
    if not isinstance(parsed, dict):
        return None
    parameters = parsed.get("parameters")
    nested = parameters.get("retry_after") if isinstance(parameters, dict) else None
    value = parsed.get("retry_after", nested)
    return _bounded(value) if isinstance(value, int | float) else None


def _bounded(seconds: float | None) -> float | None:
    """At most a day; None for a negative time and for NaN. An integer may be larger than any float."""
    return float(min(seconds, _MAX_WAIT)) if seconds is not None and seconds >= 0 else None


def _header_seconds(header: str) -> float | None:
    """Seconds of a ``Retry-After`` header in either of its forms; None if it is malformed."""
    digits = header.strip()
    if digits.isascii() and digits.isdigit():
        return float(digits)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
