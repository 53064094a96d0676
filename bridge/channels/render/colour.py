"""The colour of each priority, the same in every service."""

from __future__ import annotations

from bridge.alert import Priority

_COLOURS = {
    Priority.EMERGENCY: 0xB3001B,
    Priority.ALERT: 0xB3001B,
    Priority.CRITICAL: 0xB3001B,
    Priority.ERROR: 0xD9480F,
    Priority.WARNING: 0xE8A200,
    Priority.NOTICE: 0x1F6FEB,
    Priority.INFORMATIONAL: 0x57606A,
    Priority.DEBUG: 0x8B949E,
}


_BADGES = {Priority.ERROR: 0xC2410C, Priority.WARNING: 0x9A6700, Priority.DEBUG: 0x57606A}
"""Darker where white text on the colour would be hard to read (WCAG 2.1: a contrast of 4.5)."""


def badge_colour(priority: Priority) -> str:
    """The background of white text, as ``#rrggbb``."""
    return f"#{_BADGES.get(priority, _COLOURS[priority]):06x}"


def colour(priority: Priority) -> int:
    """The colour as ``0xRRGGBB``."""
    return _COLOURS[priority]


def hex_colour(priority: Priority) -> str:
    """The colour as ``#rrggbb``."""
    return f"#{_COLOURS[priority]:06x}"
