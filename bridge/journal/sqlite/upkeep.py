"""What the journal forgets, and what it learns to keep the rest small: in steps so short that nobody waits for one.

Nothing goes that is not delivered yet: an open delivery stays, however old, and an alert stays for as long as one of
its deliveries does. Dead letters are kept as long as alerts are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from bridge.journal.sqlite.bodies import LEARNED_AT, SAMPLES, learn
from bridge.journal.sqlite.journal import Journal

_DAY_NS = 86_400 * 1_000_000_000
_FEWEST, _MOST = 10, 1000
_SHORT_SECONDS, _LONG_SECONDS = 0.005, 0.015
"""A step that took less looks at more rows the next time; one that took longer at fewer."""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """For how long, and how much."""

    alerts_ns: int = 30 * _DAY_NS
    deliveries_ns: int = 7 * _DAY_NS
    """Of deliveries that were made or discarded, since they were settled."""
    size: int = 10_000_000_000
    """Bytes in use in the file; past it the oldest go first."""


class Upkeep:
    """Goes through the journal from its oldest row to the first that is young enough, again and again.

    ``step`` writes, and must not run beside anything else that uses the same Journal.
    """

    def __init__(self, journal: Journal, keep: RetentionPolicy) -> None:
        self._journal = journal
        self._keep = keep
        self._rows = 100
        self._delivery = self._alert = 0
        """How far this round has come."""
        self._crowded_rounds = 0

    @property
    def stuck(self) -> bool:
        """Whether two whole rounds left the journal larger than wanted: what is left is not delivered yet."""
        return self._crowded_rounds > 1

    def step(self, now_ns: int) -> bool:
        """A few rows, in one transaction; whether the round goes on."""
        started = time.monotonic()
        crowded = self._journal.used() > self._keep.size
        settled = now_ns if crowded else now_ns - self._keep.deliveries_ns
        more = self._forget_deliveries(settled, now_ns - self._keep.alerts_ns)
        if crowded or not more:
            more |= self._forget_alerts(now_ns if crowded else now_ns - self._keep.alerts_ns)
        took = time.monotonic() - started
        if took < _SHORT_SECONDS:
            self._rows = min(self._rows * 2, _MOST)
        elif took > _LONG_SECONDS:
            self._rows = max(self._rows // 4, _FEWEST)
        if not more:
            self._delivery = self._alert = 0
            self._crowded_rounds = self._crowded_rounds + 1 if crowded else 0
        return more

    def _forget_deliveries(self, settled_before: int, died_before: int) -> bool:
        rows = self._journal.oldest_deliveries(self._delivery, self._rows)
        gone = [
            row.id for row in rows if row.settled_ns is not None
            and row.settled_ns < (died_before if row.dead else settled_before)
        ]  # fmt: skip
        self._journal.forget_deliveries(gone)
        self._delivery = rows[-1].id if rows else self._delivery
        return len(rows) == self._rows and rows[-1].created_ns < settled_before

    def _forget_alerts(self, received_before: int) -> bool:
        rows = self._journal.oldest_alerts(self._alert, self._rows)
        self._journal.forget_alerts([seq for seq, received_ns in rows if received_ns < received_before])
        self._alert = rows[-1][0] if rows else self._alert
        return len(rows) == self._rows and rows[-1][1] < received_before


def dictionary_due(journal: Journal) -> int | None:
    """The number of the dictionary that the journal can learn now, or None."""
    due = sum(journal.last_alert() >= count for count in LEARNED_AT)
    return due if due > journal.dictionaries() else None


def learned(journal: Journal, number: int) -> bytes:
    """A dictionary of alerts from all over the journal, about 0.1 s of work beside everything else; may be empty."""
    return learn(number, journal.sample(SAMPLES))
