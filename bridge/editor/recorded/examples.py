"""Which values a field has in recent alerts, for the text beside its name. Markdown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bridge.common.text import isolated, one_line
from bridge.editor.recorded.counts import moment
from bridge.editor.recorded.reader import with_journal
from bridge.history.recent_values import RecentValues, recent_values
from bridge.journal.location import Location
from bridge.journal.opening import open_to_read
from bridge.language.program.program import Redaction
from bridge.routing.redaction import Redactor

_FRESH_SECONDS = 60.0
_READ_SECONDS = 1.0
_WAIT_SECONDS = 2.0
"""How long an answer waits for values. What is read later is there for the next one."""
_LONGEST = 80
_Asked = tuple[Path, tuple[Redaction, ...]]


@dataclass
class FieldExamples:
    """The values of the newest alerts of each journal, read at most once a minute."""

    _known: dict[Path, tuple[float, tuple[Redaction, ...], RecentValues | None]] = field(default_factory=dict)
    """By config, with the time and the redactions with which they were read."""
    _reading: dict[_Asked, asyncio.Task[None]] = field(default_factory=dict)

    async def of(self, config: Path, redactions: Sequence[Redaction]) -> RecentValues | None:
        """The values of the config's journal. None if it cannot be read, or not yet."""
        asked = config, tuple(redactions)
        at, masked, known = self._known.get(config, (float("-inf"), (), None))
        if masked == asked[1] and time.monotonic() - at < _FRESH_SECONDS:
            return known
        if asked not in self._reading:
            self._reading[asked] = asyncio.get_running_loop().create_task(self._read(asked))
        await asyncio.wait([self._reading[asked]], timeout=_WAIT_SECONDS)
        _, masked, known = self._known.get(config, (0, (), None))
        return known if masked == asked[1] else None

    async def _read(self, asked: _Asked) -> None:
        try:
            found = await asyncio.to_thread(_read, *asked)
            self._known[asked[0]] = time.monotonic(), asked[1], found
        finally:
            del self._reading[asked]


def example_text(name: str, recent: RecentValues) -> str:
    """The values of a field, the most frequent ones first. Every value is one visible line, in a block of code."""
    if recent.oldest_ns is None:
        return ""
    alerts = f"newest {recent.alerts:,} alerts, since {moment(recent.oldest_ns)}"
    found = recent.fields.get(name)
    if found is None:
        return f"in none of the {alerts}"
    lines = [f"{count:>7,}  {isolated(one_line(value, _LONGEST))}" for value, count in found.most]
    others = found.distinct - len(found.most)
    lines += [f"         and {others:,} other values"] * bool(others)
    fence = "```"
    while any(fence in line for line in lines):
        fence += "`"
    block = "\n".join(lines)
    return f"in {found.alerts:,} of the {alerts}:\n{fence}text\n{block}\n{fence}"


def _read(config: Path, redactions: Sequence[Redaction]) -> RecentValues | None:
    redactor = Redactor(redactions)

    def read(location: Location) -> RecentValues:
        with closing(open_to_read(location)) as journal:
            deadline = time.monotonic() + _READ_SECONDS
            return recent_values(journal.history, redactor.alert, lambda: time.monotonic() < deadline)

    return with_journal(config, read)
