"""Writes the pictures of the docs: ``python docs/site/pictures.py``.

Those of docs/messages.md show what the page's routes send for the quick start's alerts.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any

from diagram import way_of_an_alert
from svg import Card

from bridge.alert import Alert
from bridge.alert.forms.json_form import decode_json
from bridge.channels.message.compose import message_of
from bridge.channels.message.message import Message
from bridge.channels.render import slack
from bridge.channels.render.mail import mail_content
from bridge.delivery.delivery import Delivery
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.routing import Notification, NotificationKind
from bridge.routing.router import Router
from bridge.routing.state import State, Timer

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
LABELS = {"cluster": "eu-1"}
HOUR_NS = 3600 * 10**9


def sent() -> Iterator[tuple[Notification, Message]]:
    """What the routes of the page send, in virtual time."""
    page = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
    (routes,) = re.findall(r"```route\n(.*?)```", page, re.DOTALL)
    program = check([SourceText("messages.md", routes)], Known(None, None)).program
    assert program is not None
    router, state, received = Router(program, LABELS), State(), dict[str, Alert]()

    def messages(
        notifications: tuple[Notification, ...], cause: Alert | None
    ) -> Iterator[tuple[Notification, Message]]:
        for notification in notifications:
            alert = received[notification.about] if notification.about is not None else cause
            assert alert is not None
            context = notification.context
            is_digest = context is not None and context.kind is NotificationKind.DIGEST
            others = tuple(received[each] for each in context.alerts) if context is not None and is_digest else ()
            yield notification, message_of([Delivery(0, alert, notification, 0, 0, others)], LABELS)

    def until(end_ns: int) -> Iterator[tuple[Notification, Message]]:
        while (due_ns := state.next_due()) is not None and due_ns <= end_ns:
            yield from messages(router.step(state, Timer(received), due_ns).notifications, None)

    alert = None
    for line in (ROOT / "examples" / "quickstart" / "alerts.jsonl").read_bytes().splitlines():
        alert = decode_json(line, 0)
        assert isinstance(alert, Alert)
        received[alert.id] = alert
        yield from until(alert.time_ns)
        yield from messages(router.step(state, alert, alert.time_ns).notifications, alert)
    assert alert is not None
    yield from until(alert.time_ns + HOUR_NS)


def slack_picture(message: Message, title: str) -> str:
    """The message as Slack shows its blocks."""
    payload = slack.payload({}, message)
    (attachment,) = payload["attachments"]
    card = Card(640)
    card.text("falco-bridge", size=15, bold=True)
    card.text(unescape(payload["text"]), size=15)
    card.y += 8
    top = card.y
    for block in attachment["blocks"]:
        _slack_block(card, block)
    card.bar(top + 4, attachment["color"])
    return card.svg(title)


def _slack_block(card: Card, block: Mapping[str, Any]) -> None:
    match block["type"]:
        case "section" if "text" in block:
            card.text(unescape(block["text"]["text"]), x=36)
        case "section":
            cells = [unescape(cell["text"]).strip("*") for cell in block["fields"]]
            for name, value in zip(cells[::2], cells[1::2], strict=True):
                card.row(name, value, x=36, column=240)
        case "actions":
            for button in block["elements"]:
                card.button(button["text"]["text"], x=36)
        case "context":
            texts = [re.sub(r"<!date.*\|(.*)>", r"\1", unescape(each["text"])) for each in block["elements"]]
            card.text("  ".join(texts), x=36, size=12, colour="#616061")
    card.y += 6


def phone_picture(message: Message, title: str) -> str:
    """The notification on a phone: the one line that push services get, wrapped."""
    card = Card(360)
    card.text("PAGER · now", size=12, colour="#616061")
    card.y += 2
    card.text(message.push, size=15, bold=True)
    return card.svg(title)


def pictures() -> dict[str, str]:
    """The content of each file in docs/pictures."""
    all_sent = list(sent())

    def first(kind: NotificationKind, channel: str) -> Message:
        return next(
            message
            for notification, message in all_sent
            if notification.channel == channel
            and (notification.context.kind if notification.context else NotificationKind.SINGLE) is kind
        )

    alert = first(NotificationKind.SINGLE, "secops")
    return {
        "slack.svg": slack_picture(alert, "A message in Slack"),
        "digest.svg": slack_picture(first(NotificationKind.DIGEST, "secops"), "A digest in Slack"),
        "phone.svg": phone_picture(first(NotificationKind.ESCALATION, "pager"), "A page on a phone"),
        "mail.html": mail_content(alert).html,
        "way.svg": way_of_an_alert(),
    }


def main() -> int:
    """Write the pictures; with ``--check``, only say whether they are current. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Writes the pictures of the docs.")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a picture is not current")
    args = parser.parse_args()
    for name, content in pictures().items():
        path = PICTURES / name
        if args.check and (not path.exists() or path.read_text(encoding="utf-8") != content):
            print(f"{path} is not current; run `make docs`", file=sys.stderr)  # noqa: T201  # for make check
            return 1
        path.write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
