"""The courier's half of the journal: what is due, who has it, and what became of it.

Deliveries of one order key to one channel form a lane: only the oldest open one of a lane may be taken, so that a
delivery that waits for its next attempt holds back the later ones of its key, and nobody else's. An index over the open
ones leads from lane to lane, so that a claim costs by the lanes, not by how much waits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from bridge.delivery.delivery import HEALTH_ALERT_ROUTE, Capacity, Delivery, DeliveryState, Health, Settlement
from bridge.journal.codec import decode_notification
from bridge.journal.sqlite.store import Store
from bridge.routing import Notification

MOST_ATTEMPTS = 20
"""How many failed attempts of a delivery are kept: the first, and the last ones."""
_OPEN = "state IN ('pending', 'claimed')"
_COLUMNS = (
    "SELECT d.id, d.channel, d.notification, d.attempts, d.created_ns, a.id, a.body, d.due_ns "
    "FROM deliveries AS d JOIN alerts AS a ON a.seq = d.alert "
)
_HEADS = f"""
WITH RECURSIVE lanes (lane) AS (
    SELECT (SELECT min(lane) FROM deliveries WHERE channel = ?1 AND {_OPEN})
    UNION ALL
    SELECT (SELECT min(lane) FROM deliveries WHERE channel = ?1 AND {_OPEN} AND lane > lanes.lane)
    FROM lanes WHERE lanes.lane IS NOT NULL
)
SELECT lanes.lane, d.id, d.due_ns FROM lanes JOIN deliveries AS d ON d.id = (
    SELECT min(id) FROM deliveries WHERE channel = ?1 AND {_OPEN} AND lane = lanes.lane
)
WHERE lanes.lane IS NOT NULL
"""


_NEWS = 0
"""The lane of what the courier tells of channels. Those of routes are positive; a delivery that stands aside has one
of its own, below."""


def order_lane(notification: Notification) -> int:
    """A number for what keeps its order on a channel: the first route that wanted it told."""
    if notification.routes[0] == HEALTH_ALERT_ROUTE:
        return _NEWS
    key = notification.routes[0].encode("utf-8", "surrogatepass")
    return (int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) >> 2) + 1


class Deliveries(Store):
    """Claims, settlements, dead letters and the channels' health."""

    def claim(self, now_ns: int, lease_ns: int, room: Mapping[str, Capacity]) -> list[tuple[Delivery, ...]]:
        """Take what is due, oldest first: a tuple a send, all of it to one channel, as ``room`` allows.

        They are this caller's until ``now_ns + lease_ns``; one not settled by then may be claimed again. Of one order
        key no two sends are ever out at a time, and within a send they stand in order.
        """
        heads = {name: self._due_heads(name, now_ns) for name, place in room.items() if place.sends > 0}
        if not any(heads.values()):  # an idle look must not take the write lock
            return []
        with self._transaction(durable=False):
            claimed = [send for name, found in heads.items() for send in self._sends(name, found, room[name], now_ns)]
            self._connection.executemany(
                "UPDATE deliveries SET state = 'claimed', due_ns = ? WHERE id = ?",
                [(now_ns + lease_ns, each.id) for send in claimed for each in send],
            )
        return claimed

    def settle(self, settlements: Sequence[Settlement], health: Mapping[str, Health] | None = None) -> None:
        """Write down what became of attempts, and how the channels are. What is settled already stays as it is."""
        if not settlements and not health:
            return
        with self._transaction():
            for each in settlements:
                self._settle(each)
            self._connection.executemany(
                "INSERT INTO channels VALUES (?, ?) ON CONFLICT DO UPDATE SET health = excluded.health",
                [(name, msgspec.json.encode(each)) for name, each in (health or {}).items()],
            )

    def release(self, now_ns: int) -> int:
        """Make every claimed delivery due at once. Only for a courier that knows no other one is alive."""
        with self._transaction():
            return self._connection.execute(
                "UPDATE deliveries SET state = 'pending', due_ns = ? WHERE state = 'claimed'", (now_ns,)
            ).rowcount

    def make_due_now(self, channel: str, now_ns: int) -> None:
        """Make everything that waits for its next attempt on that channel due at once: it works again."""
        with self._transaction():
            self._connection.execute(
                "UPDATE deliveries SET due_ns = ?1 "
                "WHERE channel = ?2 AND state = 'pending' AND due_ns > ?1 AND attempts > 0",
                (now_ns, channel),
            )

    def expire(self, channel: str, before_ns: int, now_ns: int, reason: str, most: int) -> int:
        """Make dead letters of up to ``most`` deliveries that were made before and still wait. Returns how many."""
        waiting = f"SELECT id FROM deliveries WHERE channel = ?1 AND {_OPEN} AND state = 'pending' AND created_ns <= ?2"
        if not self.read(f"{waiting} LIMIT 1", (channel, before_ns)):
            return 0
        with self._transaction():
            return self._connection.execute(
                "UPDATE deliveries SET state = 'dead', settled_ns = ?3, reason = ?4, status = NULL "
                f"WHERE id IN ({waiting} LIMIT ?5)",
                (channel, before_ns, now_ns, reason, most),
            ).rowcount

    def next_due(self, channels: Collection[str]) -> int | None:
        """When the next delivery for these channels is due, in nanoseconds since the epoch; None without any."""
        with self._explained():
            moments = [
                self._connection.execute(f"SELECT min(due_ns) FROM ({_HEADS})", (channel,)).fetchone()[0]
                for channel in channels
            ]
        return min((moment for moment in moments if moment is not None), default=None)

    def health(self) -> dict[str, Health]:
        """How each channel was when the courier last wrote of it."""
        rows = self.read("SELECT name, health FROM channels")
        return {str(name): msgspec.json.decode(body, type=Health) for name, body in rows if isinstance(body, bytes)}

    def forget_health(self, but: Collection[str]) -> None:
        """Forget the health of all channels but those: the config names them no more."""
        with self._transaction():
            for name in self.health().keys() - set(but):
                self._connection.execute("DELETE FROM channels WHERE name = ?", (name,))

    def channels_waited_for(self) -> list[str]:
        """The channels for which any delivery waits, of the config or not."""
        rows = self.read(
            f"""
            WITH RECURSIVE names (name) AS (
                SELECT (SELECT min(channel) FROM deliveries WHERE {_OPEN})
                UNION ALL
                SELECT (SELECT min(channel) FROM deliveries WHERE {_OPEN} AND channel > names.name)
                FROM names WHERE names.name IS NOT NULL
            )
            SELECT name FROM names WHERE name IS NOT NULL
            """
        )
        return [str(name) for (name,) in rows]

    def waiting(self, channel: str, most: int = -1) -> int:
        """How many deliveries wait for that channel; counting stops at ``most``."""
        return self._scalar(
            f"SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE channel = ? AND {_OPEN} LIMIT ?)",
            (channel, most),
        )

    def undelivered(self) -> int:
        """How many deliveries wait, for whatever channel, the ones that the config no longer names too."""
        return self._scalar(f"SELECT count(*) FROM deliveries WHERE {_OPEN}")

    def retry_dead(self, ids: Collection[int], now_ns: int) -> list[int]:
        """Send these dead letters again, with as long as a new delivery has. Returns those that were dead."""
        return self._wake_dead(ids, "state = 'pending', due_ns = ?1, created_ns = ?1", now_ns)

    def discard_dead(self, ids: Collection[int], now_ns: int) -> list[int]:
        """Let go of these dead letters; they stay in the history. Returns those that were dead."""
        return self._wake_dead(ids, "state = 'discarded', settled_ns = ?1", now_ns)

    # Within

    def _due_heads(self, channel: str, now_ns: int) -> list[tuple[int, int]]:
        """Lane and oldest delivery of each lane that may be taken now, oldest first but for news."""
        rows = self.read(
            f"SELECT lane, id FROM ({_HEADS}) WHERE due_ns <= ?2 ORDER BY lane <> {_NEWS}, id", (channel, now_ns)
        )
        return [(lane, head) for lane, head in rows if isinstance(lane, int) and isinstance(head, int)]

    def _sends(
        self, channel: str, heads: Sequence[tuple[int, int]], room: Capacity, now_ns: int
    ) -> Iterator[tuple[Delivery, ...]]:
        """Up to ``room.sends`` sends. A lane is in one of them only; what stands aside goes alone, and so do news."""
        sends, gathered = 0, list[Delivery]()
        for lane, head in heads:
            if sends + bool(gathered) == room.sends and (lane <= _NEWS or not gathered):
                return
            if lane <= _NEWS:
                sends += 1
                yield tuple(self._run(channel, lane, head, 1, now_ns))
                continue
            gathered += self._run(channel, lane, head, room.batch_size - len(gathered), now_ns)
            if len(gathered) == room.batch_size:
                sends += 1
                yield tuple(gathered)
                gathered = []
        if gathered:
            yield tuple(gathered)

    def _run(self, channel: str, lane: int, head: int, most: int, now_ns: int) -> list[Delivery]:
        """The lane's deliveries from its head on, up to the first that is not due."""
        rows = self._connection.execute(
            f"{_COLUMNS} WHERE d.channel = ? AND d.{_OPEN} AND d.lane = ? AND d.id >= ? ORDER BY d.id LIMIT ?",
            (channel, lane, head, most),
        )
        run: list[Delivery] = []
        for *row, due_ns in rows:
            if due_ns > now_ns:
                break
            run.append(self._delivery(row))
        return run

    def _delivery(self, row: Sequence[object]) -> Delivery:
        identity, channel, notification, attempts, created_ns, alert_id, body = row
        assert isinstance(identity, int)
        assert isinstance(channel, str)
        assert isinstance(notification, bytes)
        assert isinstance(attempts, int)
        assert isinstance(created_ns, int)
        assert isinstance(alert_id, bytes)
        assert isinstance(body, bytes)
        return Delivery(
            identity, self.alert(alert_id, body), decode_notification(channel, notification), attempts, created_ns
        )

    def _settle(self, each: Settlement) -> None:
        changed = self._connection.execute(
            "UPDATE deliveries SET state = ?, due_ns = ?, attempts = attempts + 1, settled_ns = ?, status = ?, "
            f"reason = ?, digest = ?, lane = iif(?, -id, lane) WHERE id = ? AND {_OPEN} RETURNING attempts",
            (each.state.value, each.due_ns, each.at_ns, each.status, each.reason, each.digest, each.aside,
             each.delivery_id),
        ).fetchone()  # fmt: skip
        if changed is None or each.state is DeliveryState.DELIVERED:
            return
        (number,) = changed
        self._connection.execute(
            "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?)",
            (each.delivery_id, number, each.at_ns, each.status, each.reason),
        )
        if number > MOST_ATTEMPTS:
            self._connection.execute(
                "DELETE FROM attempts WHERE delivery = ? AND number = ?",
                (each.delivery_id, number - MOST_ATTEMPTS + 1),
            )

    def _wake_dead(self, ids: Collection[int], change: str, now_ns: int) -> list[int]:
        changed: list[int] = []
        with self._transaction():
            for identity in sorted(ids):
                done = self._connection.execute(
                    f"UPDATE deliveries SET {change} WHERE id = ?2 AND state = 'dead'",
                    (now_ns, identity),
                )
                changed += [identity] * done.rowcount
        return changed
