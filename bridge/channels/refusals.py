"""Decides whether the message or the channel is at fault for a refusal (4xx, or an error in a body). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bridge.channels import service_errors as errors
from bridge.channels.contract import Verdict

_OUR_PARTS = {"embeds", "content"}
"""The parts of a Discord message that contain the alert. User name, avatar and thread come from the URL."""
_VALIDATION = range(600, 700)
"""Codes of Alertmanager's API for a request that does not fit its schema (github.com/go-openapi/errors)."""
_SMTP_CHANNEL = frozenset({530, 534, 535})
"""The login failed (RFC 4954)."""
_SMTP_MESSAGE = re.compile(r"5\.(?:2\.3|3\.4|6\.\d{1,3})\b")
"""Enhanced codes (RFC 3463): too long, too large, content or media of the message. 552 alone may be a full mailbox."""


def refusal(status: int, parsed: Any, body: bytes) -> Verdict:
    """REJECTED, CHANNEL_FAULT or AMBIGUOUS for a response of a service.

    ``parsed`` is the body decoded from JSON, or None if it is not JSON.
    """
    if status in errors.CHANNEL_STATUSES or 300 <= status < 400:
        return Verdict.CHANNEL_FAULT
    if status in errors.MESSAGE_STATUSES:
        return Verdict.REJECTED
    texts = tuple(_texts(parsed)) if isinstance(parsed, dict) else (body.strip().decode("utf-8", "replace"),)
    if any(text in errors.CHANNEL_CODES or errors.CHANNEL_PATTERN.match(text) for text in texts):
        return Verdict.CHANNEL_FAULT
    if isinstance(parsed, dict) and any(code in errors.GOOGLE_CHANNEL_CODES for code in _google(parsed.get("error"))):
        return Verdict.CHANNEL_FAULT
    if any(text in errors.MESSAGE_CODES or errors.MESSAGE_PATTERN.match(text) for text in texts):
        return Verdict.REJECTED
    return _by_shape(status, parsed) if isinstance(parsed, dict) else Verdict.AMBIGUOUS


def smtp_refusal(status: int, text: str) -> Verdict:
    """RETRY for a code below 500, else what the code and its enhanced code say about a message after DATA."""
    if status < 500:
        return Verdict.RETRY
    if status in _SMTP_CHANNEL:
        return Verdict.CHANNEL_FAULT
    return Verdict.REJECTED if _SMTP_MESSAGE.match(text) else Verdict.AMBIGUOUS


def _texts(parsed: dict[str, Any]) -> Iterator[str]:
    """The error codes and texts of Slack, Telegram, Teams, Mattermost and PagerDuty."""
    error, several = parsed.get("error"), parsed.get("errors")
    code = error.get("code") if isinstance(error, dict) else error
    candidates = (code, parsed.get("description"), parsed.get("id"), *(several if isinstance(several, list) else ()))
    yield from (candidate for candidate in candidates if isinstance(candidate, str))


def _google(error: Any) -> Iterator[str]:
    """The status of an error of Google Cloud, and the reasons of one of Cloud Storage."""
    if not isinstance(error, dict) or not isinstance(error.get("code"), int):
        return
    listed = error.get("errors")
    reasons = [each.get("reason") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    yield from (each for each in (error.get("status"), *reasons) if isinstance(each, str))


def _by_shape(status: int, parsed: dict[str, Any]) -> Verdict:
    """Errors with numbers, which mean something only in the body of their service."""
    code = parsed.get("code")
    if parsed.get("status") == "invalid event":  # PagerDuty; errors of its key were recognized before
        return Verdict.REJECTED
    if status == 403 and (parsed.get("ok") is False or code == errors.OPSGENIE_FORBIDDEN):  # Slack, Telegram, Opsgenie
        return Verdict.CHANNEL_FAULT
    if status == 422 and "requestId" in parsed:  # Opsgenie: the request body cannot be processed
        return Verdict.REJECTED
    if not isinstance(code, int):
        return Verdict.AMBIGUOUS
    if "text" in parsed:
        return _listed(code, errors.HEC_CHANNEL, errors.HEC_MESSAGE)
    if parsed.keys() <= {"code", "message", "errors"}:
        return _discord(code, parsed.get("errors"))
    return Verdict.AMBIGUOUS


def _discord(code: int, invalid: Any) -> Verdict:
    if code in _VALIDATION:
        return Verdict.REJECTED
    if code == errors.DISCORD_INVALID_FORM:
        is_ours = isinstance(invalid, dict) and bool(invalid) and invalid.keys() <= _OUR_PARTS
        return Verdict.REJECTED if is_ours else Verdict.AMBIGUOUS
    return _listed(code, errors.DISCORD_CHANNEL, errors.DISCORD_MESSAGE)


def _listed(code: int, channel: frozenset[int], message: frozenset[int]) -> Verdict:
    if code in channel:
        return Verdict.CHANNEL_FAULT
    return Verdict.REJECTED if code in message else Verdict.AMBIGUOUS
