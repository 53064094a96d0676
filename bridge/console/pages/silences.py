"""The silences: those that act, a new one with what it would have held back, and how it is written as a command."""

from __future__ import annotations

import shlex
from urllib.parse import urlencode

from bridge.common.clocks.durations import parse_duration
from bridge.common.clocks.times import SECOND_NS
from bridge.common.text import visible
from bridge.console.ask import Act, Ask, Page
from bridge.operator.client import AdminError, segment
from bridge.operator.model.silences import (
    AddSilence,
    PreviewSilence,
    SilenceList,
    SilencePreview,
    SilenceStatus,
    UpdateSilence,
)

_DEFAULT = "2h"
_LONGEST_SECONDS = 366 * 86_400


_GROUPS = {"active": "Active", "pending": "Pending", "ended": "Ended in the last 24 hours"}
_ENDED_SHOWN = 100


def _values(ask: Ask) -> dict[str, object]:
    condition, lasts = ask.text("condition"), ask.text("for") or _DEFAULT
    during, starts_in, announce = ask.text("during"), ask.text("in"), ask.text("announce")
    listed = _listed(ask)
    preview, problem = None, listed if isinstance(listed, str) else ""
    if condition and not problem:
        try:
            _seconds(lasts)
            _seconds(starts_in or _DEFAULT)
            asked = PreviewSilence(condition, during=during)
            preview = ask.client.post("/api/v1/silences/preview", SilencePreview, asked)
        except AdminError as error:
            problem = str(error)
    given = {"--for": lasts, "--in": starts_in, "--during": during, "--comment": ask.text("comment"),
             "--announce": announce}  # fmt: skip
    words = [word for name, text in given.items() if text for word in (name, text)]
    command = shlex.join(["falco-bridge", "silence", "add", condition, *words])
    groups, following = ([], None) if isinstance(listed, str) else listed
    return {
        "groups": groups,
        "ended": bool(ask.text("ended")),
        "next": following,
        "condition": condition,
        "lasts": lasts,
        "comment": ask.text("comment"),
        "during": during,
        "starts_in": starts_in,
        "announce": announce,
        "preview": preview,
        "problem": problem,
        "command": command if visible(command) == command else "",  # a shell would get other text than is shown
    }


def _listed(ask: Ask) -> tuple[list[tuple[str, list[SilenceStatus]]], str | None] | str:
    """The silences under their headings, and where the next page begins; a sentence if they cannot be read."""
    if ask.text("ended"):
        query = urlencode({"ended": "true", "limit": _ENDED_SHOWN, "cursor": ask.text("cursor")[:200]})
        found = ask.get(f"/api/v1/silences?{query}", SilenceList)
        return found if isinstance(found, str) else ([("All that ended", found.items)], found.next)
    found = ask.get("/api/v1/silences", SilenceList)
    if isinstance(found, str):
        return found
    groups = [(title, [each for each in found.items if each.state == state]) for state, title in _GROUPS.items()]
    return [(title, some) for title, some in groups if some], None


def _seconds(text: str) -> float:
    """The seconds of a duration. Raises AdminError."""
    nanoseconds = parse_duration(text)
    if nanoseconds is None or not 0 < nanoseconds <= _LONGEST_SECONDS * SECOND_NS:
        raise AdminError(f"`{text}` is not a duration; write 30m, 2h or 7d, at most 366d")
    return nanoseconds / SECOND_NS


def _add(ask: Ask) -> str:
    starts_in = ask.text("in")
    request = AddSilence(
        ask.text("condition"), _seconds(ask.text("for")), ask.text("comment"),
        _seconds(starts_in) if starts_in else 0.0, ask.text("during"), ask.text("announce"),
    )  # fmt: skip
    ask.client.post("/api/v1/silences", SilenceStatus, request)
    return "/silences"


def _extend(ask: Ask) -> str:
    request = UpdateSilence(ask.text("silence"), _seconds(ask.text("for")))
    ask.client.post(f"/api/v1/silences/{segment(request.id)}", SilenceStatus, request)
    return "/silences"


def _expire(ask: Ask) -> str:
    ask.client.post(f"/api/v1/silences/{segment(ask.text('silence'))}/expire", SilenceStatus)
    return "/silences"


PAGES = (Page("/silences", "silences.html", "Silences", _values, in_menu=True),)
ACTS = (Act("/silences/add", _add), Act("/silences/extend", _extend), Act("/silences/expire", _expire))
