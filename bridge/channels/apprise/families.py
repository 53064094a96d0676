"""Which of Apprise's services we know well enough to write their messages ourselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bridge.channels.message.message import Message
from bridge.channels.render import discord, mattermost, opsgenie, pagerduty, slack, teams, telegram
from bridge.channels.verdict import Accepted

Render = Callable[[dict[str, Any], Message], dict[str, Any]]
"""From what Apprise's plugin would post and our message to what is posted."""


@dataclass(frozen=True, slots=True)
class Family:
    """One service: its messages, its bound, its yes."""

    render: Render
    digest_limit: int
    accepted: Accepted


def _any_yes(_said: Any, _body: bytes) -> bool:
    return True


def _says_ok(said: Any, _body: bytes) -> bool:
    return isinstance(said, dict) and said.get("ok") is True


def _has_id_or_nothing(said: Any, body: bytes) -> bool:
    """Discord answers with the message that it made, or with 204 and nothing."""
    return not body or (isinstance(said, dict) and "id" in said)


def _ok_or_post(said: Any, body: bytes) -> bool:
    """A Mattermost webhook says ``ok``; its API answers with the post."""
    return body.strip() == b"ok" or (isinstance(said, dict) and "id" in said)


def _says_success(said: Any, _body: bytes) -> bool:
    return isinstance(said, dict) and said.get("status") == "success"


def _no_page(_said: Any, body: bytes) -> bool:
    """A workflow's trigger answers 202 with nothing, or with what its makers had it say; a page is a proxy's."""
    return body.lstrip()[:1] != b"<"


FAMILIES = {
    "NotifySlack": Family(slack.payload, slack.MOST_IN_A_DIGEST, _any_yes),  # Apprise itself looks for its "ok"
    "NotifyDiscord": Family(discord.payload, discord.MOST_IN_A_DIGEST, _has_id_or_nothing),
    "NotifyWorkflows": Family(teams.payload, teams.MOST_IN_A_DIGEST, _no_page),
    "NotifyTelegram": Family(telegram.payload, telegram.MOST_IN_A_DIGEST, _says_ok),
    "NotifyMattermost": Family(mattermost.payload, mattermost.MOST_IN_A_DIGEST, _ok_or_post),
    "NotifyPagerDuty": Family(pagerduty.payload, pagerduty.MOST_IN_A_DIGEST, _says_success),
    "NotifyOpsgenie": Family(opsgenie.payload, opsgenie.MOST_IN_A_DIGEST, _any_yes),  # nor without its request id
}
_SLACKS_WORKFLOWS = ("workflow", "trigger")
"""Slack's modes in which a workflow of the user's is started; no other plugin has modes of these names."""
_WORKFLOW = Family(slack.workflow, slack.MOST_IN_A_WORKFLOW, _says_ok)


def family_of(plugin: Any) -> Family | None:
    """The family of an Apprise plugin, by its class; None where the plain form is what there is.

    A URL that brings a template of its own keeps it: Apprise fills it in.
    """
    if getattr(plugin, "template", None):
        return None
    if getattr(plugin, "mode", None) in _SLACKS_WORKFLOWS:
        return _WORKFLOW
    return FAMILIES.get(type(plugin).__name__)
