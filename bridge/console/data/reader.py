"""What the console reads of a journal: searches, alerts, commands. Opens it for each question."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from bridge.alert import Alert
from bridge.alert.command import COMMAND_RULE
from bridge.common.clocks.human_times import HUMAN_TIME_FORMS, parse_human_time
from bridge.common.clocks.timezone import find_zone
from bridge.history.index.folder import IndexFolder
from bridge.history.search import Search
from bridge.history.story import AlertStory, read_story
from bridge.history.wanted import Wanted, wanted_words
from bridge.journal.errors import JournalError
from bridge.journal.location import Location, files_of
from bridge.journal.opening import open_to_read
from bridge.journal.protocols import Journal
from bridge.journal.records import RecordedAlert
from bridge.language.diagnostics.render import render_text
from bridge.routing import Reason
from bridge.workbench.condition import ConditionErrors, LoadedCondition, load_condition

PAGE = 50
_SECONDS = 5.0
"""How long one search may take. What was found by then is shown."""
_FRESH_SECONDS = 10.0
"""How soon a changed macro of the routes holds in conditions."""
_MOST_COMMANDS = 500
_MOST_NEW = 100
_LONGEST_NUMBER = 18
"""Digits."""


@dataclass(frozen=True, slots=True)
class Question:
    """A search as it was typed."""

    condition: str = ""
    words: str = ""
    rule: str = ""
    route: str = ""
    channel: str = ""
    reason: str = ""
    since: str = ""
    until: str = ""
    before: str = ""
    """The number of an alert: only earlier ones, for the next page."""
    zone: str = ""
    """The IANA name of the zone of times without one; that of this machine if it is not known."""


@dataclass(frozen=True, slots=True)
class Found:
    """The newest alerts that a question asks for."""

    alerts: Sequence[RecordedAlert] = ()
    more: bool = False
    stopped: bool = False
    """Whether the search took too long, and there may be earlier ones."""
    problem: str = ""
    """What is wrong with the question."""
    next_before: int = 0
    """The ``before`` of the next page; 0 where there is none."""


@dataclass(frozen=True, slots=True)
class Commands:
    """Terminal commands, in the order in which they were typed."""

    alerts: Sequence[Alert] = ()
    next_before: int = 0
    """As in Found."""


class _TooLongError(Exception):
    """A search has had its time."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one journal. ``imports`` are the route files whose macros conditions may use."""

    journal: Location
    imports: Sequence[Path] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    _index: IndexFolder = field(init=False, repr=False, compare=False)
    """Remembers which alerts the segments cover."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", IndexFolder(files_of(self.journal)))

    def find(self, question: Question, limit: int = PAGE) -> Found:
        """Answer a search with so many alerts at most."""
        now_ns = time.time_ns()
        zone = find_zone(question.zone)
        times = {name: parse_human_time(text, now_ns, zone) for name, text in
                 (("since", question.since), ("until", question.until)) if text}  # fmt: skip
        wrong = next((name for name, found in times.items() if found is None), None)
        if wrong is not None:
            return Found(problem=f"`{wrong}` is not a time; {HUMAN_TIME_FORMS}")
        wanted = self._wanted(question)
        if isinstance(wanted, str):
            return Found(problem=wanted)
        with self._opened() as journal:
            numbers = journal.history.span(times.get("since"), times.get("until"))
            if (before := place_of(question.before)) is not None:
                numbers = range(numbers.start, min(numbers.stop, before))
            return self._newest(journal, wanted, numbers, limit)

    def story(self, alert_id: str) -> AlertStory | None:
        """Everything about one alert, by its id. None if it is not stored."""
        with self._opened() as journal:
            found = journal.history.alert(alert_id)
            return None if found is None else read_story(journal, found)

    def alerts_of(self, ids: Sequence[str]) -> Mapping[str, Alert]:
        """The stored alerts with these ids, by id; none of them while the journal cannot be read."""
        try:
            with self._opened() as journal:
                return journal.history.alerts_of(ids)
        except JournalError:
            return {}

    def commands(self, session: str = "", before: int = 0) -> Commands:
        """The latest terminal commands; of one session, or those stored before a number, if that is given."""
        predicate = (lambda alert: alert.fields.get("cmd.session", "") == session) if session else None
        wanted = Wanted(rules=frozenset({COMMAND_RULE}), predicate=predicate)
        with self._opened() as journal:
            numbers = journal.history.span(None, None)
            numbers = range(numbers.start, min(numbers.stop, before)) if before else numbers
            found = self._newest(journal, wanted, numbers, _MOST_COMMANDS)
        alerts = sorted((each.alert for each in found.alerts), key=lambda alert: (alert.time_ns, alert.id))
        return Commands(alerts, found.next_before)

    def last_number(self) -> int:
        """The number of the alert that will be stored next."""
        with self._opened() as journal:
            return journal.history.span(None, None).stop

    def stored_since(self, number: int, question: Question) -> tuple[list[RecordedAlert], int, int]:
        """The wanted alerts from ``number`` on, the number that comes next, and how many were skipped."""
        wanted = self._wanted(question)
        if isinstance(wanted, str):
            return [], number, 0
        with self._opened() as journal:
            stop = journal.history.span(None, None).stop
            first = max(number, stop - 10 * _MOST_NEW)
            found = [each for each in journal.history.read(range(first, stop)) if wanted.holds(each)]
        skipped = first - number + max(0, len(found) - _MOST_NEW)
        return found[-_MOST_NEW:], stop, skipped

    def problem_of(self, question: Question) -> str:
        """What is wrong with a question; empty if nothing is."""
        wanted = self._wanted(question)
        return wanted if isinstance(wanted, str) else ""

    @contextmanager
    def _opened(self) -> Iterator[Journal]:
        journal = open_to_read(self.journal, again=True)
        try:
            yield journal
        finally:
            journal.close()

    def _newest(self, journal: Journal, wanted: Wanted, numbers: range, limit: int = PAGE) -> Found:
        watch = _Watch(time.monotonic() + _SECONDS)
        search = Search(journal.history, self._index)
        found: list[RecordedAlert] = []
        try:
            for each in search.newest(wanted, numbers, watch.check):
                found.append(each)
                if len(found) > limit:
                    return Found(found[:limit], more=True, next_before=found[limit - 1].number)
        except _TooLongError:
            last = found[-1].number if found else 0
            # What a digest brought to the channel may lie between the last alert found and those searched.
            reached = last if wanted.channel else min(numbers.stop - watch.searched + 1, last or numbers.stop)
            return Found(found, more=bool(reached), stopped=True, next_before=reached)
        return Found(found)

    def _wanted(self, question: Question) -> Wanted | str:
        """What a question asks for, or what is wrong with it."""
        condition = predicate = reason = None
        if question.condition.strip():
            loaded = _loaded(
                question.condition, tuple(self.imports), tuple(self.labels.items()), time.monotonic() // _FRESH_SECONDS
            )
            if isinstance(loaded, ConditionErrors):
                return render_text(loaded.diagnostics, loaded.sources).rstrip()
            condition, predicate = loaded.condition, loaded.predicate
        if question.reason:
            reason = next((each for each in Reason if each.value == question.reason), None)
            if reason is None:
                return f"there is no reason `{question.reason}`; the reasons are {', '.join(Reason)}"
        rules = frozenset({question.rule}) if question.rule else frozenset[str]()
        words = wanted_words([question.words])
        return Wanted(condition, predicate, rules, words, question.route, question.channel, reason)


@lru_cache(64)
def _loaded(
    condition: str, imports: tuple[Path, ...], labels: tuple[tuple[str, str], ...], _period: float
) -> LoadedCondition | ConditionErrors:
    """A condition, read once in a while: a tail asks twice a second, and reading 500 routes takes 0.3 s."""
    return load_condition(condition, imports, dict(labels))


class _Watch:
    """Ends a search that takes too long, and knows how far it came."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self.searched = 0

    def check(self, done: int, _all: int) -> None:
        """Called with how many alerts have been searched. Raises _TooLongError."""
        self.searched = done
        if time.monotonic() > self._deadline:
            raise _TooLongError


def place_of(text: str) -> int | None:
    """The number of an alert in a link; None if it is none, such as a superscript digit or too many digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER else None
