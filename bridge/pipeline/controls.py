"""What operators do to routing while the bridge runs: silences, acknowledgements, resolved incidents."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import structlog

from bridge.alert import Alert
from bridge.journal.opening import open_to_read
from bridge.journal.protocols import Memory
from bridge.journal.records import RecordedAlert, SilenceRecord
from bridge.matching import compile_condition
from bridge.pipeline.intake import Intake
from bridge.routing import Reason
from bridge.routing.memory.engine import IncidentRecord
from bridge.routing.silences import Silence, Silences, SilenceText, parse_silence

_LISTED_NS = 24 * 3600 * 1_000_000_000
"""How long an ended silence can still be listed."""
_MOST_EXAMPLES = 3
_MOST_SILENCES = 1000


class SilenceError(Exception):
    """A silence cannot be added. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a silence would have held back."""

    alerts: int = 0
    by_route: Counter[str] = field(default_factory=Counter)
    by_channel: Counter[str] = field(default_factory=Counter)
    examples: tuple[Alert, ...] = ()
    """The latest of the alerts, redacted."""


class Controls:
    """Callable from any thread. Everything that changes routing happens between two batches."""

    def __init__(self, intake: Intake, memory: Memory, journal: Path, labels: Mapping[str, str]) -> None:
        """``memory`` belongs to the journal that the intake writes to; ``journal`` is read on its own."""
        self._intake = intake
        self._memory = memory
        self._journal = journal
        self._labels = labels
        self._log = structlog.get_logger("bridge")
        intake.between_batches(self._load)

    def use_labels(self, labels: Mapping[str, str]) -> None:
        """Compile the silences with these labels of the config."""
        self._labels = labels
        self._intake.between_batches(self._load)

    def silences(self) -> list[SilenceRecord]:
        """Those that act, those to come, and those that ended in the last 24 hours."""
        found: list[SilenceRecord] = []

        def read() -> bool:
            found.extend(self._memory.silences())
            return False

        self._intake.between_batches(read)
        return found

    def add_silence(
        self, condition: str, schedule: str, from_ns: int, until_ns: int, author: str, comment: str
    ) -> SilenceRecord:
        """Add a silence; it acts at once. Raises SilenceError."""
        self._parsed(condition, schedule)
        now_ns = time.time_ns()
        if until_ns <= max(now_ns, from_ns):
            raise SilenceError("the silence would end before it begins; give a later end")
        record = SilenceRecord(secrets.token_hex(4), condition, schedule, from_ns, until_ns, author, comment, now_ns)

        def store() -> bool:
            if len(self._memory.silences()) >= _MOST_SILENCES:
                raise SilenceError(f"there are {_MOST_SILENCES} silences; expire some first")
            self._memory.put_silence(record)
            return self._load()

        self._intake.between_batches(store)
        self._log.info("silence added", silence=record.id, actor=author, condition=condition)
        return record

    def expire_silence(self, silence_id: str, actor: str) -> SilenceRecord | None:
        """End a silence now. None if there is none with that id that has not ended."""
        ended: list[SilenceRecord] = []

        def store() -> bool:
            now_ns = time.time_ns()
            for each in self._memory.silences():
                if each.id == silence_id and each.until_ns > now_ns:
                    ended.append(msgspec.structs.replace(each, until_ns=now_ns))
                    self._memory.put_silence(ended[0])
            return self._load()

        self._intake.between_batches(store)
        if ended:
            self._log.info("silence expired", silence=silence_id, actor=actor)
        return ended[0] if ended else None

    def preview(self, condition: str, since_ns: int) -> Preview:
        """What a silence with this condition would have held back since then. Raises SilenceError, JournalError.

        Stored alerts are redacted: a condition that needs redacted text may find fewer of them.
        """
        predicate = compile_condition(self._parsed(condition, "").condition, self._labels)
        preview = Preview()
        examples: list[Alert] = []
        count = 0
        for recorded in self._recorded(since_ns):
            sent = [each for each in recorded.decisions if each.reason in {Reason.SENT, Reason.UNMATCHED}]
            if not sent or not predicate(recorded.alert):
                continue
            count += 1
            preview.by_route.update(each.route for each in sent)
            preview.by_channel.update({channel for each in sent for channel in each.channels})
            examples = [*examples[-_MOST_EXAMPLES + 1 :], recorded.alert]
        return Preview(count, preview.by_route, preview.by_channel, tuple(reversed(examples)))

    def incidents(self) -> list[IncidentRecord]:
        """The incidents that are open, acknowledged or resolved lately, the latest match first."""
        return self._intake.incidents()

    def acknowledge(self, target: str, actor: str) -> list[IncidentRecord]:
        """Acknowledge an incident by its id, or all of a route by its name. Returns those that were open."""
        found = self._intake.acknowledge(target, actor, time.time_ns())
        self._log.info("incidents acknowledged", target=target, count=len(found), actor=actor)
        return found

    def resolve(self, target: str, actor: str) -> list[IncidentRecord]:
        """Resolve an incident by its id, or all of a route by its name. Returns those that had not ended."""
        found = self._intake.resolve(target, actor, time.time_ns())
        self._log.info("incidents resolved", target=target, count=len(found), actor=actor)
        return found

    def _parsed(self, condition: str, schedule: str) -> SilenceText:
        parsed = parse_silence(condition, schedule, self._labels)
        if isinstance(parsed, SilenceText):
            return parsed
        raise SilenceError("; ".join(part for part in (parsed[0].message, parsed[0].hint) if part))

    def _recorded(self, since_ns: int) -> Iterator[RecordedAlert]:
        journal = open_to_read(self._journal)
        try:
            yield from journal.history.alerts(since_ns)
        finally:
            journal.close()

    def _load(self) -> bool:
        """Compile the silences that have not ended, and remove those that ended long ago."""
        now_ns = time.time_ns()
        stored = self._memory.silences()
        old = [each.id for each in stored if each.until_ns + _LISTED_NS < now_ns]
        if old:
            self._memory.remove_silences(old)
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
                self._log.error("silence cannot be used any more", silence=each.id, problem=parsed[0].message)
