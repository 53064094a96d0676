"""Terminal sessions: who typed what, in which pod, and what it ran and wrote."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.alert import Alert
from bridge.console.ask import Ask, Page
from bridge.terminal.derived import shown_place, shown_text, shown_user


@dataclass(frozen=True, slots=True)
class Session:
    """The commands of one session."""

    id: str
    place: str
    user: str
    commands: tuple[Alert, ...]


def _values(ask: Ask) -> dict[str, object]:
    by_session: dict[str, list[Alert]] = {}
    for alert in ask.reader.commands(ask.text("session")):
        by_session.setdefault(alert.fields.get("cmd.session", ""), []).append(alert)
    sessions = [_session(identity, commands) for identity, commands in by_session.items()]
    sessions.sort(key=lambda session: session.commands[-1].time_ns, reverse=True)
    return {"sessions": sessions, "one": ask.text("session"), "shown_text": shown_text}


def _session(identity: str, commands: list[Alert]) -> Session:
    first = commands[0]
    return Session(identity, shown_place(first.fields, first.hostname), shown_user(first.fields), tuple(commands))


PAGES = (
    Page("/sessions", "sessions.html", "Sessions", _values, in_menu=True),
    Page("/sessions/{session}", "sessions.html", "Session", _values),
)
