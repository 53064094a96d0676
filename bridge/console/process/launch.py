"""What the console's process gets on its standard input, made of the config."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from bridge.common.errors import SetupError
from bridge.common.files.key_file import write_key
from bridge.common.masking import forms_of
from bridge.common.secret import revealed
from bridge.config.schema.console import ConsoleSettings, OidcSettings, ProxySettings
from bridge.config.schema.values import FieldListFile
from bridge.console.visitors.oidc.settings import OidcLaunch
from bridge.journal.location import Location, files_of, location_settings, passwords_in

TOKEN_SUFFIX = ".console.token"  # noqa: S105  # the end of a file's name
_SHORTEST_TOKEN = 8


class ProxyLaunch(msgspec.Struct, frozen=True, kw_only=True):
    """A proxy that names visitors in a header."""

    allow: tuple[str, ...]
    name_header: str
    groups_header: str


class AccessLaunch(msgspec.Struct, frozen=True, kw_only=True):
    """Who may see the console, and who may act."""

    token: str = ""
    is_unix: bool = False
    public_url: str = ""
    hosts: tuple[str, ...] = ()
    write: bool = False
    viewers: tuple[str, ...] = ()
    editors: tuple[str, ...] = ()
    session_seconds: float = 43_200.0
    oidc: OidcLaunch | None = None
    proxy: ProxyLaunch | None = None


class ConsoleLaunch(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the process needs. Contains secrets."""

    config: str
    """The path of the config."""
    journal: dict[str, str]
    admin: str
    """The admin socket of the bridge."""
    imports: tuple[str, ...] = ()
    """Route files whose macros conditions may use."""
    labels: dict[str, str] = {}  # msgspec copies it
    fields: tuple[str, ...] = ()
    """Files that list fields."""
    log: dict[str, str] = {}
    listen: tuple[str, int] | None = None
    socket: str = ""
    group: str = ""
    access: AccessLaunch = AccessLaunch()


class Surroundings(msgspec.Struct, frozen=True):
    """The parts of a config, besides its own section, that the console depends on."""

    config: Path
    """Its file."""
    journal: Location
    admin: Path
    routes: tuple[Path, ...]
    labels: Mapping[str, str]
    fields: tuple[FieldListFile, ...]


def launch_of(
    console: ConsoleSettings, rest: Surroundings, log: Mapping[str, str], changes: Mapping[str, Any] | None = None
) -> ConsoleLaunch:
    """What the process gets. ``changes`` replace members of its access. Raises SetupError."""
    access = AccessLaunch(
        token=_token(console, rest.journal),
        is_unix=console.listen is None,
        public_url=console.public_url or "",
        write=console.write,
        viewers=console.viewers,
        editors=console.editors,
        session_seconds=console.session.seconds,
        oidc=_oidc(console.oidc),
        proxy=_proxy(console.proxy),
    )
    listen = None if console.listen is None else (console.listen.host, console.listen.port)
    return ConsoleLaunch(
        config=str(rest.config),
        journal=location_settings(rest.journal),
        admin=str(rest.admin),
        imports=tuple(map(str, rest.routes)),
        labels=dict(rest.labels),
        fields=tuple(str(each.path) for each in rest.fields),
        log=dict(log),
        listen=listen,
        socket=str(console.socket or ""),
        group=console.group,
        access=msgspec.structs.replace(access, **(changes or {})),
    )


def token_path(journal: Location) -> Path:
    """The file of the token that the bridge makes where the config has none."""
    files = files_of(journal)
    return files.with_name(files.name + TOKEN_SUFFIX)


def missing_library() -> str:
    """What of the extra ``console`` is not installed; empty if nothing is."""
    missing = [name for name in ("jinja2", "joserfc") if find_spec(name) is None]
    return f"the console needs {' and '.join(missing)}, which is not installed" if missing else ""


def _oidc(settings: OidcSettings | None) -> OidcLaunch | None:
    if settings is None:
        return None
    return OidcLaunch(
        issuer=settings.issuer,
        client_id=settings.client_id,
        client_secret=revealed(settings.client_secret),
        scopes=settings.scopes,
        name_claim=settings.name_claim,
        groups_claim=settings.groups_claim,
    )


def _proxy(settings: ProxySettings | None) -> ProxyLaunch | None:
    if settings is None:
        return None
    allow = tuple(map(str, settings.allow))
    return ProxyLaunch(allow=allow, name_header=settings.name_header, groups_header=settings.groups_header)


def _token(console: ConsoleSettings, journal: Location) -> str:
    """The token of the config, or that of the file, which is made if visitors cannot sign in otherwise."""
    if console.listen is None or console.token is not None:
        return revealed(console.token)
    if console.oidc is not None or console.proxy is not None:
        return ""
    path = token_path(journal)
    try:
        found = path.read_text(encoding="ascii", errors="replace").strip() if path.exists() else ""
        if len(found) < _SHORTEST_TOKEN:
            found = secrets.token_urlsafe(24)
            write_key(path, f"{found}\n".encode())
    except OSError as error:
        raise SetupError(
            f"cannot read or create {path} ({error.strerror}); the user that runs the bridge must own it"
        ) from error
    return found


def masked_texts(launch: ConsoleLaunch) -> frozenset[str]:
    """The texts that must not appear in the log."""
    oidc = launch.access.oidc
    secret_texts = [launch.access.token, "" if oidc is None else oidc.client_secret]
    found = {form for text in secret_texts if text for form in forms_of(text)}
    return frozenset(found) | passwords_in(launch.journal.get("database", ""))
