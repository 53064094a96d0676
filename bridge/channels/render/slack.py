"""Slack: a coloured attachment of blocks. Values are ``plain_text`` objects, which Slack does not parse.

Limits: docs.slack.dev, Block Kit reference: a section has 3000 characters or ten fields of 2000, a message 50 blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bridge.channels.message.fit import fit_escaped, fit_facts, more_fields
from bridge.channels.message.message import Fact, Message, unix_seconds
from bridge.channels.render import plain
from bridge.channels.render.colour import hex_colour
from bridge.channels.render.plain import escaped_text

DIGEST_LIMIT = 50
WORKFLOW_DIGEST_LIMIT = 20
_SECTION = 3000
_FIELD = 2000
_PUSH = 600
_ROWS_PER_SECTION = 5
_ROOM = 12_000
"""Maximum characters for all rows; a longer message is not readable."""


def payload(requested: dict[str, Any], message: Message) -> dict[str, Any]:
    """The JSON to post. Channel, thread, user name and icon are those of ``requested``, the plugin's JSON."""
    members = {
        name: value for name, value in requested.items() if name in {"channel", "thread_ts", "username", "icon_url"}
    }
    attachment = {
        "color": hex_colour(message.severity),
        "fallback": _escape(message.summary),
        "blocks": [*_head(message), *_rows(message), *_links(message), _foot(message)],
    }
    return members | {
        "text": fit_escaped(message.push, _PUSH, _escape),
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "attachments": [attachment],
    }


def _head(message: Message) -> Iterator[dict[str, Any]]:
    for text in (fit_escaped(message.summary, _SECTION, _escape), escaped_text(message, _SECTION, _escape)):
        if text:
            yield {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _rows(message: Message) -> Iterator[dict[str, Any]]:
    """The rows, in two columns."""
    rows, left_out = fit_facts(message.facts, _ROOM, 4)
    left_out += message.fields_left_out
    if left_out:
        rows = (*rows, Fact("…", more_fields(left_out)))
    for start in range(0, len(rows), _ROWS_PER_SECTION):
        pairs = rows[start : start + _ROWS_PER_SECTION]
        yield {"type": "section", "fields": [cell for row in pairs for cell in _cells(row)]}


def _cells(row: Fact) -> tuple[dict[str, Any], dict[str, Any]]:
    is_plain_name = row.name.replace(".", "").isalnum()
    name = {"type": "mrkdwn", "text": f"*{row.name}*", "verbatim": True} if is_plain_name else _plain(row.name, _FIELD)
    return name, _plain(row.value, _FIELD)


def _links(message: Message) -> Iterator[dict[str, Any]]:
    if message.links:
        buttons = [{"type": "button", "text": _plain(link.name, 75), "url": link.url} for link in message.links[:5]]
        yield {"type": "actions", "elements": buttons}


def _foot(message: Message) -> dict[str, Any]:
    """The time in the reader's time zone, and the id."""
    date = f"<!date^{unix_seconds(message.time_ns)}^{{date_short_pretty}} {{time_secs}}|{message.time}>"
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": date}, _plain(f"id {message.id}", 100)]}


def _plain(text: str, length: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": fit_escaped(text, length, _escape), "emoji": False}


def _escape(text: str) -> str:
    """Escape Slack's three control characters."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def workflow_payload(_requested: dict[str, Any], message: Message) -> dict[str, Any]:
    """The JSON for a webhook of Workflow Builder, which accepts only the variable ``text``."""
    return {"text": fit_escaped(f"{message.subject}\n{plain.body(message, _SECTION)}", _SECTION, _escape)}
