"""Silences: conditions whose notifications are held back for a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bridge.alert import Alert
from bridge.language.program.condition import Condition
from bridge.language.program.schedule import Schedule
from bridge.matching import Predicate, compile_condition
from bridge.matching.internal import asks_for_internal


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

    def __bool__(self) -> bool:
        return bool(self._compiled)

    def silencing(self, alert: Alert, now_ns: int) -> str | None:
        """The id of the first silence that holds the alert's notifications back, or None."""
        for silence, predicate, internal in self._compiled:
            if silence.acts(now_ns) and (internal or alert.source != "internal") and predicate(alert):
                return silence.id
        return None

    def asked(self, alert: Alert, now_ns: int) -> Callable[[str], str | None]:
        """A function from an alert's id to the silence that holds it back; it knows this alert only."""
        return self.asked_of({alert.id: alert}, now_ns)

    def asked_of(self, alerts: Mapping[str, Alert], now_ns: int) -> Callable[[str], str | None]:
        """A function from an alert's id to the silence that holds it back, or None; unknown alerts are not silenced."""
        if not self._compiled:
            return lambda _alert_id: None

        def silenced(alert_id: str) -> str | None:
            alert = alerts.get(alert_id)
            return None if alert is None else self.silencing(alert, now_ns)

        return silenced


NO_SILENCES = Silences((), {})
