"""Runs a backtest: routes recorded alerts through the routes on the disk and the edited ones, until its time is up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo

from bridge.common.clocks.times import SECOND_NS
from bridge.common.clocks.timezone import find_zone
from bridge.common.text import one_line
from bridge.console.backtest.messages import Example, Failed, Progress, Row, Tried, Try
from bridge.console.backtest.sets import UnusableError, load_edited, load_on_disk, route_set
from bridge.journal.location import journal_text, location_from
from bridge.language.diagnostics.render import render_text
from bridge.pipeline.shadow import differences
from bridge.routing.comparison import Change, Notified
from bridge.workbench.alert_files import AlertFileError
from bridge.workbench.replay.difference import DifferenceRun, DifferenceTally, TwoSets
from bridge.workbench.replay.past_silences import PastSilences, past_silences
from bridge.workbench.replay.recording import Part, Recorded, TimeRange, parts_of, read_part
from bridge.workbench.replay.replay import Replay

_SAMPLES = 3
_MOST_ROWS = 200
_REPORT_EVERY = 500
_LONGEST_PROBLEM = 20_000
_NIGHT_STARTS, _NIGHT_ENDS = 22, 7
"""Hours of the night, on the clock of the people's zone."""

OnProgress = Callable[[Progress], None]


class _TimeIsUpError(Exception):
    """The backtest has had its time."""


class Nights:
    """Counts what is sent at night, by channel: before and after the edit."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self.before: Counter[str] = Counter()
        self.after: Counter[str] = Counter()

    def count(self, old: Iterable[Notified], new: Iterable[Notified]) -> None:
        """Count the notifications of both sides."""
        for sent, counts in ((old, self.before), (new, self.after)):
            for each in sent:
                if self._is_night(each.at_ns):
                    counts[each.notification.channel] += 1

    def between(self, first_ns: int, last_ns: int) -> int:
        """How many nights have a part between two times. A night has the date of its evening."""
        first, last = self._local(first_ns), self._local(last_ns)
        start = first.date() - timedelta(days=first.hour < _NIGHT_ENDS)
        return max(0, (_last_evening(last) - start).days + 1)

    def _is_night(self, at_ns: int) -> bool:
        hour = self._local(at_ns).hour
        return hour >= _NIGHT_STARTS or hour < _NIGHT_ENDS

    def _local(self, at_ns: int) -> datetime:
        return datetime.fromtimestamp(at_ns // SECOND_NS, self._zone)


def _last_evening(moment: datetime) -> date:
    return moment.date() - timedelta(days=moment.hour < _NIGHT_STARTS)


def run_trial(asked: Try, on_progress: OnProgress) -> Tried | Failed:
    """Run a backtest. The journal is only read."""
    try:
        sets, past, parts = _prepare(asked)
        return _Trial(asked, sets, past, parts, on_progress).run()
    except (UnusableError, AlertFileError) as error:
        return Failed(str(error)[:_LONGEST_PROBLEM])


def _prepare(asked: Try) -> tuple[TwoSets, PastSilences, list[Part]]:
    on_disk = load_on_disk(asked.config)
    edited = load_edited(on_disk, asked.path, asked.text)
    old, new = (route_set(on_disk.config, each) for each in (on_disk.loaded, edited))
    if new is None:
        raise UnusableError(render_text(edited.checked.diagnostics, edited.sources).rstrip())
    if old is None:
        problems = render_text(on_disk.loaded.checked.diagnostics, on_disk.loaded.sources).rstrip()
        raise UnusableError(f"the routes on the disk have errors, so there is nothing to compare with:\n{problems}")
    when = TimeRange(asked.since_ns, asked.until_ns)
    parts = parts_of([journal_text(location_from(asked.journal))], when)
    past = past_silences(parts, when, old.labels, used=True)
    redactions = tuple(dict.fromkeys((*old.program.redactions, *new.program.redactions)))
    replays = (Replay(each.router(), each.labels, redactions, past.silences, _SAMPLES) for each in (old, new))
    return TwoSets(*replays), past, parts


class _Trial:
    def __init__(
        self, asked: Try, sets: TwoSets, past: PastSilences, parts: list[Part], on_progress: OnProgress
    ) -> None:
        self._sets, self._past, self._parts, self._on_progress = sets, past, parts, on_progress
        self._when = TimeRange(asked.since_ns, asked.until_ns)
        self._deadline = time.monotonic() + asked.seconds
        zone = find_zone(asked.zone)
        self._zone_name = "UTC" if zone is None else asked.zone
        self._nights = Nights(zone or UTC)
        self._done, self._all = 0, sum(part.size for part in parts)

    def run(self) -> Tried:
        """Route the alerts."""
        run, stopped = DifferenceRun(self._sets, self._nights.count), False
        try:
            for part in self._parts:
                run.add(self._watched(read_part(part, self._when)))
        except _TimeIsUpError:
            stopped = True
        return self._result(run.finish(), stopped=stopped)

    def _watched(self, recorded: Iterable[Recorded | None]) -> Iterator[Recorded | None]:
        for each in recorded:
            if self._done % _REPORT_EVERY == 0:
                self._on_progress(Progress(self._done, self._all))
                if time.monotonic() > self._deadline:
                    raise _TimeIsUpError
            self._done += 1
            yield each

    def _result(self, tally: DifferenceTally, *, stopped: bool) -> Tried:
        rows = list(self._rows(tally.differences))
        nights = 0
        if tally.first_ns is not None and tally.last_ns is not None:
            nights = self._nights.between(tally.first_ns, tally.last_ns)
        return Tried(
            tally.alerts, tally.first_ns, tally.last_ns, nights, self._zone_name, tuple(rows[:_MOST_ROWS]),
            max(0, len(rows) - _MOST_ROWS), stopped, tuple(self._remarks(tally)),
        )  # fmt: skip

    def _rows(self, found: differences.Differences) -> Iterator[Row]:
        """Each channel, those that differ first, with its routes that differ."""
        differing = {channel for (channel, _), row in found.rows.items() if row.changes}
        for (channel, route), row in sorted(
            found.rows.items(), key=lambda each: (each[0][0] not in differing, each[0])
        ):
            if route and not row.changes:
                continue
            nights = (0, 0) if route else (self._nights.before[channel], self._nights.after[channel])
            gained, lost, changed = (row.changes[change] for change in Change)
            yield Row(channel, route, row.old, row.new, gained, lost, changed, *nights, tuple(_examples(row, route)))

    def _remarks(self, tally: DifferenceTally) -> Iterator[str]:
        for each in self._sets.unjudged(tally)[:20]:
            yield (
                f'"{one_line(each.route, 60)}" was not judged exactly: `redact` masked {each.field} in {each.alerts:,} '
                f"alert{'' if each.alerts == 1 else 's'} before they were stored"
            )
        routes = [*self._sets.old.router.program.routes, *self._sets.new.router.program.routes]
        remembering = len({route.name for route in routes if route.remembers})
        if remembering:
            yield (
                f"{remembering} route{'' if remembering == 1 else 's'} with memory started without state at the "
                "beginning of the span; acknowledgements were not replayed"
            )
        if self._past.count:
            yield f"{self._past.count:,} silence{'' if self._past.count == 1 else 's'} acted as then"


def _examples(row: differences.Row, route: str) -> Iterator[Example]:
    """Those of routes; of a channel only what changes, because all else is of one of its routes."""
    for change, samples in row.samples.items():
        if route or change is Change.CHANGED:
            for each in samples.by_time():
                yield Example(
                    change.value, each.alert_id, each.at_ns, each.severity, each.headline, each.where, each.kind,
                    each.count,
                )  # fmt: skip
