"""Links of messages: URLs with a fixed host, whose path and query may contain values of an alert.

Attackers write the values. So the host is the route's own text, each value is percent-encoded, and a link with a value
that is missing, too long or consists of dots is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from bridge.alert import MISSING
from bridge.language.program.template import Lookup, Slot, parse_template, transformed

MAX_LINKS = 5
"""Links of one message: Slack shows five buttons in a row."""
MAX_NAME = 75
"""The limit of a button in Slack."""
MAX_URL = 1000
MAX_VALUE = 300
_HOST = re.compile(r"https?://[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?(?=[/?#]|$)")
_UNSAFE = re.compile(r"[^a-zA-Z0-9._~:/?#@!$&*+,;=%\[\]-]")


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a route's messages."""

    name: str
    url: str
    """A template. A single slot is a column of a table, whose value is the whole URL."""

    def filled(self, lookup: Lookup) -> str | None:
        """The URL for an alert. None if it cannot be made from the alert's values."""
        template = parse_template(self.url)
        if len(template.parts) == 1 and template.slots:
            url = lookup(template.slots[0].name) or ""
            return None if url_problem(url) else url
        texts: list[str] = []
        for part in template.parts:
            text = part if isinstance(part, str) else _encoded(part, lookup)
            if text is None:
                return None
            texts.append(text)
        url = "".join(texts)
        return url if len(url) <= MAX_URL else None


def url_problem(url: str) -> str:
    """What is wrong with a URL that contains no slots; empty if nothing is."""
    if len(url) > MAX_URL:
        return f"is longer than {MAX_URL} characters"
    if not _HOST.match(url):
        return "does not begin with https:// or http:// and a host"
    found = _UNSAFE.search(url)
    return f"contains the character {found[0]!r}, which must be percent-encoded" if found else ""


def template_problem(url: str) -> str:
    """What is wrong with a URL that may contain slots behind its host; empty if nothing is."""
    template = parse_template(url)
    if any(slot.width for slot in template.slots):
        return "contains a value with a width; for a percent sign write %%"
    fixed = "".join("x" if isinstance(part, Slot) else part for part in template.parts)
    host = _HOST.match(url)
    if host is None and url.startswith(("https://", "http://")) and template.slots:
        return "takes its host from the alert; write the host, and values only in the path or the query"
    return url_problem(fixed)


def _encoded(slot: Slot, lookup: Lookup) -> str | None:
    """The percent-encoded value of a slot; None if it must not be part of a URL."""
    value = lookup(slot.name)
    if not value or value == MISSING or len(value) > MAX_VALUE or not value.strip("."):
        return None
    return quote(transformed(slot.transform, value), safe="", errors="replace")
