"""Silences: conditions whose notifications are held back for a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from bridge.alert import Alert
from bridge.language.checker.check import check, check_condition
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Severity
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.program.condition import Condition
from bridge.language.program.schedule import Schedule
from bridge.matching import Predicate, compile_condition
from bridge.matching.fields import fields_of
from bridge.matching.internal import asks_for_internal
from bridge.routing.memory.clauses.stage import not_silenced

_MOST_JUDGED = 50_000
"""About 9 MB."""

StoredAlert = Callable[[str], Alert | None]
"""From an alert's id to the stored alert, redacted, or None. It does not raise."""


def none_stored(_alert_id: str) -> None:
    """Where no other alert is known: it counts as not silenced."""
    return


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence. Times are nanoseconds since the epoch."""

    id: str
    condition: Condition
    from_ns: int
    until_ns: int
    schedule: Schedule | None = None
    """A recurring silence acts only while its schedule holds."""

    def acts(self, now_ns: int) -> bool:
        """Whether it holds anything back at this time."""
        return self.from_ns <= now_ns < self.until_ns and (self.schedule is None or self.schedule.holds(now_ns))


class Silences:
    """A set of silences, compiled. Replaced as a whole when one is added or expired."""

    def __init__(self, silences: Iterable[Silence], labels: Mapping[str, str]) -> None:
        self._compiled: list[tuple[Silence, Predicate, bool]] = [
            (each, compile_condition(each.condition, labels), asks_for_internal(each.condition)) for each in silences
        ]
        self.fields = frozenset(name for each, _, _ in self._compiled for name in fields_of(each.condition))
        """The fields that decide their conditions; a silenced alert needs no others."""
        self._judged: dict[str, tuple[Silence, ...]] = {}
        """The silences whose conditions hold, by the id of an alert, the oldest first."""

    def __bool__(self) -> bool:
        return bool(self._compiled)

    def acting(self, now_ns: int) -> Silences:
        """These silences, or none if none of them acts at this time: then no alert has to be read."""
        if not self._compiled:
            return self
        return self if any(each.acts(now_ns) for each, _, _ in self._compiled) else NO_SILENCES

    def silencing(self, alert: Alert, now_ns: int) -> str | None:
        """The id of the first silence that holds the alert's notifications back, or None."""
        for silence, predicate, internal in self._compiled:
            if silence.acts(now_ns) and (internal or alert.source != "internal") and predicate(alert):
                return silence.id
        return None

    def judge(self, alert: Alert) -> None:
        """Remember which conditions hold for an alert, redacted as it is stored: it need not be read later."""
        if len(self._judged) >= _MOST_JUDGED:
            self._judged = dict(islice(self._judged.items(), _MOST_JUDGED // 2, None))
        self._judged[alert.id] = tuple(
            [silence for silence, predicate, internal in self._compiled
             if (internal or alert.source != "internal") and predicate(alert)]
        )  # fmt: skip

    def knows(self, alert_id: str) -> bool:
        """Whether this alert was judged."""
        return alert_id in self._judged

    def _silencing_other(self, alert_id: str, now_ns: int, stored: StoredAlert) -> str | None:
        """As ``silencing``, for an alert that was judged, or else is stored."""
        judged = self._judged.get(alert_id)
        if judged is not None:
            return next((each.id for each in judged if each.acts(now_ns)), None)
        found = stored(alert_id)
        return None if found is None else self.silencing(found, now_ns)

    def asked(self, alert: Alert, now_ns: int, stored: StoredAlert) -> Callable[[str], str | None]:
        """A function from an alert's id to the silence that holds it back; other alerts are those that are stored."""
        if not self._compiled:
            return not_silenced

        def silenced(alert_id: str) -> str | None:
            if alert_id == alert.id:
                return self.silencing(alert, now_ns)
            return self._silencing_other(alert_id, now_ns, stored)

        return silenced

    def asked_for_match(
        self, alert_id: str, silence: str, now_ns: int, stored: StoredAlert
    ) -> Callable[[str], str | None]:
        """As ``asked``, where it is known by which ``silence`` the alert is held back; empty for none."""
        if not self._compiled and not silence:
            return not_silenced

        def silenced(other_id: str) -> str | None:
            if other_id == alert_id:
                return silence or None
            return self._silencing_other(other_id, now_ns, stored)

        return silenced

    def asked_of(self, alerts: Mapping[str, Alert], now_ns: int) -> Callable[[str], str | None]:
        """A function from an alert's id to the silence that holds it back, or None; unknown alerts are not silenced."""
        if not self._compiled:
            return not_silenced
        return lambda alert_id: self._silencing_other(alert_id, now_ns, alerts.get)


@dataclass(frozen=True, slots=True)
class SilenceText:
    """A checked condition and schedule."""

    condition: Condition
    schedule: Schedule | None


def parse_silence(condition: str, schedule: str, labels: Mapping[str, str]) -> SilenceText | tuple[Diagnostic, ...]:
    """The checked condition and schedule of a silence, or what is wrong with them."""
    known = Known(None, frozenset(labels))
    checked = check_condition(SourceText("condition", condition), known)
    if isinstance(checked, tuple):
        return checked
    if not schedule:
        return SilenceText(checked, None)
    source = SourceText("schedule", f'schedule silenced = {schedule}\nroute "r" {{ during silenced to x }}')
    program = check([source], Known(None, None))
    errors = tuple(each for each in program.diagnostics if each.severity is Severity.ERROR)
    if program.program is None or errors or len(program.program.routes) != 1:
        place = Span("schedule", 0, 0, 1, 1)
        wrong = Diagnostic(Code.SYNTAX, "this is not a schedule", place, "write, for example, mon-fri 09:00-18:00")
        return errors or (wrong,)
    return SilenceText(checked, program.program.routes[0].during[0].schedule)


NO_SILENCES = Silences((), {})
