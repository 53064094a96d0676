"""What the answers of Splunk's HTTP Event Collector mean. Pure.

The codes are those of help.splunk.com, "Troubleshoot HTTP Event Collector".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.response import Response
from bridge.channels.service_errors import HEC_MESSAGE
from bridge.common.text import one_line
from bridge.delivery.outcome import summarized

_ACCEPTED = frozenset({0, 24, 25})
"""Success; success, and a queue or the acknowledgements near their capacity."""
_BUSY = frozenset({8, 9, 18, 19, 20, 23})
"""Internal error, busy, unhealthy queues, acknowledgements unavailable, shutting down."""
_MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Accepted:
    """The collector accepted the events."""

    acknowledgement: int | None = None
    """The id with which to ask whether they are indexed; None without indexer acknowledgement."""


def answer_of(response: Response, count: int, otherwise: Callable[[Response], Outcome]) -> Accepted | Outcome:
    """What the answer to ``count`` events means. ``otherwise`` judges one that is not the collector's."""
    parsed = _json(response.body)
    code = parsed.get("code") if isinstance(parsed, dict) else None
    if response.status is None or type(code) is not int:
        if response.status is not None and response.status < 300:
            reason = f"HTTP {response.status}: the response is not from the HTTP Event Collector"
            return Outcome(Verdict.RETRY, response.status, reason)
        return otherwise(response)
    if response.status < 300 and code in _ACCEPTED:
        number = parsed.get("ackId")
        return Accepted(number if type(number) is int else None)
    judged = otherwise(response)
    reason = f"HTTP {response.status}: {one_line(str(parsed.get('text', '')), _MAX_TEXT)} (code {code})"
    if code in _BUSY or response.status < 300:
        return Outcome(Verdict.RETRY, response.status, reason, judged.retry_after)
    if code in HEC_MESSAGE and response.status == 400:
        return _invalid(parsed.get("invalid-event-number"), count, reason)
    return Outcome(judged.verdict, response.status, reason, judged.retry_after)


def _invalid(number: Any, count: int, reason: str) -> Outcome:
    """One event is invalid. The others are sent again without it, though the collector may have taken some of them."""
    invalid = Outcome(Verdict.REJECTED, 400, reason)
    if count == 1 or type(number) is not int or not 0 <= number < count:
        return invalid
    again = Outcome(Verdict.RETRY, 400, f"another event of the request is invalid: {reason}")
    return summarized([invalid if at == number else again for at in range(count)])


def is_indexed(response: Response, acknowledgement: int) -> bool:
    """Whether the events of an acknowledgement are indexed."""
    parsed = _json(response.body)
    acks = parsed.get("acks") if isinstance(parsed, dict) and response.status == 200 else None
    return isinstance(acks, dict) and acks.get(str(acknowledgement)) is True


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
