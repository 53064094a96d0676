"""What upkeep asks of the journal: the oldest rows, to forget some, and alerts to learn a dictionary from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.alert import Alert
from bridge.journal.sqlite.deliveries import Deliveries


@dataclass(frozen=True, slots=True)
class Aged:
    """A delivery, as far as its age goes."""

    id: int
    dead: bool
    created_ns: int
    settled_ns: int | None
    """None while it waits to be delivered."""


class Retention(Deliveries):
    """Each method is a query or a transaction. The newest row of a table always stays: numbers are not used twice."""

    def used(self) -> int:
        """Bytes in use in the journal's file."""
        free = self._scalar("PRAGMA freelist_count")
        return (self._scalar("PRAGMA page_count") - free) * self._scalar("PRAGMA page_size")

    def oldest_deliveries(self, after: int, most: int) -> list[Aged]:
        """In order, from behind that number on."""
        rows = self.read(
            "SELECT id, state = 'dead', created_ns, iif(state IN ('pending', 'claimed'), NULL, settled_ns) "
            "FROM deliveries WHERE id > ? AND id < (SELECT max(id) FROM deliveries) ORDER BY id LIMIT ?",
            (after, most),
        )
        return [Aged(identity, bool(dead), made, settled) for identity, dead, made, settled in rows]  # type: ignore[arg-type]

    def oldest_alerts(self, after: int, most: int) -> list[tuple[int, int]]:
        """Number and time of receipt, in order, from behind that number on."""
        return self.read(  # type: ignore[return-value]
            "SELECT seq, received_ns FROM alerts WHERE seq > ? AND seq < (SELECT max(seq) FROM alerts) "
            "ORDER BY seq LIMIT ?",
            (after, most),
        )

    def forget_deliveries(self, ids: Sequence[int]) -> None:
        """Delete settled deliveries; whichever waits after all stays."""
        if ids:
            with self._transaction():
                self._connection.executemany(
                    "DELETE FROM deliveries WHERE id = ? AND state NOT IN ('pending', 'claimed')",
                    [(identity,) for identity in ids],
                )

    def forget_alerts(self, numbers: Sequence[int]) -> None:
        """Delete those alerts of which no delivery is left."""
        if numbers:
            with self._transaction():
                self._connection.executemany(
                    "DELETE FROM alerts WHERE seq = ?1 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE alert = ?1)",
                    [(number,) for number in numbers],
                )

    def last_alert(self) -> int:
        """The number of the newest alert: how many there have been."""
        return self._scalar("SELECT coalesce(max(seq), 0) FROM alerts")

    def dictionaries(self) -> int:
        """How many dictionaries have been learned."""
        return self._scalar("SELECT count(*) FROM dictionaries")

    def sample(self, most: int) -> list[Alert]:
        """Up to so many alerts, evenly from all that is kept."""
        first = self._scalar("SELECT coalesce(min(seq), 0) FROM alerts")
        stride = max((self.last_alert() - first) // most, 1)
        alerts: list[Alert] = []
        for place in range(most):
            for identity, body in self.read("SELECT id, body FROM alerts WHERE seq = ?", (first + place * stride,)):
                assert isinstance(identity, bytes)
                assert isinstance(body, bytes)
                alerts.append(self.alert(identity, body))
        return alerts

    def add_dictionary(self, number: int, content: bytes) -> None:
        """Write with this dictionary from now on; an empty one says that there was nothing to learn."""
        with self._transaction():
            self._connection.execute("INSERT INTO dictionaries VALUES (?, ?)", (number, content))
        self._bodies.refresh()
