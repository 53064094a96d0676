"""Tells a fault of the channel (address, secret or permission) from the rejection of a message. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_STATUSES = frozenset({401, 402, 404, 407, 410})
"""403 is not included: firewalls answer 403 to content that resembles an attack. A service's body is more specific."""
_ERROR_CODES = frozenset(
    {
        # Slack's API (docs.slack.dev/reference/methods/chat.postMessage)
        "access_denied", "account_inactive", "channel_not_found", "ekm_access_denied", "invalid_auth", "is_archived",
        "missing_scope", "no_permission", "not_allowed_token_type", "not_authed", "not_in_channel",
        "org_login_required", "restricted_action", "team_access_not_granted", "token_expired", "token_revoked",
        # Slack's webhooks (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks)
        "action_prohibited", "channel_is_archived", "invalid_token", "no_active_hooks", "no_service", "no_team",
        "posting_to_general_channel_denied", "team_disabled", "user_not_found",
        # Telegram's Bot API, with status 400
        "Bad Request: chat not found",
        # A Teams workflow that was disabled or deleted, with status 400
        "WorkflowTriggerIsNotEnabled",
    }
)  # fmt: skip
"""Compared as a whole: text of an alert that a service repeats in its error must not match."""

_PAGERDUTY_KEY_ERRORS = ("Invalid routing key", "Length of 'routing_key'", "'routing_key' ")
"""Prefixes of PagerDuty's errors about its key. The rest of such an error may repeat text of the alert."""
_OPSGENIE_FORBIDDEN = 40301
"""The key is valid but lacks the permission (docs.opsgenie.com/docs/response)."""


def is_channel_fault(status: int, parsed: Any, body: bytes) -> bool:
    """Whether a failed response reports a fault of the channel.

    ``parsed`` is the body decoded from JSON, or None if it is not JSON.
    """
    if status in _STATUSES or 300 <= status < 400:
        return True
    if not isinstance(parsed, dict):
        return body.strip().decode("utf-8", "replace") in _ERROR_CODES
    # Slack and Telegram answer 403 with ``"ok": false``.
    forbidden = status == 403 and (parsed.get("ok") is False or parsed.get("code") == _OPSGENIE_FORBIDDEN)
    return forbidden or any(
        code in _ERROR_CODES or code.startswith(_PAGERDUTY_KEY_ERRORS) for code in _error_codes(parsed)
    )


def _error_codes(parsed: dict[str, Any]) -> Iterator[str]:
    """The error codes and texts of Slack, Telegram, Teams and PagerDuty."""
    error, errors = parsed.get("error"), parsed.get("errors")
    code = error.get("code") if isinstance(error, dict) else error
    candidates = (code, parsed.get("description"), *(errors if isinstance(errors, list) else ()))
    return (candidate for candidate in candidates if isinstance(candidate, str))
