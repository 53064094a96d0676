"""Falco's output syntax for titles and messages: ``%field``, ``%40field`` (width), ``%%``, ``%tolower(field)``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from bridge.alert import MISSING

_NAME = r"[a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z][a-zA-Z0-9_-]*)*(?:\[[^\]\n]{1,200}\])?"
_PART = re.compile(
    rf"%%|%(?P<width>[0-9]{{1,4}})?(?:(?P<call>tolower|toupper)\((?P<inner>{_NAME})\)|(?P<name>{_NAME}))|%"
)
"""Applied to templates, which users of the bridge write; never to what an alert says."""
_WIDEST = 1000

Lookup = Callable[[str], str | None]
Escape = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Slot:
    """One value to fill in."""

    name: str
    width: int
    """Cut or padded to so many characters; 0 leaves it as it is."""
    transform: str
    """``tolower``, ``toupper`` or empty."""
    offset: int
    """Where it stands in the template's text."""


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: texts and slots in turn."""

    parts: tuple[str | Slot, ...]
    stray: tuple[int, ...] = ()
    """Where a ``%`` stands that begins nothing; it is printed as it is."""

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The values that it needs."""
        return tuple(part for part in self.parts if isinstance(part, Slot))


@lru_cache(1024)
def parse_template(text: str) -> Template:
    """The parts of a template. Never raises; ``stray`` tells what a checker should complain of."""
    parts: list[str | Slot] = []
    stray: list[int] = []
    at = 0
    for match in _PART.finditer(text):
        parts.append(text[at : match.start()])
        at = match.end()
        if match[0] in {"%", "%%"}:
            parts.append("%")
            if match[0] == "%":
                stray.append(match.start())
            continue
        width = min(int(match["width"] or 0), _WIDEST)
        parts.append(Slot(match["name"] or match["inner"], width, match["call"] or "", match.start()))
    parts.append(text[at:])
    return Template(tuple(part for part in parts if part != ""), tuple(stray))


def fill(template: Template, lookup: Lookup, escape: Escape) -> str:
    """The text with every value in place; a missing one prints ``<NA>``, and all are escaped."""
    return "".join([part if isinstance(part, str) else _value(part, lookup, escape) for part in template.parts])


def _value(slot: Slot, lookup: Lookup, escape: Escape) -> str:
    value = lookup(slot.name)
    text = MISSING if value is None else _transformed(slot.transform, value)
    if slot.width:
        text = text[: slot.width].ljust(slot.width)
    return escape(text)


def _transformed(transform: str, value: str) -> str:
    match transform:
        case "tolower":
            return value.lower()
        case "toupper":
            return value.upper()
        case _:
            return value
