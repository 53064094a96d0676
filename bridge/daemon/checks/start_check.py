"""Checks what would keep a bridge from starting on this machine: folders, groups, ports, the journal."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from bridge.common.errors import SetupError
from bridge.common.extras import install_command
from bridge.common.files.presence import exists, is_folder
from bridge.common.net.tcp_socket import addresses_of, bind_problem
from bridge.common.net.unix_socket import group_number
from bridge.config.load import LoadedConfig
from bridge.config.reading.document import Place
from bridge.config.schema.config import Config
from bridge.config.schema.sources import HttpSettings, SocketSettings
from bridge.config.schema.values import ListenAddress
from bridge.console.process.launch import missing_library
from bridge.journal import JournalError
from bridge.journal.location import DatabaseLocation
from bridge.journal.opening import examine, open_to_read
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.tracing.exporter import MISSING, is_installed, remedy

_Problem = tuple[Place, str, str]
"""Where, what, and the remedy."""


def check_start(loaded: LoadedConfig) -> list[Diagnostic]:
    """An error for each; none for a config that has errors of its own. Changes nothing."""
    config = loaded.config
    if config is None:
        return []
    return [*_diagnostics(loaded, (*_journal(config), *_sockets(config), *_ports(config))), *check_extras(loaded)]


def check_extras(loaded: LoadedConfig) -> list[Diagnostic]:
    """An error for each part of the config whose libraries are not installed."""
    config = loaded.config
    if config is None:
        return []
    problems: list[_Problem] = []
    if config.traces is not None and not is_installed():
        problems.append((("traces",), MISSING, remedy()))
    if config.console is not None and (missing := missing_library()):
        problems.append((("console",), missing, f"run: {install_command('console')}"))
    return [replace(each, may_pass=True) for each in _diagnostics(loaded, problems)]


def _diagnostics(loaded: LoadedConfig, problems: Iterable[_Problem]) -> list[Diagnostic]:
    spans = loaded.spans
    return [
        Diagnostic(Code.CANNOT_START, message, next(spans[place[:size]] for size in range(len(place), 0, -1)
                                                    if place[:size] in spans), hint)
        for place, message, hint in problems
        if place[:1] in spans
    ]  # fmt: skip


def _journal(config: Config) -> Iterator[_Problem]:
    path = config.journal.path
    place: Place = ("journal", "path")
    if problem := _unusable(path.parent):
        yield place, problem, "create it for the user that runs the bridge, or name another"
        return
    location = config.journal.location
    if isinstance(location, DatabaseLocation):
        try:
            examine(location)
        except JournalError as error:
            yield ("journal", "url"), str(error), "see docs/postgresql.md"
    elif exists(path):
        try:
            open_to_read(path).close()
        except JournalError as error:
            yield place, str(error), "restore it from a backup, or name another file"
        if not os.access(path, os.R_OK | os.W_OK):
            yield place, f"this user cannot write to {path}", "check as the user that runs the bridge"


def _sockets(config: Config) -> Iterator[_Problem]:
    if config.admin.socket is not None:
        yield from _socket(("admin", "socket"), config.admin.socket)
    if config.console is not None and config.console.socket is not None:
        yield from _socket(("console", "socket"), config.console.socket)
        yield from _group(("console", "group"), config.console.group)
    for at, source in enumerate(config.sources):
        if isinstance(source, SocketSettings):
            yield from _socket(("sources", at, "socket"), source.socket)
            yield from _group(("sources", at, "group"), source.group)


def _group(place: Place, group: str) -> Iterator[_Problem]:
    try:
        group_number(group) if group else None
    except SetupError as error:
        yield place, f"there is no group {group}", str(error).partition("; ")[2]


def _socket(place: Place, path: Path) -> Iterator[_Problem]:
    if problem := _unusable(path.parent):
        yield place, problem, "create it for the user that runs the bridge, or name another"
    elif os.path.lexists(path) and not stat.S_ISSOCK(path.lstat().st_mode):
        yield place, f"{path} is not a socket", "move it, or name another path"


def _unusable(folder: Path) -> str:
    if not is_folder(folder):
        return f"there is no folder {folder}"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"this user cannot write to the folder {folder}"


def _ports(config: Config) -> Iterator[_Problem]:
    listeners: list[tuple[Place, ListenAddress]] = [
        (("sources", at, "http"), each.http) for at, each in enumerate(config.sources) if isinstance(each, HttpSettings)
    ]
    if config.metrics is not None:
        listeners.append((("metrics", "listen"), config.metrics.listen))
    if config.admin.listen is not None:
        listeners.append((("admin", "listen"), config.admin.listen))
    if config.acknowledge is not None:
        listeners.append((("acknowledge", "listen"), config.acknowledge.listen))
    if config.console is not None and config.console.listen is not None:
        listeners.append((("console", "listen"), config.console.listen))
    runs = _is_running(config.journal.path)
    for place, address in listeners:
        # The ports may be those of the bridge that runs. The addresses must still be this machine's.
        if problem := _unbindable(address.host, 0 if runs else address.port):
            why, hint = problem
            yield place, f"cannot listen on {address.host}:{address.port} ({why})", hint


def _unbindable(host: str, port: int) -> tuple[str, str] | None:
    """Why the address cannot be bound, and what to do. It is not listened on: that would disturb a starting bridge."""
    try:
        for family, address in addresses_of(host, port):
            with closing(socket.socket(family, socket.SOCK_STREAM)) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(address)
    except OSError as error:
        return bind_problem(error)
    return None


def _is_running(journal: Path) -> bool:
    """Whether a bridge has locked the journal."""
    try:
        descriptor = os.open(journal.with_name(journal.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    with closing(os.fdopen(descriptor, "rb")) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a file system without locks: the start says so
            return False
    return False
