"""Terminal commands, grouped into sessions. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.alert import Alert
from bridge.terminal.derived import shown_place, shown_user


@dataclass(frozen=True, slots=True)
class Session:
    """The commands of one session."""

    id: str
    place: str
    user: str
    commands: tuple[Alert, ...]


def sessions_of(commands: Iterable[Alert]) -> list[Session]:
    """The sessions of these commands, the one with the latest command first."""
    by_session: dict[str, list[Alert]] = {}
    for alert in commands:
        by_session.setdefault(alert.fields.get("cmd.session", ""), []).append(alert)
    sessions = [_session(identity, found) for identity, found in by_session.items()]
    return sorted(sessions, key=lambda session: session.commands[-1].time_ns, reverse=True)


def _session(identity: str, commands: list[Alert]) -> Session:
    first = commands[0]
    return Session(identity, shown_place(first.fields, first.hostname), shown_user(first.fields), tuple(commands))
