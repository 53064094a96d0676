"""A command: what was typed, where, by whom, what it ran and what it wrote."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import msgspec

from bridge.terminal.lines.shell_line import Origin

_OFFSET = 2**63
"""As in alert ids, which sort by time."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command in a terminal."""

    id: str
    """32 hexadecimal digits, computed from its session and line: the same line always has the same id."""
    session: str
    """The id of the session: 16 hexadecimal digits."""
    session_started_ns: int
    time_ns: int
    """When Enter was read, or the program was started."""
    hostname: str
    text: str
    """Empty for hidden input, and for a file that was written by a line that is not known."""
    prompt: str = ""
    shell: str = ""
    """The name of the shell, or of the program that was started."""
    pid: int = 0
    """The process of the shell."""
    terminal: int = 0
    origin: Origin
    confidence: float
    aborted: bool = False
    hidden_keys: int = 0
    ran: tuple[str, ...] = ()
    """The command lines of the programs it started."""
    wrote: tuple[str, ...] = ()
    """The files it opened for writing."""
    exit: int | None = None
    """The exit status of its last program; None if that is not known."""
    users: tuple[str, ...] = ()
    """Who opened the session, by Kubernetes audit. Several if the audit does not distinguish them."""
    place: Mapping[str, str]
    """The ``container.…``, ``k8s.…``, ``user.…`` and ``group.…`` fields of the session."""


def session_id(hostname: str, container: str, terminal: int, number: int, started_ns: int) -> str:
    """The id of a session. The numbers of terminals and sessions repeat in every container, and over time."""
    return _hash(f"{hostname}\0{container}\0{terminal}\0{number}\0{started_ns}")


def command_id(session: str, pid: int, time_ns: int, number: int) -> str:
    """The id of a command: an alert id, so that commands sort among alerts."""
    return f"{max(time_ns, -_OFFSET) + _OFFSET:016x}{_hash(f'{session}{chr(0)}{pid}{chr(0)}{time_ns}{chr(0)}{number}')}"


def _hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
