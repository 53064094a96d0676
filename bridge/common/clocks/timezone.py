"""Time zones by IANA name, such as ``Europe/Berlin``."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from bridge.common.suggest import did_you_mean


def find_zone(name: str) -> ZoneInfo | None:
    """The zone, or None if there is none with this name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder, such as "Europe"
        return None


def zone_hint(name: str) -> str:
    """The remedy for an unknown zone."""
    return did_you_mean(name, sorted(available_timezones())) or 'an IANA name like "Europe/Berlin"'
