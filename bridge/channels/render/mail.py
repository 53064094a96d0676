"""E-mail: subject, text and HTML. Text and HTML contain the same information."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from bridge.channels.message.fit import fit_facts, more_fields
from bridge.channels.message.message import Fact, Message, MessageLink
from bridge.channels.render import plain
from bridge.channels.render.colour import badge_colour, hex_colour
from bridge.common.text import shortened

DIGEST_LIMIT = 200
_SUBJECT = 250
_TEXT = 20_000
_ROOM = 40_000
"""Characters for the rows. Mail clients cut HTML at about 100 KB."""

_STYLE = """
:root { color-scheme: light dark; supported-color-schemes: light dark; }
body { margin: 0; padding: 16px 8px; background: #f3f4f6; color: #1c2024; }
.card { max-width: 640px; margin: 0 auto; background: #ffffff; border-radius: 8px; overflow: hidden; }
.content { padding: 16px 20px; }
h1 { font-size: 19px; line-height: 1.3; margin: 8px 0 6px; overflow-wrap: anywhere; }
.badge { display: inline-block; color: #ffffff; font-size: 12px; font-weight: 700; letter-spacing: .04em;
  padding: 3px 8px; border-radius: 4px; }
.held-back { font-size: 13px; font-weight: 600; margin-left: 8px; }
.summary { font-size: 15px; line-height: 1.45; margin: 0; overflow-wrap: anywhere; }
.text { font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere;
  background: #f3f4f6; color: #1c2024; border-radius: 6px; padding: 10px 12px; margin: 14px 0 0; }
table { border-collapse: collapse; width: 100%; margin-top: 14px; }
th, td { text-align: left; vertical-align: top; font-size: 13px; line-height: 1.45; padding: 5px 0;
  border-top: 1px solid #e5e7eb; }
th { font-weight: 600; color: #57606a; padding-right: 12px; width: 34%; overflow-wrap: anywhere; }
td { font-family: ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.footer { font-size: 12px; color: #6b7280; margin: 14px 0 0; overflow-wrap: anywhere; }
.link { display: inline-block; margin: 14px 8px 0 0; padding: 8px 14px; border-radius: 6px; background: #1f6feb;
  color: #ffffff; font-size: 14px; font-weight: 600; text-decoration: none; }
@media (prefers-color-scheme: dark) {
  body { background: #0d1117; color: #e6edf3; }
  .card { background: #161b22; }
  .text { background: #0d1117; color: #e6edf3; }
  th, td { border-color: #30363d; }
  th, .footer { color: #9198a1; }
}
@media (max-width: 480px) {
  body { padding: 0; }
  .card { border-radius: 0; }
  th, td { display: block; width: auto; padding: 0; }
  th { padding-top: 8px; }
  td { border-top: 0; padding-bottom: 6px; }
}
"""
COLOURS = frozenset(re.findall(r"#[0-9a-f]{6}", _STYLE))
"""Every colour of the style."""


@dataclass(frozen=True, slots=True)
class MailContent:
    """The content of an e-mail."""

    subject: str
    text: str
    html: str


def mail_content(message: Message) -> MailContent:
    """The e-mail of a message. Its subject is ``[CRITICAL] headline — who: what · where``."""
    text = f"{message.subject}\n{plain.body(message, _TEXT)}\n"
    return MailContent(shortened(message.push, _SUBJECT), text, _html(message))


def _html(message: Message) -> str:
    rows, left_out = fit_facts(message.facts, _ROOM, len("<tr><th></th><td></td></tr>"))
    left_out += message.fields_left_out
    if left_out:
        rows = (*rows, Fact("…", more_fields(left_out)))
    text = plain.main_text(message, _TEXT)
    held_back = f"+{message.counts.suppressed} held back" if message.counts.suppressed else ""
    return f"""\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{escape(message.subject)}</title><style>{_STYLE}</style></head>
<body style="font-family: system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif">
<div class="card" style="border-top: 5px solid {hex_colour(message.severity)}"><div class="content">
<span class="badge" style="background: {badge_colour(message.severity)}">{escape(message.severity.name)}</span>\
{_element("span", "held-back", held_back)}
<h1>{escape(message.headline)}</h1>
{_element("p", "summary", message.summary)}
{_element("div", "text", text)}
{"".join(map(_link, message.links))}
<table role="presentation">{"".join(map(_row, rows))}</table>
{_element("p", "footer", f"id {message.id} · falco-bridge")}
</div></div></body></html>
"""


def _element(tag: str, css_class: str, text: str) -> str:
    return f'<{tag} class="{css_class}">{escape(text)}</{tag}>' if text else ""


def _row(fact: Fact) -> str:
    return f"<tr><th>{escape(fact.name)}</th><td>{escape(shortened(fact.value, _ROOM))}</td></tr>\n"


def _link(link: MessageLink) -> str:
    return f'<a class="link" href="{escape(link.url)}">{escape(link.name)}</a>'
