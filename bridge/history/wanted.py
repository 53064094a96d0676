"""What a search looks for: a condition, a span of time, and what was decided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.alert import Alert
from bridge.history.words import all_words, words_of
from bridge.journal.records import RecordedAlert
from bridge.language.program.condition import Condition
from bridge.matching import Predicate
from bridge.routing import Decision, Reason


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search. Everything that is set must hold; route, reason and channel of the same decision."""

    condition: Condition | None = None
    predicate: Predicate | None = None
    """The condition, compiled."""
    rules: frozenset[str] = frozenset()
    """The alert has one of these rules; empty for any."""
    words: frozenset[str] = frozenset()
    """The alert's text and fields contain all of these, each as a whole word of `bridge.history.words`."""
    route: str = ""
    channel: str = ""
    """The decision names it. A search also finds what a digest, a summary or an escalation brought there."""
    reason: Reason | None = None

    def holds(self, recorded: RecordedAlert) -> bool:
        """Whether a stored alert is wanted."""
        return self.holds_for_alert(recorded.alert) and self.holds_for_decisions(recorded.decisions)

    def holds_for_alert(self, alert: Alert) -> bool:
        """Whether the alert is wanted, regardless of its decisions."""
        if self.rules and alert.rule not in self.rules:
            return False
        if self.words and not self.words <= all_words(alert):
            return False
        return self.predicate is None or self.predicate(alert)

    def holds_for_decisions(self, decisions: Iterable[Decision]) -> bool:
        """Whether one of the decisions is wanted; True if the search names no decision."""
        return not self.asks_for_decisions or any(map(self._is_wanted, decisions))

    @property
    def asks_for_decisions(self) -> bool:
        """Whether the search depends on decisions."""
        return bool(self.route or self.channel or self.reason is not None)

    def _is_wanted(self, decision: Decision) -> bool:
        return (
            self.route in {"", decision.route}
            and (not self.channel or self.channel in decision.channels)
            and self.reason in {None, decision.reason}
        )


def wanted_words(texts: Iterable[str]) -> frozenset[str]:
    """The words of what a user typed."""
    return frozenset(word for text in texts for word in words_of(text))
