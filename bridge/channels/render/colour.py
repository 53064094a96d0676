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


def colour(priority: Priority) -> int:
    """The colour as ``0xRRGGBB``."""
    return _COLOURS[priority]


def hex_colour(priority: Priority) -> str:
    """The colour as ``#rrggbb``."""
    return f"#{_COLOURS[priority]:06x}"
