"""Terminal sessions: who typed what, in which pod, and what it ran and wrote."""

from __future__ import annotations

from bridge.console.ask import Ask, Page
from bridge.console.data.reader import place_of
from bridge.console.data.terminal_sessions import sessions_of
from bridge.terminal.derived import shown_text


def _values(ask: Ask) -> dict[str, object]:
    session = ask.parameters.get("session", "")  # as it is stored
    found = ask.reader.commands(session, place_of(ask.text("before")) or 0)
    return {
        "sessions": sessions_of(found.alerts),
        "one": session,
        "before": found.next_before,
        "shown_text": shown_text,
    }


PAGES = (Page("/sessions", "sessions.html", "Sessions", _values, in_menu=True),)
