"""Templates of titles and messages in Falco's output syntax.

``%field``, ``%40field`` (padded or cut to 40 characters), ``%%``, ``%tolower(field)``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from bridge.alert import MISSING

_NAME = r"[a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z][a-zA-Z0-9_-]*)*(?:\[[^\]\n]{1,200}\])?"
_PART = re.compile(
    rf"%%|%(?P<step>[2-9]\.{_NAME})"
    rf"|%(?P<width>[0-9]{{1,4}})?(?:(?P<call>tolower|toupper)\((?P<inner>{_NAME})\)|(?P<name>{_NAME}))|%"
)
"""Applied to templates only, never to the content of alerts."""
_MAX_WIDTH = 1000

Lookup = Callable[[str], str | None]
Escape = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Slot:
    """A placeholder for a value."""

    name: str
    width: int
    """The number of characters that the value is cut or padded to; 0 leaves it unchanged."""
    transform: str
    """``tolower``, ``toupper`` or empty."""
    offset: int
    """The offset in the text of the template."""


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template."""

    parts: tuple[str | Slot, ...]
    """Literal texts and slots, in order."""
    stray: tuple[int, ...] = ()
    """The offsets of ``%`` characters that start no slot. They are printed unchanged."""

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots, in order."""
        return tuple(part for part in self.parts if isinstance(part, Slot))


@lru_cache(1024)
def parse_template(text: str) -> Template:
    """Parse a template. Never raises; errors are in ``stray``."""
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
        width = min(int(match["width"] or 0), _MAX_WIDTH)
        parts.append(Slot(match["step"] or match["name"] or match["inner"], width, match["call"] or "", match.start()))
    parts.append(text[at:])
    return Template(tuple(part for part in parts if part != ""), tuple(stray))


def fill(template: Template, lookup: Lookup, escape: Escape) -> str:
    """The text with all values filled in and escaped. A missing value prints ``<NA>``."""
    return "".join([part if isinstance(part, str) else _value(part, lookup, escape) for part in template.parts])


def _value(slot: Slot, lookup: Lookup, escape: Escape) -> str:
    value = lookup(slot.name)
    text = MISSING if value is None else transformed(slot.transform, value)
    if slot.width:
        text = text[: slot.width].ljust(slot.width)
    return escape(text)


def transformed(transform: str, value: str) -> str:
    """The value after ``tolower`` or ``toupper``; unchanged without one."""
    match transform:
        case "tolower":
            return value.lower()
        case "toupper":
            return value.upper()
        case _:
            return value
