"""The sections of the config by their place: ``journal.retention``, ``sources.http.tls``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bridge.config.schema.config import Config
from bridge.config.schema.keys import Key, Section, item_of, keys_of, sections_of, value_of


def sections() -> dict[str, type[Section]]:
    """Every section by its place, the root's being empty. A kind of source is named by its first key."""
    return dict(_sections("", Config))


def parts_of(key: Key) -> tuple[type[Section], ...]:
    """The sections that a key's value, or its items, can be."""
    return sections_of(item_of(key.type) or value_of(key.type) or key.type)


def _sections(place: str, section: type[Section]) -> Iterator[tuple[str, type[Section]]]:
    yield place, section
    for key in keys_of(section):
        parts = parts_of(key)
        for part in parts:
            below = f"{place}.{key.name}".lstrip(".")
            yield from _sections(f"{below}.{keys_of(part)[0].name}" if len(parts) > 1 else below, part)


def default_of(key: Key) -> Any:
    """The default in words, as the page and the JSON Schema show it; empty for a required key."""
    if key.default_text:
        return key.default_text
    if key.required:
        return ""
    shown = str(key.default).lower() if isinstance(key.default, bool) else str(key.default)
    return f"`{shown}`"
