"""From what the far side said to what it means for the delivery. Pure but for the clock of an HTTP date."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from bridge.channels.apprise.intercept import Response
from bridge.channels.broken import is_broken
from bridge.channels.contract import Outcome, Verdict
from bridge.common.text import one_line

_LONGEST_REASON = 300
_MOST_WAIT = 24 * 3600.0
_AGAIN = frozenset({408, 425, 429})
_LOGIN = frozenset({530, 534, 535})
_PASSING = ("rate", "timeout", "unavailable", "internal", "fatal_error", "try again")
"""Words in a service's own no that tell that it may say yes later."""

Accepted = Callable[[Any, bytes], bool]
"""Whether a 2xx answer, as JSON and as bytes, is the service's own."""


def judge(heard: Response, *, succeeded: bool, accepted: Accepted | None = None) -> Outcome:
    """The outcome of an attempt that Apprise called a success or a failure.

    ``accepted`` knows what this service's own yes looks like: whatever else answers 200, a login page or a proxy, is
    no delivery.
    """
    said = _json(heard.body)
    wait = _retry_after(heard.retry_after, said)
    status = heard.status
    if isinstance(said, dict) and said.get("ok") is False and status is not None and status < 300:
        return _told_no(heard, said, wait)
    if succeeded and (accepted is None or accepted(said, heard.body)):
        return Outcome(Verdict.DELIVERED, status)
    if status is None:
        return Outcome(Verdict.RETRY, None, heard.error or "no answer was understood")
    reason = _reason(heard)
    if heard.mail:
        return Outcome(of_smtp(status), status, reason)
    if status in _AGAIN or status >= 500:
        return Outcome(Verdict.RETRY, status, reason, wait)
    if status < 300:
        return Outcome(Verdict.RETRY, status, f"answered {status}, but not as this service does")
    if status < 400:
        reason = f"HTTP {status}: it redirects elsewhere, which is not followed"
    return Outcome(Verdict.CHANNEL_FAULT if is_broken(status, said, heard.body) else Verdict.REJECTED, status, reason)


def of_smtp(status: int) -> Verdict:
    """What a code of SMTP's means. 530, 534 and 535 are no letter's fault: the login is no good (RFC 4954)."""
    if status < 500:
        return Verdict.RETRY
    return Verdict.CHANNEL_FAULT if status in _LOGIN else Verdict.REJECTED


def _told_no(heard: Response, said: dict[str, Any], wait: float | None) -> Outcome:
    """A 200 whose body says no, as Slack's bot API answers."""
    error = one_line(str(said.get("error") or said.get("description") or "no reason given"), _LONGEST_REASON)
    reason = f"the service says: {error}"
    if wait is not None or any(word in error.lower() for word in _PASSING):
        return Outcome(Verdict.RETRY, heard.status, reason, wait)
    broken = is_broken(heard.status or 200, said, heard.body)
    return Outcome(Verdict.CHANNEL_FAULT if broken else Verdict.REJECTED, heard.status, reason)


def _reason(heard: Response) -> str:
    protocol = "SMTP" if heard.mail else "HTTP"
    text = one_line(heard.body.decode("utf-8", "replace"), _LONGEST_REASON)
    return f"{protocol} {heard.status}: {text}" if text else f"{protocol} {heard.status}"


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _retry_after(header: str | None, said: Any) -> float | None:
    """Seconds, from a header in either of its forms, or from the body as Discord and Telegram tell it."""
    seconds: float | None = None
    if header is not None:
        seconds = _seconds(header)
    elif isinstance(said, dict):
        inner = said.get("parameters")
        told = said.get("retry_after", inner.get("retry_after") if isinstance(inner, dict) else None)
        seconds = float(told) if isinstance(told, int | float) else None
    return None if seconds is None or seconds < 0 else min(seconds, _MOST_WAIT)


def _seconds(header: str) -> float | None:
    if header.strip().isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
