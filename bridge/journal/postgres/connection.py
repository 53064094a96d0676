"""Connects to the database of a journal."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bridge.common.files.trust import bundle
from bridge.journal.errors import JournalError
from bridge.journal.location import DatabaseLocation
from bridge.journal.postgres.faults import cannot_connect

SCHEMA = "falco_bridge"
"""The schema of the journal's tables, unless the URI's ``options`` set a search_path."""
_DEFAULTS: dict[str, str] = {
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "target_session_attrs": "read-write",
}
"""Parameters of libpq that the URI may replace. A host that vanished is noticed within about ten seconds."""
_SESSION = (
    "SET client_connection_check_interval = '1s'; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; "
    "SET tcp_keepalives_count = 3; SET tcp_user_timeout = '25s'; SET idle_in_transaction_session_timeout = '60s'; "
    "SET lock_timeout = '30s'; SET timezone = 'UTC'"
)
"""The server ends the session, with its locks, soon after the client has vanished."""
_STATEMENT_SECONDS = 30
_LEAST_IDLE_SECONDS = 2.0

_LIBPQ_AUTHORITIES = Path("~/.postgresql/root.crt")

PgConnection = psycopg.Connection[tuple[object, ...]]


def connect(location: DatabaseLocation, role: str, *, read_only: bool = False, settings: str = "") -> PgConnection:
    """A session, with its search_path set. Raises psycopg.Error and JournalError.

    ``role`` names it for people; ``settings`` are further statements.
    """
    parameters = _parameters(location)
    options = str(parameters.get("options", ""))
    if "search_path" not in options:
        parameters["options"] = f"{options} -c search_path={SCHEMA}".strip()
    parameters.setdefault("application_name", f"falco-bridge {role} {socket.gethostname()} {os.getpid()}"[:63])
    connection = psycopg.connect(make_conninfo("", **{**_DEFAULTS, **parameters}), autocommit=True)
    read = "SET default_transaction_read_only = on" if read_only else "SET default_transaction_read_only = off"
    connection.execute(f"{_SESSION}; {read}{settings}")  # constants
    return connection


def first_connect(
    location: DatabaseLocation, role: str, *, read_only: bool = False, settings: str = ""
) -> PgConnection:
    """As ``connect``. Raises JournalError that says what to check."""
    try:
        return connect(location, role, read_only=read_only, settings=settings)
    except psycopg.Error as error:
        raise cannot_connect(error, str(location)) from error


def settings_of_member(lease_seconds: float) -> str:
    """Statements for the session of a member of a fleet: one that is frozen in a transaction soon blocks no other."""
    idle = int(max(2 * lease_seconds, _LEAST_IDLE_SECONDS) * 1000)
    return f"; SET idle_in_transaction_session_timeout = {idle}; SET statement_timeout = '{_STATEMENT_SECONDS}s'"


def _parameters(location: DatabaseLocation) -> dict[str, str]:
    url = location.current_url()
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except psycopg.ProgrammingError as error:
        wrong = " ".join(unquote(str(error)).split())
        if any(secret in wrong for secret in url.split("@")[:1]):
            wrong = "it is not a connection URI"
        raise JournalError(f"the journal's url {location} cannot be used: {wrong}") from None
    if parameters.get("sslmode") == "verify-full" and not _has_authorities(parameters):
        parameters["sslrootcert"] = bundle()
    return parameters


def _has_authorities(parameters: Mapping[str, str]) -> bool:
    """Whether libpq finds certificate authorities without our help."""
    return "sslrootcert" in parameters or "PGSSLROOTCERT" in os.environ or _LIBPQ_AUTHORITIES.expanduser().exists()
