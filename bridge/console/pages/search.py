"""Searching the recorded alerts, one alert with all that became of it, and the alerts as they are stored."""

from __future__ import annotations

from urllib.parse import urlencode

from bridge.console.ask import Ask, Page
from bridge.console.reader import Found
from bridge.routing import Reason

_ASKED = ("condition", "words", "rule", "route", "channel", "reason", "since", "until")


def _values(ask: Ask) -> dict[str, object]:
    asked = any(ask.text(name) for name in (*_ASKED, "before")) or "condition" in ask.parameters
    found = ask.reader.find(ask.question) if asked else Found()
    query = {name: ask.text(name) for name in _ASKED if ask.text(name)}
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
    condition = f'rule = "{alert.rule}"' if '"' not in alert.rule and "\\" not in alert.rule else "rule exists"
    namespace = alert.get("k8s.ns.name")
    if namespace is not None and namespace.replace("-", "").isalnum():
        condition += f" and k8s.ns.name = {namespace}"
    return {"story": story, "recorded": story.recorded, "alert": alert, "condition": condition}


def _tail(ask: Ask) -> dict[str, object]:
    problem = ask.reader.problem_of(ask.question)
    query = urlencode({name: ask.text(name) for name in ("condition", "words") if ask.text(name)})
    return {"question": ask.question, "problem": problem, "query": query}


PAGES = (
    Page("/search", "search.html", "Search", _values, in_menu=True),
    Page("/tail", "tail.html", "Tail", _tail, in_menu=True),
    Page("/alerts/{id}", "alert.html", "Alert", _alert),
)
