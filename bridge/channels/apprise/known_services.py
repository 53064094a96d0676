"""The services for which the bridge writes its own messages, by the class of their Apprise plugin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bridge.channels.classify import IsSuccess
from bridge.channels.message.message import Message
from bridge.channels.render import discord, mattermost, ntfy, opsgenie, pagerduty, slack, teams, telegram

Render = Callable[[dict[str, Any], Message], dict[str, Any]]
"""From the JSON that the plugin would post, and the message, to the JSON to post."""


@dataclass(frozen=True, slots=True)
class KnownService:
    """How to write a service's messages and how to recognize its success response."""

    render: Render
    digest_limit: int
    is_success: IsSuccess
    address: Callable[[Message], str] = lambda _message: ""
    """What is added to the URL of the request."""


def _any_response(_parsed: Any, _body: bytes) -> bool:
    return True


def _ok_member(parsed: Any, _body: bytes) -> bool:
    return isinstance(parsed, dict) and parsed.get("ok") is True


def _id_or_empty(parsed: Any, body: bytes) -> bool:
    """Discord responds with the message that it created, or with 204 and no body."""
    return not body or (isinstance(parsed, dict) and "id" in parsed)


def _ok_or_post(parsed: Any, body: bytes) -> bool:
    """A Mattermost webhook responds with ``ok``, its API with the post."""
    return body.strip() == b"ok" or (isinstance(parsed, dict) and "id" in parsed)


def _status_success(parsed: Any, _body: bytes) -> bool:
    return isinstance(parsed, dict) and parsed.get("status") == "success"


def _not_html(_parsed: Any, body: bytes) -> bool:
    """A Teams workflow responds with 202 and the body that its author configured. A web page comes from a proxy."""
    return body.lstrip()[:1] != b"<"


KNOWN_SERVICES = {
    # Apprise itself requires Slack's "ok" and Opsgenie's request id.
    "NotifySlack": KnownService(slack.payload, slack.DIGEST_LIMIT, _any_response),
    "NotifyNtfy": KnownService(ntfy.payload, ntfy.DIGEST_LIMIT, _any_response),
    "NotifyOpsgenie": KnownService(opsgenie.payload, opsgenie.DIGEST_LIMIT, _any_response, opsgenie.address),
    "NotifyDiscord": KnownService(discord.payload, discord.DIGEST_LIMIT, _id_or_empty),
    "NotifyWorkflows": KnownService(teams.payload, teams.DIGEST_LIMIT, _not_html),
    "NotifyTelegram": KnownService(telegram.payload, telegram.DIGEST_LIMIT, _ok_member),
    "NotifyMattermost": KnownService(mattermost.payload, mattermost.DIGEST_LIMIT, _ok_or_post),
    "NotifyPagerDuty": KnownService(pagerduty.payload, pagerduty.DIGEST_LIMIT, _status_success),
}
_NTFY_DEFAULT = ("3", "default")
_NTFY_WITH_PRIORITY = KnownService(ntfy.payload_without_priority, ntfy.DIGEST_LIMIT, _any_response)
"""A URL with ``?priority=`` is obeyed."""
_SLACK_WORKFLOW_MODES = ("workflow", "trigger")
"""Slack's modes that start a workflow of the user's. No other plugin has modes of these names."""
_SLACK_WORKFLOW = KnownService(slack.workflow_payload, slack.WORKFLOW_DIGEST_LIMIT, _ok_member)


def known_service(plugin: Any) -> KnownService | None:
    """The known service of an Apprise plugin; None if it gets the plain text form.

    A URL with its own ``template=`` is not changed: Apprise fills the template.
    """
    if getattr(plugin, "template", None):
        return None
    if getattr(plugin, "mode", None) in _SLACK_WORKFLOW_MODES:
        return _SLACK_WORKFLOW
    if type(plugin).__name__ == "NotifyNtfy" and str(plugin.priority) not in _NTFY_DEFAULT:
        return _NTFY_WITH_PRIORITY
    return KNOWN_SERVICES.get(type(plugin).__name__)
