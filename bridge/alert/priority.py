"""Falco's priorities."""

from __future__ import annotations

from enum import IntEnum


class Priority(IntEnum):
    """The priority of an alert, with Falco's numbers (schema.proto): 0 is the most severe."""

    EMERGENCY = 0
    ALERT = 1
    CRITICAL = 2
    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFORMATIONAL = 6
    DEBUG = 7

    def __str__(self) -> str:
        """Falco's spelling in JSON: ``Warning``."""
        return self.name.capitalize()

    @property
    def word(self) -> str:
        """The spelling in a ``.route`` file: ``warning``."""
        return self.name.lower()

    def at_least(self, other: Priority) -> bool:
        """Whether this is as severe as ``other`` or more severe."""
        return self <= other


_BY_NAME = {priority.name: priority for priority in Priority} | {"INFO": Priority.INFORMATIONAL}


def parse_priority(text: str) -> Priority | None:
    """The priority with this name in any case (also ``INFO``, as in rules files), or None."""
    return _BY_NAME.get(text.upper())
