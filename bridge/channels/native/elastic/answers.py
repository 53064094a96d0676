"""What the answer of the bulk API means for each delivery. Pure.

The answer has an item for each document, in their order (elastic.co/docs/api, operation-bulk).
"""

from __future__ import annotations

import json
from typing import Any

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.response import Response
from bridge.common.text import one_line
from bridge.delivery.outcome import summarized

ANSWER_FIELDS = "errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason"
"""The members of the answer that are read, as ``filter_path``. A whole answer has 200 bytes for each document."""
_MAX_REASON = 300
_EXISTS = "version_conflict_engine_exception"
"""The document is there already: an earlier attempt was answered too late."""
_TEMPORARY = frozenset(
    {
        "circuit_breaking_exception", "cluster_block_exception", "es_rejected_execution_exception",
        "process_cluster_event_timeout_exception", "rejected_execution_exception", "timeout_exception",
        "unavailable_shards_exception",
    }
)  # fmt: skip
"""Busy, without a primary shard, or read-only because its disk is full."""
_CHANNEL = frozenset(
    {
        "index_closed_exception", "index_not_found_exception", "invalid_index_name_exception", "security_exception",
        "validation_exception",
    }
)  # fmt: skip
"""No document is accepted until the index, its permissions or (``validation_exception``) too many shards are
corrected."""


def whole_answer(response: Response) -> Outcome | None:
    """The outcome of an answer that says why the whole request failed; None if its status says enough."""
    parsed = _json(response.body)
    error = parsed.get("error") if isinstance(parsed, dict) else None
    if response.status is None or response.status < 300 or not isinstance(error, dict):
        return None
    return _outcome(response.status, error) if error.get("type") in _CHANNEL | _TEMPORARY else None


def item_outcomes(response: Response, count: int) -> Outcome:
    """The outcome of a 200, with one for each of ``count`` documents."""
    parsed = _json(response.body)
    items = parsed.get("items") if isinstance(parsed, dict) and isinstance(parsed.get("errors"), bool) else None
    if not isinstance(items, list) or len(items) != count:
        reason = "HTTP 200: the response is not from the bulk API, or longer than the bridge reads"
        return Outcome(Verdict.RETRY, response.status, reason)
    if parsed["errors"] is False:
        return Outcome(Verdict.DELIVERED, response.status)
    return summarized([_item(each) for each in items])


def _item(item: Any) -> Outcome:
    action = next(iter(item.values()), None) if isinstance(item, dict) else None
    if not isinstance(action, dict) or not isinstance(action.get("status"), int):
        return Outcome(Verdict.RETRY, None, "the bulk API did not say what became of the document")
    status, error = action["status"], action.get("error")
    if 200 <= status < 300 or (status == 409 and isinstance(error, dict) and error.get("type") == _EXISTS):
        return Outcome(Verdict.DELIVERED, status)
    return _outcome(status, error if isinstance(error, dict) else {})


def _outcome(status: int, error: dict[str, Any]) -> Outcome:
    kind = error.get("type")
    cause = error.get("caused_by")
    parts = (kind, error.get("reason"), cause.get("reason") if isinstance(cause, dict) else None)
    text = ": ".join(one_line(part, _MAX_REASON) for part in parts if isinstance(part, str) and part)
    reason = one_line(f"HTTP {status}: {text}", _MAX_REASON)
    if kind in _TEMPORARY or status == 429 or status >= 500:
        return Outcome(Verdict.RETRY, status, reason)
    if kind in _CHANNEL or status in {401, 403, 404}:
        return Outcome(Verdict.CHANNEL_FAULT, status, reason)
    return Outcome(Verdict.REJECTED, status, reason)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
