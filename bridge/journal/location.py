"""Where a journal is: a file, or a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from bridge.common.secret import Secret, revealed

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
    password: Secret | None = None
    url_file: Path | None = None
    password_file: Path | None = None
    """Where the URI and the password were read: each connection reads them again."""

    def current_url(self) -> str:
        """The URI with its password, as the files contain them now; as they were where a file cannot be read."""
        url = _read(self.url_file) or self.url.reveal()
        password = _read(self.password_file) or revealed(self.password)
        return with_password(url, password) if password else url

    def is_same(self, other: Location) -> bool:
        """Whether the other one is this database, and differs by no more than what was read of the same files."""
        return isinstance(other, DatabaseLocation) and self.written() == other.written()

    def written(self) -> tuple[object, ...]:
        """What the config says: of secrets in files, the files."""
        url = self.url if self.url_file is None else self.url_file
        return self.files, url, self.password if self.password_file is None else self.password_file

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
    if not isinstance(location, DatabaseLocation):
        return settings
    more = {
        "database_password": revealed(location.password),
        "database_file": location.url_file,
        "database_password_file": location.password_file,
    }
    return settings | {"database": location.url.reveal()} | {name: str(each) for name, each in more.items() if each}


def location_from(settings: Mapping[str, Any]) -> Location:
    """The location that ``location_settings`` wrote."""
    files = Path(settings["journal"])
    if "database" not in settings:
        return files
    password = Secret(settings["database_password"]) if "database_password" in settings else None
    read = [Path(settings[name]) if name in settings else None for name in ("database_file", "database_password_file")]
    return DatabaseLocation(Secret(settings["database"]), files, password, *read)


def passwords_of(settings: Mapping[str, Any]) -> frozenset[str]:
    """The passwords in what ``location_settings`` wrote."""
    given = {settings["database_password"]} if "database_password" in settings else set()
    return passwords_in(settings.get("database", "")) | given


def _read(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


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


def hosts_and_parameters(url: str) -> tuple[list[str], dict[str, str]]:
    """The hosts of a connection URI, without ports, and its parameters. Sockets are hosts that begin with a slash."""
    main, _, query = url.partition("://")[2].partition("?")
    parameters = {name: values[-1] for name, values in parse_qs(query).items()}
    listed = main.partition("/")[0].rpartition("@")[2] or parameters.get("host", "")
    hosts = [unquote(each) for each in listed.split(",")]
    return [_without_port(each) for each in hosts if each], parameters


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host if host.startswith("/") else host.partition(":")[0]
