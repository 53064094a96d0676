"""The index of an alert: a name of the config, with the date of the alert where the name says so. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from bridge.channels.errors import ChannelError

_NAME = re.compile(r"[a-z0-9.][a-z0-9._-]{0,200}")
"""Without the characters that an index may not have, and shorter than its 255 bytes."""
_DATE = re.compile("YYYY|MM|DD")
_SECOND = 1_000_000_000


def check_index(name: str, parameter: str) -> None:
    """Raises ChannelError for a name that no index can have. ``YYYY``, ``MM`` and ``DD`` stand for digits."""
    if not _NAME.fullmatch(_DATE.sub("00", name)) or name in {".", ".."}:
        raise ChannelError(
            f"has an invalid `{parameter}`; write lower-case letters, digits, `-`, `_` and `.`, and YYYY, MM and DD "
            "for the date, such as falco-YYYY.MM.DD"
        )


def index_of(pattern: str, time_ns: int) -> str:
    """The name for an alert of that time, in UTC."""
    if not _DATE.search(pattern):
        return pattern
    moment = datetime.fromtimestamp(time_ns // _SECOND, UTC)
    parts = {"YYYY": f"{moment.year:04}", "MM": f"{moment.month:02}", "DD": f"{moment.day:02}"}
    return _DATE.sub(lambda found: parts[found[0]], pattern)
