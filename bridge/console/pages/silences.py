"""The silences: those that act, a new one with what it would have held back, and how it is written as a command."""

from __future__ import annotations

import shlex

from bridge.common.clocks.durations import parse_duration
from bridge.common.clocks.times import SECOND_NS
from bridge.common.text import visible
from bridge.console.ask import Act, Ask, Page
from bridge.operator.client import AdminError, segment
from bridge.operator.model.silences import AddSilence, PreviewSilence, SilenceList, SilencePreview, SilenceStatus

_DEFAULT = "2h"
_LONGEST_SECONDS = 366 * 86_400


def _values(ask: Ask) -> dict[str, object]:
    silences = ask.get("/api/v1/silences", SilenceList)
    condition, lasts = ask.text("condition"), ask.text("for") or _DEFAULT
    preview, problem = None, silences if isinstance(silences, str) else ""
    if condition and not problem:
        try:
            _seconds(lasts)
            preview = ask.client.post("/api/v1/silences/preview", SilencePreview, PreviewSilence(condition))
        except AdminError as error:
            problem = str(error)
    command = shlex.join(
        ["falco-bridge", "silence", "add", condition, "--for", lasts, "--comment", ask.text("comment")]
    )
    return {
        "silences": [] if isinstance(silences, str) else silences.items,
        "condition": condition,
        "lasts": lasts,
        "comment": ask.text("comment"),
        "preview": preview,
        "problem": problem,
        "command": command if visible(command) == command else "",  # a shell would get other text than is shown
    }


def _seconds(text: str) -> float:
    """The seconds of a duration. Raises AdminError."""
    nanoseconds = parse_duration(text)
    if nanoseconds is None or not 0 < nanoseconds <= _LONGEST_SECONDS * SECOND_NS:
        raise AdminError(f"`{text}` is not a duration; write 30m, 2h or 7d, at most 366d")
    return nanoseconds / SECOND_NS


def _add(ask: Ask) -> str:
    request = AddSilence(ask.text("condition"), _seconds(ask.text("for")), ask.text("comment"))
    ask.client.post("/api/v1/silences", SilenceStatus, request)
    return "/silences"


def _expire(ask: Ask) -> str:
    ask.client.post(f"/api/v1/silences/{segment(ask.text('silence'))}/expire", SilenceStatus)
    return "/silences"


PAGES = (Page("/silences", "silences.html", "Silences", _values, in_menu=True),)
ACTS = (Act("/silences/add", _add), Act("/silences/expire", _expire))
