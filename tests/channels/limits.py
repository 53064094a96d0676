"""The documented limits of each service, as checkers of the JSON that it receives. Each yields what its service refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
"""Names of labels and annotations in Prometheus, Alertmanager and Loki."""


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check(name: str, text: str, most: int, count: Callable[[str], int] = len) -> Iterator[str]:
    """A text must have content, and at most so many characters."""
    if not text.strip():
        yield f"{name} is empty"
    if count(text) > most:
        yield f"{name} has {count(text)} characters"


def slack(body: Any) -> Iterator[str]:
    """docs.slack.dev/reference/block-kit/blocks."""
    yield from check("text", body["text"], 40_000)
    for attachment in body["attachments"]:
        if len(attachment["blocks"]) > 50:
            yield f"{len(attachment['blocks'])} blocks"
        for block in attachment["blocks"]:
            yield from _slack_block(block)


def _slack_block(block: Any) -> Iterator[str]:
    parts = block.get("fields", block.get("elements", []))
    if len(parts) > 10 or not (parts or "text" in block):
        yield f"{len(parts)} parts"
    if block["type"] not in {"section", "context", "actions"}:
        yield f"unknown block {block['type']}"
    if "text" in block:
        yield from check("section", block["text"]["text"], 3000)
    for part in parts:
        is_button = block["type"] == "actions"
        yield from check("part", part["text"]["text"] if is_button else part["text"], 75 if is_button else 2000)


def discord(body: Any) -> Iterator[str]:
    """discord.com/developers/docs/resources/message#embed-object-embed-limits."""
    total = 0
    for embed in body["embeds"]:
        yield from check("title", embed["title"], 256, utf16)
        yield from check("description", embed["description"], 4096, utf16)
        yield from check("footer", embed["footer"]["text"], 2048, utf16)
        total += sum(map(utf16, (embed["title"], embed["description"], embed["footer"]["text"])))
    if total > 6000 or not 1 <= len(body["embeds"]) <= 10:
        yield f"{total} characters"


def teams(body: Any) -> Iterator[str]:
    """learn.microsoft.com, Limits and specifications for Microsoft Teams; adaptivecards.io/explorer."""
    size = len(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))
    if size > 28 * 1024:
        yield f"{size} bytes"
    for block in body["attachments"][0]["content"]["body"]:
        if block["type"] != "RichTextBlock" or not block["inlines"]:
            yield f"empty or unknown block {block['type']}"
        for run in block["inlines"]:
            yield from check("run", run["text"], 28 * 1024)


def telegram(body: Any) -> Iterator[str]:
    """core.telegram.org/bots/api#sendmessage."""
    yield from check("text", body["text"], 4096, utf16)
    entities = body["entities"]
    if len(entities) > 100:
        yield f"{len(entities)} entities"
    for entity in entities:
        if entity["length"] < 1 or entity["offset"] + entity["length"] > utf16(body["text"]):
            yield f"entity {entity}"


def mattermost(body: Any) -> Iterator[str]:
    """docs.mattermost.com: posts have at most 16383 characters, and their props at most 800,000."""
    for attachment in body["attachments"]:
        yield from check("title", attachment["title"], 16_383)
        yield from check("text", attachment["text"], 16_383)
        yield from check("fallback", attachment["fallback"], 16_383)


def pagerduty(body: Any) -> Iterator[str]:
    """developer.pagerduty.com/docs/send-alert-event."""
    payload = body["payload"]
    yield from check("summary", payload["summary"], 1024)
    yield from check("source", payload["source"], 255)
    yield from check("dedup_key", body["dedup_key"], 255)
    if payload["severity"] not in {"critical", "error", "warning", "info"}:
        yield payload["severity"]
    if len(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")) > 512 * 1024:
        yield "too large"


def ntfy(body: Any) -> Iterator[str]:
    """docs.ntfy.sh/publish: at most 4096 bytes, a topic, a priority from 1 to 5."""
    if len(json.dumps(body)) > 4096:
        yield "longer than 4096 bytes"
    if not body.get("title") or not body.get("message"):
        yield "no title or no message"
    if body.get("priority") not in range(1, 6):
        yield "no priority from 1 to 5"


def opsgenie(body: Any) -> Iterator[str]:
    """docs.opsgenie.com/docs/alert-api#create-alert."""
    yield from check("message", body["message"], 130)
    yield from check("alias", body["alias"], 512)
    yield from check("description", body["description"], 15_000)
    yield from check("entity", body["entity"], 512)
    if len(body["tags"]) > 20:
        yield f"{len(body['tags'])} tags"
    for tag in body["tags"]:
        yield from check("tag", tag, 50)
    for name, value in body["details"].items():
        yield from check("name of a detail", name, 8000)
        yield from check("detail", value, 8000)
    if sum(len(name) + len(value) for name, value in body["details"].items()) > 8000:
        yield "too many details"


def alertmanager(body: Any) -> Iterator[str]:
    """github.com/prometheus/alertmanager: names, at least one label, no empty value, an end after the start."""
    for alert in body:
        for kind in ("labels", "annotations"):
            for name, value in alert[kind].items():
                if not LABEL.fullmatch(name) or not value:
                    yield f"{kind}: {name!r}: {value!r}"
        if not alert["labels"].get("alertname") or alert["startsAt"] >= alert["endsAt"]:
            yield "no name, or an end before the start"


def loki(body: Any) -> Iterator[str]:
    """grafana.com/docs/loki: limits_config (defaults)."""
    for stream in body["streams"]:
        if not 1 <= len(stream["stream"]) <= 15:
            yield f"{len(stream['stream'])} labels"
        for name, value in stream["stream"].items():
            if not LABEL.fullmatch(name) or not value or len(value) > 2048:
                yield f"{name!r}: {value!r}"
        for _, line in stream["values"]:
            if len(line.encode()) > 256 * 1024:
                yield "line too long"


def elastic(document: Any) -> Iterator[str]:
    """elastic.co/docs: names of fields, terms of at most 32,766 bytes, types of the Elastic Common Schema."""
    yield from _elastic(document, "")
    process, ends = document.get("process", {}), (document.get("source", {}), document.get("destination", {}))
    numbers = (process.get("pid", 0), process.get("parent", {}).get("pid", 0), *(end.get("port", 0) for end in ends))
    if not all(isinstance(number, int) and abs(number) < 2**63 for number in numbers):
        yield f"numbers {numbers}"
    for end in ends:
        if "ip" in end:
            ip_address(end["ip"])


def _elastic(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        if len(value) > 1000:
            yield f"{name} has {len(value)} fields"
        for inner, each in value.items():
            if not inner.strip() or "." in inner or "\0" in inner:
                yield f"the name {inner!r}"
            yield from _elastic(each, f"{name}.{inner}")
    elif isinstance(value, list):
        for each in value:
            yield from _elastic(each, name)
    elif isinstance(value, str) and len(value.encode()) > 32_766:
        yield f"{name} has {len(value.encode())} bytes"


def splunk(event: Any) -> Iterator[str]:
    """docs.splunk.com, Format events for HTTP Event Collector: indexed fields are texts, and an event is not blank."""
    if not event["event"] or not event["host"].strip() or not isinstance(event["time"], float):
        yield f"metadata {event['host']!r} {event['time']!r}"
    for name, value in event["fields"].items():
        yield from check(f"field {name}", value, 200)
