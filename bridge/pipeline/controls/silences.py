"""The silences of a running bridge: adding, changing, ending and announcing them."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from bridge.common.clocks.times import iso_text
from bridge.common.suggest import did_you_mean
from bridge.journal.location import Location
from bridge.journal.opening import open_to_read
from bridge.journal.protocols import Memory
from bridge.journal.records import RecordedAlert, SilenceAct, SilenceRecord
from bridge.pipeline.controls.journal_check import check_journal
from bridge.pipeline.controls.silence_preview import Preview, preview
from bridge.pipeline.intake import Intake
from bridge.pipeline.services.silence_announcer import SOURCE_NAME, entry_of, is_due
from bridge.routing.silences import Silence, Silences, SilenceText, parse_silence

_LISTED_NS = 24 * 3600 * 1_000_000_000
"""How long an ended silence can still be listed."""
PREVIEW_SECONDS = 10.0
"""How long a preview may take."""
_MOST_SILENCES = 1000
_MOST_ACTS = 20
"""Acts that are stored with a silence, the latest ones."""
_MOST_ENDED = 2000
"""Ended silences that are stored for replays, the latest ones."""


class SilenceError(Exception):
    """A silence cannot be added. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class NewSilence:
    """A silence to add. Times are nanoseconds since the epoch."""

    condition: str
    from_ns: int
    until_ns: int
    author: str
    comment: str = ""
    schedule: str = ""
    announce: str = ""
    announce_ns: int = 0


@dataclass(frozen=True, slots=True)
class SilenceSelection:
    """Which silences that have not ended."""

    ids: Collection[str] = ()
    author: str = ""
    """Also all that this person added."""
    everything: bool = False

    def includes(self, silence: SilenceRecord) -> bool:
        """Whether it is one of them."""
        return self.everything or silence.id in self.ids or bool(self.author and silence.author == self.author)


class RunningSilences:
    """Callable from any thread. Everything that changes routing happens between two batches."""

    def __init__(
        self,
        intake: Intake,
        memory: Memory,
        journal: Location,
        labels: Mapping[str, str],
        channels: Iterable[str] = (),
        retention_ns: int = _LISTED_NS,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """``memory`` belongs to the journal that the intake writes to; ``journal`` is read on its own.

        Ended silences are stored for ``retention_ns``, so that replays know them.
        """
        self._retention_ns = retention_ns
        self._now_ns = now_ns
        self._intake = intake
        self._memory = memory
        self._journal = journal
        self._labels = labels
        self._log = structlog.get_logger("bridge")
        self._channels = tuple(channels)
        self._previewing = threading.Lock()
        self._stored: tuple[SilenceRecord, ...] = ()
        """Those that have not ended."""
        intake.between_batches(self._load)

    def use_config(self, labels: Mapping[str, str], channels: Iterable[str], retention_ns: int) -> None:
        """Compile the silences with these labels of the config. Only these channels can be notified of an end."""
        self._labels, self._channels, self._retention_ns = labels, tuple(channels), retention_ns
        self._intake.between_batches(self._load)

    def load_silences(self) -> None:
        """Use the silences that another bridge has changed."""
        self._intake.between_batches(self._load)

    def silences(self, *, ended: bool = False) -> list[SilenceRecord]:
        """Those that act, those to come, and those that ended in the last 24 hours; with ``ended``, all that ended."""
        check_journal(self._intake)
        found: list[SilenceRecord] = []

        def read() -> bool:
            now_ns = self._now_ns()
            stored = self._memory.silences()
            found.extend(
                each for each in stored if (each.until_ns <= now_ns if ended else each.until_ns >= now_ns - _LISTED_NS)
            )
            return False

        self._intake.between_batches(read)
        return found

    def add_silence(self, new: NewSilence) -> SilenceRecord:
        """Add a silence; it acts at once. Raises SilenceError, JournalError."""
        check_journal(self._intake)
        self._parsed(new.condition, new.schedule)
        self._check_channel(new.announce)
        now_ns = self._now_ns()
        if new.until_ns <= max(now_ns, new.from_ns):
            raise SilenceError("the silence would end before it begins; give a later end")
        record = SilenceRecord(
            secrets.token_hex(4), new.condition, new.schedule, new.from_ns, new.until_ns, new.author, new.comment,
            now_ns, new.announce, new.announce_ns,
        )  # fmt: skip

        def store() -> bool:
            if sum(each.until_ns > now_ns for each in self._memory.silences()) >= _MOST_SILENCES:
                raise SilenceError(f"there are {_MOST_SILENCES} silences; expire some first")
            self._memory.put_silence(record)
            return self._load()

        self._intake.between_batches(store)
        self._log.info("silence added", silence=record.id, actor=new.author, condition=new.condition)
        return record

    def update_silence(
        self,
        silence_id: str,
        actor: str,
        *,
        until_ns: int | None = None,
        comment: str | None = None,
        announce: str | None = None,
        announce_ns: int | None = None,
    ) -> SilenceRecord | None:
        """Change what is given of a silence that has not ended. None if there is none. Raises as ``add_silence``."""
        check_journal(self._intake)
        self._check_channel(announce or "")
        given = {"until_ns": until_ns, "comment": comment, "announce": announce, "announce_ns": announce_ns}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if until_ns is not None:
            changes["announced"] = False
            if until_ns <= self._now_ns():
                raise SilenceError("the silence would have ended already; give a later end, or expire it")
            self._check_end(silence_id, until_ns)
        changed = self._change(SilenceSelection((silence_id,)), changes, "change", actor)
        if changed:
            self._log.info("silence changed", silence=silence_id, actor=actor, keys=list(changes))
        return changed[0] if changed else None

    def expire_silences(self, which: SilenceSelection, actor: str) -> list[SilenceRecord]:
        """End silences now. Returns those that had not ended. Raises JournalError."""
        check_journal(self._intake)
        ended = self._change(which, {"until_ns": self._now_ns()}, "expire", actor)
        for each in ended:
            self._log.info("silence expired", silence=each.id, actor=actor)
        return ended

    def announce_silences(self, now_ns: int) -> None:
        """Notify the channels of silences that are about to end."""
        due = [each for each in self._stored if is_due(each, now_ns)]
        if not due:
            return
        for each in due:
            self._intake.store_own(entry_of(each), SOURCE_NAME, now_ns)
        self._change(SilenceSelection([each.id for each in due]), {"announced": True})
        for each in due:
            self._log.info("silence announced", silence=each.id, channel=each.announce)

    def preview(self, condition: str, since_ns: int, schedule: str = "") -> Preview:
        """What a silence would have held back since then; of many alerts, of the latest ones.

        One is made at a time, for some seconds, because it competes with intake. Raises SilenceError, JournalError.
        """
        parsed = self._parsed(condition, schedule)
        if not self._previewing.acquire(timeout=PREVIEW_SECONDS):
            raise SilenceError("other previews are being made; try again in a moment")
        try:
            end = time.monotonic() + PREVIEW_SECONDS
            return preview(
                self._recorded(since_ns), parsed.condition, parsed.schedule, self._intake.redactions, self._labels,
                lambda: time.monotonic() > end,
            )  # fmt: skip
        finally:
            self._previewing.release()

    def _change(
        self, which: SilenceSelection, changes: Mapping[str, Any], action: str = "", actor: str = ""
    ) -> list[SilenceRecord]:
        """Change these silences, those that have ended excepted, and store an ``action`` with its actor.

        Returns the changed ones.
        """
        changed: list[SilenceRecord] = []

        def store() -> bool:
            now_ns = self._now_ns()
            acts = (SilenceAct(now_ns, action, actor),) if action else ()

            def change(each: SilenceRecord) -> SilenceRecord | None:
                if each.until_ns <= now_ns or not which.includes(each):
                    return None
                return msgspec.structs.replace(each, acts=(*each.acts, *acts)[-_MOST_ACTS:], **changes)

            changed.extend(self._memory.change_silences(change))
            return self._load()

        self._intake.between_batches(store)
        return changed

    def _check_end(self, silence_id: str, until_ns: int) -> None:
        silence = next((each for each in self.silences() if each.id == silence_id), None)
        if silence is not None and until_ns <= silence.from_ns:
            begins = f"{iso_text(silence.from_ns)[:19]}Z"
            raise SilenceError(f"the silence would end before it begins ({begins}); give a later end, or expire it")

    def _check_channel(self, name: str) -> None:
        if name and name not in self._channels:
            known = did_you_mean(name, self._channels) or f"the channels are {', '.join(self._channels)}"
            raise SilenceError(f"unknown channel `{name}`; {known}")

    def _parsed(self, condition: str, schedule: str) -> SilenceText:
        parsed = parse_silence(condition, schedule, self._labels)
        if isinstance(parsed, SilenceText):
            return parsed
        raise SilenceError("; ".join(part for part in (parsed[0].message, parsed[0].hint) if part))

    def _recorded(self, since_ns: int) -> Iterator[RecordedAlert]:
        journal = open_to_read(self._journal, again=True)
        try:
            yield from journal.history.read(journal.history.span(since_ns), newest_first=True)
        finally:
            journal.close()

    def _load(self) -> bool:
        """Compile the silences that have not ended, and remove those that ended long ago."""
        now_ns = self._now_ns()
        stored = self._memory.silences()
        ended = sorted((each for each in stored if each.until_ns <= now_ns), key=lambda each: -each.until_ns)
        stored_ns = max(self._retention_ns, _LISTED_NS)
        old = [each.id for at, each in enumerate(ended) if each.until_ns + stored_ns < now_ns or at >= _MOST_ENDED]
        if old:
            self._memory.remove_silences(old)
        self._stored = tuple(each for each in stored if each.until_ns > now_ns)
        self._intake.use_silences(Silences(self._compiled(stored, now_ns), self._labels))
        return False

    def _compiled(self, stored: list[SilenceRecord], now_ns: int) -> Iterator[Silence]:
        for each in stored:
            if each.until_ns <= now_ns:
                continue
            parsed = parse_silence(each.condition, each.schedule, self._labels)
            if isinstance(parsed, SilenceText):
                yield Silence(each.id, parsed.condition, each.from_ns, each.until_ns, parsed.schedule)
            else:  # added by a version with other fields
                self._log.error("silence no longer valid; not applied", silence=each.id, problem=parsed[0].message)
