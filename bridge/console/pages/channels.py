"""The channels with what waits there, and the dead letters with the acts on them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import quote

from bridge.console.ask import Act, Ask, Page
from bridge.operator.client import AdminError, segment
from bridge.operator.model.base import LARGEST_PAGE
from bridge.operator.model.channels import ChannelTestResult
from bridge.operator.model.dead_letters import (
    DeadLetterPage,
    DeadLettersChanged,
    DeadLetterSummary,
    SelectDeadLetters,
)
from bridge.operator.model.status import ChannelStatus, Status

_SHOWN = 50
_LONGEST_ID = 18
"""Digits."""
_TEST_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Discarding:
    """The dead letters of a channel that a visitor is asked about before they are discarded."""

    channel: str
    letters: list[DeadLetterSummary]
    more: bool
    """Whether the channel has others, which stay."""

    @property
    def ids(self) -> str:
        """As a field of a form: exactly those that were shown are discarded."""
        return ",".join(str(each.id) for each in self.letters)


def _values(ask: Ask) -> dict[str, object]:
    status = ask.get("/api/v1/status", Status)
    after = ask.text("after")
    first = after if _is_id(after) else "0"
    letters = _letters(ask, first) if isinstance(status, Status) else status  # a hanging bridge is waited for once
    discarding = _discarding(ask) if ask.may_write and not isinstance(letters, str) else None
    problem = next((each for each in (status, letters, discarding) if isinstance(each, str)), "")
    channels: list[ChannelStatus] = [] if isinstance(status, str) else status.channels or []
    return {
        "problem": problem,
        "channels": sorted(channels, key=_urgency),
        "letters": [] if isinstance(letters, str) else letters.items,
        "next": None if isinstance(letters, str) else letters.next,
        "discarding": None if isinstance(discarding, str) else discarding,
        "tests": ask.channel_tests.latest(),
    }


def _letters(ask: Ask, first: str) -> DeadLetterPage | str:
    return ask.get(f"/api/v1/dead-letters?limit={_SHOWN}&after={first}", DeadLetterPage)


def _urgency(channel: ChannelStatus) -> tuple[bool, bool]:
    """Those that fail first, then those with dead letters."""
    fails = channel.circuit not in {None, "closed"} or bool(channel.consecutive_failures)
    return not fails, not channel.dead_letters


def _discarding(ask: Ask) -> Discarding | str | None:
    """What the visitor asked to discard: one dead letter, or those of a channel. A sentence if it cannot be read."""
    letter, channel = ask.text("letter"), ask.text("discard")
    if _is_id(letter):
        found = ask.get(f"/api/v1/dead-letters?limit=1&after={max(int(letter) - 1, 0)}", DeadLetterPage)
        if isinstance(found, str):
            return found
        items = [each for each in found.items if each.id == int(letter)]
        return (
            Discarding(items[0].channel, items, more=False) if items else f"there is no dead letter {letter} any more"
        )
    if not channel:
        return None
    found = ask.get(f"/api/v1/dead-letters?limit={LARGEST_PAGE}&channel={quote(channel, safe='')}", DeadLetterPage)
    if isinstance(found, str):
        return found
    if not found.items:
        return "the channel has no dead letters any more"
    return Discarding(channel, found.items, more=found.next is not None)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID


def _selected(ask: Ask) -> SelectDeadLetters:
    """The dead letters of a form: those with these ids, or all of a channel. Raises AdminError."""
    ids = ask.text("ids").split(",") if ask.text("ids") else []
    if not all(map(_is_id, ids)) or len(ids) > LARGEST_PAGE:
        raise AdminError("the form does not name dead letters; load the page again")
    return SelectDeadLetters(ids=[int(each) for each in ids]) if ids else SelectDeadLetters(channel=ask.text("channel"))


def _retry(ask: Ask) -> str:
    ask.client.post("/api/v1/dead-letters/retry", DeadLettersChanged, _selected(ask))
    return "/channels"


def _discard(ask: Ask) -> str:
    selected = _selected(ask)
    if selected.ids is None:
        raise AdminError("the form does not name dead letters; load the page again")
    ask.client.post("/api/v1/dead-letters/discard", DeadLettersChanged, selected)
    return "/channels"


def _test(ask: Ask) -> str:
    channel, sent_ns = ask.text("channel"), time.time_ns()
    result = ask.client.post(f"/api/v1/channels/{segment(channel)}/test", ChannelTestResult, seconds=_TEST_SECONDS)
    ask.channel_tests.add(channel, sent_ns, result)
    return "/channels"


PAGES = (Page("/channels", "channels.html", "Channels", _values, in_menu=True),)
ACTS = (Act("/channels/retry", _retry), Act("/channels/discard", _discard), Act("/channels/test", _test))
