"""The silences of the journals that are replayed: they apply in virtual time as they did then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.journal import JournalError
from bridge.journal.location import location_of
from bridge.journal.opening import open_to_read
from bridge.journal.records import SilenceRecord
from bridge.routing.silences import NO_SILENCES, Silence, Silences, SilenceText, parse_silence
from bridge.workbench.alert_files import AlertFileError
from bridge.workbench.replay.recording import Form, Part, TimeRange


@dataclass(frozen=True, slots=True)
class PastSilences:
    """Silences that acted while the alerts were received."""

    silences: Silences = NO_SILENCES
    """What to replay with: none of them if they are left out."""
    count: int = 0
    """How many there were."""
    unusable: tuple[str, ...] = ()
    """The ids of those whose condition cannot be used any more."""


def past_silences(parts: Iterable[Part], when: TimeRange, labels: Mapping[str, str], *, used: bool) -> PastSilences:
    """The stored silences of all journals that could act in the range. Raises AlertFileError."""
    paths = dict.fromkeys(part.path for part in parts if part.form is Form.JOURNAL)
    records = {each.id: each for path in paths for each in _stored(path) if _overlaps(each, when)}
    found: list[Silence] = []
    unusable: list[str] = []
    for each in records.values():
        parsed = parse_silence(each.condition, each.schedule, labels)
        if isinstance(parsed, SilenceText):
            from_ns = max(each.from_ns, each.created_ns)
            found.append(Silence(each.id, parsed.condition, from_ns, each.until_ns, parsed.schedule))
        else:
            unusable.append(each.id)
    return PastSilences(Silences(found, labels) if used else NO_SILENCES, len(found), tuple(unusable))


def _stored(path: str) -> list[SilenceRecord]:
    try:
        journal = open_to_read(location_of(path))
        try:
            return journal.memory.silences()
        finally:
            journal.close()
    except JournalError as error:
        raise AlertFileError(str(error)) from error


def _overlaps(silence: SilenceRecord, when: TimeRange) -> bool:
    begins_in_time = when.until_ns is None or max(silence.from_ns, silence.created_ns) < when.until_ns
    return begins_in_time and (when.since_ns is None or silence.until_ns > when.since_ns)
