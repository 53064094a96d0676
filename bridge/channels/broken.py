"""Which refusals no message brings about: the channel's address, secret or permission is no good any more. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_STATUSES = frozenset({401, 402, 404, 407, 410})
"""403 is none of them: firewalls answer it to what looks like an attack. A service says more than that."""
_WORDS = frozenset(
    {
        # Slack's API (docs.slack.dev/reference/methods/chat.postMessage) …
        "access_denied", "account_inactive", "channel_not_found", "ekm_access_denied", "invalid_auth", "is_archived",
        "missing_scope", "no_permission", "not_allowed_token_type", "not_authed", "not_in_channel",
        "org_login_required", "restricted_action", "team_access_not_granted", "token_expired", "token_revoked",
        # … and its webhooks (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks)
        "action_prohibited", "channel_is_archived", "invalid_token", "no_active_hooks", "no_service", "no_team",
        "posting_to_general_channel_denied", "team_disabled", "user_not_found",
        # Telegram's Bot API, with a 400
        "Bad Request: chat not found",
        # A flow of Teams' that was turned off or deleted, with a 400
        "WorkflowTriggerIsNotEnabled",
    }
)  # fmt: skip
"""What services say, as they say it and nothing else: no text of an alert's that one of them repeats is among these."""

_PAGERDUTYS_KEY = ("Invalid routing key", "Length of 'routing_key'", "'routing_key' ")
"""How PagerDuty begins to say that its key is no good; further on may stand what an alert said."""
_OPSGENIES_FORBIDDEN = 40301
"""The key is valid and may not do this (docs.opsgenie.com/docs/response). Slack and Telegram say ``"ok": false``."""


def is_broken(status: int, said: Any, body: bytes) -> bool:
    """Whether that refusal is the channel's and not the message's. ``said`` is the body as JSON, where it is that."""
    if status in _STATUSES or 300 <= status < 400:
        return True
    if not isinstance(said, dict):
        return body.strip().decode("utf-8", "replace") in _WORDS
    forbidden = status == 403 and (said.get("ok") is False or said.get("code") == _OPSGENIES_FORBIDDEN)
    return forbidden or any(word in _WORDS or word.startswith(_PAGERDUTYS_KEY) for word in _words(said))


def _words(said: dict[str, Any]) -> Iterator[str]:
    """Slack's, Telegram's, Teams', PagerDuty's."""
    error, errors = said.get("error"), said.get("errors")
    code = error.get("code") if isinstance(error, dict) else error
    told = (code, said.get("description"), *(errors if isinstance(errors, list) else ()))
    return (word for word in told if isinstance(word, str))
