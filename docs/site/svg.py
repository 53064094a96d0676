"""A card of wrapped text lines as SVG: enough for pictures of chat messages and notifications."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from html import escape

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
WIDTH = 0.56
WIDTH_BOLD = 0.64
"""Of a character, as a share of the font size; wide enough for wide fonts."""


@dataclass
class Card:
    """Draws from top to bottom."""

    width: int
    y: int = 18
    parts: list[str] = field(default_factory=list)

    def text(
        self, text: str, *, x: int = 20, size: int = 14, width: int = 0, colour: str = "#1d1c1d", bold: bool = False
    ) -> None:
        """A paragraph, wrapped to the width; without one, to the card's."""
        room = int(((width or self.width - x) - 12) / (size * (WIDTH_BOLD if bold else WIDTH)))
        weight = ' font-weight="700"' if bold else ""
        for line in [part for row in text.split("\n") for part in textwrap.wrap(row, room) or [""]]:
            self.y += round(size * 1.4)
            style = f'font-size="{size}" fill="{colour}"{weight}'
            self.parts.append(f'<text x="{x}" y="{self.y}" {style}>{escape(line, quote=False)}</text>')

    def row(self, name: str, value: str, *, x: int, column: int) -> None:
        """A name and a value beside it."""
        top = self.y
        self.text(name, x=x, size=13, width=column, bold=True)
        after_name, self.y = self.y, top
        self.text(value, x=x + column, size=13)
        self.y = max(self.y, after_name)

    def bar(self, top: int, colour: str, *, x: int = 20) -> None:
        """A coloured bar on the left, from ``top`` to here."""
        self.parts.append(f'<rect x="{x}" y="{top}" width="4" height="{self.y - top + 4}" rx="2" fill="{colour}"/>')

    def button(self, text: str, *, x: int) -> None:
        """A button; the next one needs another ``x``."""
        width = round(len(text) * 13 * WIDTH_BOLD) + 28
        self.parts.append(
            f'<rect x="{x}" y="{self.y + 10}" width="{width}" height="28" rx="4" fill="none" stroke="#8d8d8d"/>'
        )
        self.y += 11
        self.text(text, x=x + 14, size=13, bold=True)
        self.y += 13

    def svg(self, title: str) -> str:
        """The picture. The title is what screen readers read."""
        height = self.y + 22
        lines = "\n".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{self.width}" height="{height}" '
            f'viewBox="0 0 {self.width} {height}" font-family="{FONT}">\n<title>{escape(title)}</title>\n'
            f'<rect width="{self.width}" height="{height}" rx="8" fill="#fff" stroke="#d0d7de"/>\n'
            f"{lines}\n</svg>\n"
        )
