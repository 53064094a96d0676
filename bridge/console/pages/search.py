"""Searching the recorded alerts, one alert with all that became of it, and the alerts as they are stored."""

from __future__ import annotations

from urllib.parse import urlencode

from bridge.alert import Alert
from bridge.channels.message.second_line import deed_of, where_of
from bridge.common.text import visible
from bridge.console.ask import Ask, Page
from bridge.console.data.reader import Found
from bridge.routing import Reason

_ASKED = ("condition", "words", "rule", "route", "channel", "reason", "since", "until")


def _values(ask: Ask) -> dict[str, object]:
    asked = any(ask.text(name) for name in (*_ASKED, "before")) or "condition" in ask.parameters
    found = ask.reader.find(ask.question) if asked else Found()
    query = {name: ask.text(name) for name in (*_ASKED, "zone") if ask.text(name)}
    return {
        "question": ask.question,
        "asked": asked,
        "found": found,
        "older": urlencode(query | {"before": str(found.next_before)}),
        "reasons": list(Reason),
    }


def _alert(ask: Ask) -> dict[str, object] | None:
    story = ask.reader.story(ask.text("id"))
    if story is None:
        return None
    alert = story.recorded.alert
    return {
        "story": story,
        "recorded": story.recorded,
        "alert": alert,
        "condition": _like(alert),
        "place": where_of(alert, ask.reader.labels),
        "deed": deed_of(alert),
    }


def _like(alert: Alert) -> str:
    """A condition for alerts of the same rule and namespace; empty where these contain characters that hide others.

    It never holds for more than that: it is offered for a silence.
    """
    texts = {"rule": alert.rule, "k8s.ns.name": alert.get("k8s.ns.name")}
    given = {name: text for name, text in texts.items() if text}
    if "rule" not in given or any(visible(text) != text for text in given.values()):
        return ""
    escaped = {name: text.replace("\\", "\\\\").replace('"', '\\"') for name, text in given.items()}
    return " and ".join(f'{name} = "{text}"' for name, text in escaped.items())


def _tail(ask: Ask) -> dict[str, object]:
    ask.reader.last_number()  # raises where the stream could not be read
    problem = ask.reader.problem_of(ask.question)
    query = urlencode({name: ask.text(name) for name in ("condition", "words") if ask.text(name)})
    return {"question": ask.question, "problem": problem, "query": query}


PAGES = (
    Page("/search", "search.html", "Search", _values, in_menu=True),
    Page("/tail", "tail.html", "Tail", _tail, in_menu=True),
    Page("/alerts/{id}", "alert.html", "Alert", _alert),
)
