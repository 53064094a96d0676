"""Time zones by their IANA names, as ``Europe/Berlin``."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from bridge.common.suggest import did_you_mean


def parse_zone(text: str) -> ZoneInfo | None:
    """The zone; None where there is none of that name."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder's name, as "Europe" is one
        return None


def zone_hint(text: str) -> str:
    """The way out where it is none."""
    return did_you_mean(text, sorted(available_timezones())) or 'an IANA name like "Europe/Berlin"'
