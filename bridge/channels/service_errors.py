"""The documented errors of services that say whether a message or the channel is at fault. Data.

Codes and texts are compared as a whole, and patterns from their beginning: a service may repeat text of an alert in its
error, and that must not match.
"""

from __future__ import annotations

import re

CHANNEL_STATUSES = frozenset({401, 402, 404, 407, 410})
"""Authentication, payment, address. 403 is not included: firewalls answer 403 to content that resembles an attack."""
MESSAGE_STATUSES = frozenset({413})
"""The request is too large (RFC 9110, 15.5.14)."""

CHANNEL_CODES = frozenset(
    {
        # Slack's API (docs.slack.dev/reference/methods/chat.postMessage)
        "access_denied", "account_inactive", "channel_not_found", "ekm_access_denied", "invalid_auth", "is_archived",
        "message_limit_exceeded", "missing_scope", "no_permission", "not_allowed_token_type", "not_authed",
        "not_in_channel", "org_login_required", "restricted_action", "team_access_not_granted", "token_expired",
        "token_revoked",
        # Slack's webhooks (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks)
        "action_prohibited", "channel_is_archived", "invalid_token", "no_active_hooks", "no_service", "no_team",
        "posting_to_general_channel_denied", "team_disabled", "user_not_found",
        # Telegram's Bot API, with status 400
        "Bad Request: chat not found", "Bad Request: user not found", "Bad Request: PEER_ID_INVALID",
        "Bad Request: group chat was upgraded to a supergroup chat", "Bad Request: group chat was deactivated",
        "Bad Request: have no rights to send a message", "Bad Request: need administrator rights in the channel chat",
        "Bad Request: CHAT_WRITE_FORBIDDEN", "Bad Request: CHAT_RESTRICTED", "Bad Request: CHAT_ADMIN_REQUIRED",
        "Bad Request: message thread not found", "Bad Request: TOPIC_CLOSED", "Bad Request: TOPIC_DELETED",
        # A Teams workflow that was disabled or deleted, or whose address is incomplete, with status 400
        "WorkflowTriggerIsNotEnabled", "WorkflowNotFound", "DirectApiAuthorizationRequired",
        "DirectApiInvalidAuthorizationScheme",
        # Mattermost's webhooks and API (server/channels/app/webhook.go)
        "web.incoming_webhook.invalid.app_error", "web.incoming_webhook.permissions.app_error",
        "web.incoming_webhook.disabled.app_error", "web.incoming_webhook.channel.app_error",
        "web.incoming_webhook.channel_locked.app_error", "web.incoming_webhook.user.app_error",
        "api.context.permissions.app_error", "api.context.session_expired.app_error",
        "api.post.create_post.town_square_read_only", "api.post.create_post.can_not_post_to_deleted.error",
    }
)  # fmt: skip
GOOGLE_CHANNEL_CODES = frozenset(
    {
        # cloud.google.com/apis/design/errors, and Cloud Storage (docs/json_api/v1/status-codes)
        "PERMISSION_DENIED", "UNAUTHENTICATED", "NOT_FOUND", "FAILED_PRECONDITION", "forbidden", "accountDisabled",
        "insufficientPermissions", "userProjectMissing", "userProjectAccountProblem", "notFound", "required",
        "orgPolicyConstraintFailed", "SERVICE_DISABLED",
    }
)  # fmt: skip
"""Words that mean this in an error of Google Cloud only: a firewall answers ``forbidden``, too."""
MESSAGE_CODES = frozenset(
    {
        # Slack
        "attachment_payload_limit_exceeded", "invalid_attachments", "invalid_blocks", "invalid_blocks_format",
        "invalid_payload", "metadata_too_large", "msg_blocks_too_long", "msg_too_long", "no_text",
        "too_many_attachments",
        # Telegram
        "Bad Request: message text is empty", "Bad Request: text must be non-empty",
        "Bad Request: message is too long", "Bad Request: MESSAGE_TOO_LONG",
        # Teams: the card does not fit the workflow's schema
        "InvalidRequestContent", "TriggerInputSchemaMismatch", "RequestEntityTooLarge",
        # Mattermost
        "web.incoming_webhook.text.app_error", "web.incoming_webhook.text.length.app_error",
        "model.post.is_valid.msg.app_error", "model.post.is_valid.props.app_error",
    }
)  # fmt: skip

CHANNEL_PATTERN = re.compile(
    r"Bad Request: not enough rights to send |"  # Telegram: the rest names the kind of message
    r"Invalid routing key|Length of 'routing_key'|'routing_key' "  # PagerDuty
)
MESSAGE_PATTERN = re.compile(
    r"Bad Request: can't parse entities|"  # Telegram
    # of Loki, on timestamps and sizes
    r"entry too far behind|entry out of order|"
    r"entry with timestamp [^']{1,60} ignored, reason: 'entry (?:too far|out of)|"
    r"entry for stream '.*' has timestamp too (?:old|new): |Max entry size '\d+' bytes exceeded|"
    # Alertmanager, version 2 of its API
    r"\"?(?:invalid label set: |start time must be before end time|at least one label pair required)",
    re.DOTALL,
)

DISCORD_CHANNEL = frozenset(
    {10003, 10004, 10015, 40001, 40067, 50001, 50013, 50024, 50027, 50083, 160005, 220001, 220002, 220003, 220004}
)
"""Unknown channel, server or webhook; no access; archived or locked thread; forum without a thread."""
DISCORD_MESSAGE = frozenset({20009, 50006, 50109, 200000, 240000})
"""Explicit, empty, not JSON, blocked by moderation, harmful link."""
DISCORD_INVALID_FORM = 50035
"""The members of ``errors`` say which part of the message is invalid."""

HEC_CHANNEL = frozenset({1, 2, 3, 4, 7, 10, 11, 14, 16})
"""Splunk's HTTP Event Collector (Splunk docs, Troubleshoot HTTP Event Collector): token disabled, missing or invalid,
wrong index, no data channel."""
HEC_MESSAGE = frozenset({5, 6, 12, 13, 15})
"""No data, invalid format, no event field, blank event field, invalid indexed fields."""

OPSGENIE_FORBIDDEN = 40301
"""The key is valid but lacks the permission (docs.opsgenie.com/docs/response)."""
