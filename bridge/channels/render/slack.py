"""Slack: a coloured attachment of blocks. Values stand in ``plain_text`` objects, which Slack never parses.

Limits: docs.slack.dev, Block Kit reference: 3000 characters a section, ten fields of 2000 each, 50 blocks a message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bridge.channels.message.fit import escaped, fitted
from bridge.channels.message.message import Fact, Message, unix_seconds
from bridge.channels.render import plain
from bridge.channels.render.colour import hex_colour
from bridge.channels.render.plain import told

MOST_IN_A_DIGEST = 50
MOST_IN_A_WORKFLOW = 20
_SECTION = 3000
_FIELD = 2000
_ROWS_OF_SECTION = 5
_ROOM = 12_000
"""For all rows; a message that is longer is not read."""


def payload(asked: dict[str, Any], message: Message) -> dict[str, Any]:
    """What to post in place of ``asked``, whose channel, thread and name stay."""
    kept = {name: value for name, value in asked.items() if name in {"channel", "thread_ts", "username", "icon_url"}}
    attachment = {
        "color": hex_colour(message.severity),
        "fallback": _escape(message.lede),
        "blocks": [*_head(message), *_rows(message), *_links(message), _foot(message)],
    }
    return kept | {
        "text": _escape(message.subject),
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "attachments": [attachment],
    }


def _head(message: Message) -> Iterator[dict[str, Any]]:
    for text in (message.lede, told(message, _SECTION)):
        if text:
            yield {"type": "section", "text": _plain(text, _SECTION)}


def _rows(message: Message) -> Iterator[dict[str, Any]]:
    """Names on the left, values on the right."""
    rows, left_out = fitted(message.facts, _ROOM, 4)
    left_out += message.fields_left_out
    if left_out:
        rows = (*rows, Fact("…", f"and {left_out} more fields"))
    for start in range(0, len(rows), _ROWS_OF_SECTION):
        pairs = rows[start : start + _ROWS_OF_SECTION]
        yield {"type": "section", "fields": [cell for row in pairs for cell in _cells(row)]}


def _cells(row: Fact) -> tuple[dict[str, Any], dict[str, Any]]:
    plain_name = row.name.replace(".", "").isalnum()
    name = {"type": "mrkdwn", "text": f"*{row.name}*", "verbatim": True} if plain_name else _plain(row.name, _FIELD)
    return name, _plain(row.value, _FIELD)


def _links(message: Message) -> Iterator[dict[str, Any]]:
    if message.links:
        buttons = [{"type": "button", "text": _plain(link.name, 75), "url": link.url} for link in message.links[:5]]
        yield {"type": "actions", "elements": buttons}


def _foot(message: Message) -> dict[str, Any]:
    """The reader's own time, and the id."""
    date = f"<!date^{unix_seconds(message.time_ns)}^{{date_short_pretty}} {{time_secs}}|{message.time}>"
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": date}, _plain(f"id {message.id}", 100)]}


def _plain(text: str, most: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": escaped(text, most, _escape), "emoji": False}


def _escape(text: str) -> str:
    """Slack's three control characters."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def workflow(_asked: dict[str, Any], message: Message) -> dict[str, Any]:
    """For Workflow Builder's webhooks, which take the one variable ``text`` and refuse whatever else is there."""
    return {"text": escaped(f"{message.subject}\n{plain.body(message, _SECTION)}", _SECTION, _escape)}
