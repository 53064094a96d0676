"""Where a journal is: a file, or a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from bridge.common.secret import Secret

SCHEMES = ("postgresql://", "postgres://")
LOCAL_FILES = Path("/var/lib/falco-bridge/journal")
"""The beginning of the names of local files, where a database has no other one."""


@dataclass(frozen=True, slots=True)
class DatabaseLocation:
    """A PostgreSQL database."""

    url: Secret
    """A connection URI of libpq, perhaps with a password."""
    files: Path = LOCAL_FILES
    """The beginning of the names of the bridge's local files: its lock, the history's index, a key."""

    def __str__(self) -> str:
        return shown_url(self.url.reveal())


Location = Path | DatabaseLocation


class JournalText(str):  # noqa: SLOT000  # a str cannot have slots
    """A database among the names of files, shown without its secrets."""

    location: DatabaseLocation

    def __reduce__(self) -> tuple[Any, ...]:
        return journal_text, (self.location,)


def journal_text(location: Location) -> str:
    """The location as a text for people, from which ``location_of`` makes the location again."""
    text = JournalText(location) if isinstance(location, DatabaseLocation) else str(location)
    if isinstance(text, JournalText) and isinstance(location, DatabaseLocation):
        text.location = location
    return text


def location_of(text: str) -> Location:
    """The location that a text names: a connection URI, or a path."""
    if isinstance(text, JournalText):
        return text.location
    return DatabaseLocation(Secret(text)) if text.startswith(SCHEMES) else Path(text)


def files_of(location: Location) -> Path:
    """The path with which the names of the bridge's local files begin."""
    return location.files if isinstance(location, DatabaseLocation) else location


def location_settings(location: Location) -> dict[str, str]:
    """The location for another process of the bridge. Contains the secrets."""
    settings = {"journal": str(files_of(location))}
    return settings | {"database": location.url.reveal()} if isinstance(location, DatabaseLocation) else settings


def location_from(settings: Mapping[str, Any]) -> Location:
    """The location that ``location_settings`` wrote."""
    files = Path(settings["journal"])
    return DatabaseLocation(Secret(settings["database"]), files) if "database" in settings else files


def with_password(url: str, password: str) -> str:
    """The connection URI with a password."""
    return f"{url}{'&' if '?' in url else '?'}password={quote(password, safe='')}"


def shown_url(url: str) -> str:
    """The URI without user, password and parameters."""
    scheme, _, rest = url.partition("://")
    netloc, slash, path = rest.partition("?")[0].partition("/")
    return f"{scheme}://{netloc.rpartition('@')[2]}{slash}{path}"


def passwords_in(url: str) -> frozenset[str]:
    """The passwords that a URI contains, as written."""
    try:
        split = urlsplit(url)
    except ValueError:
        return frozenset()
    user_and_password = split.netloc.rpartition("@")[0]
    parameters = [piece.partition("=") for piece in split.query.split("&")]
    found = [user_and_password.partition(":")[2], *(value for name, _, value in parameters if name == "password")]
    return frozenset(filter(None, found))
