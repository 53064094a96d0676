"""Reads alerts, deliveries and the quarantine with SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import structlog

from bridge.alert import Alert
from bridge.delivery import DeliveryState
from bridge.journal.codec import decode_alert, decode_decisions, partial_decoder
from bridge.journal.errors import UnreadableError
from bridge.journal.records import DeliveryRecord, NotificationRecord, QuarantinedMessage, RecordedAlert
from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.database import Database
from bridge.journal.sql.delivery_history import DeliveryHistory
from bridge.journal.sql.quarantine import Quarantine
from bridge.routing import Decision

_PAGE = 500
_FIRST_PAGE = 50
_LAST = 2**63 - 1
_ID_DIGITS = 32
_HEXADECIMAL = frozenset("0123456789abcdef")
_ALERTS = "SELECT seq, id, received_ns, source_name, body, decisions FROM alerts"
_DECISIONS = "SELECT seq, decisions FROM alerts WHERE seq >= ? AND seq < ? ORDER BY seq DESC LIMIT ?"
_BODIES = "SELECT seq, id, body FROM alerts WHERE seq >= ? AND seq < ? ORDER BY seq DESC LIMIT ?"


class _AlertRow(NamedTuple):
    seq: int
    id: bytes
    received_ns: int
    source_name: str
    body: bytes
    decisions: bytes


class _IdRow(NamedTuple):
    seq: int
    id: bytes


class _DecisionsRow(NamedTuple):
    seq: int
    decisions: bytes


class _BodyRow(NamedTuple):
    seq: int
    id: bytes
    body: bytes


class SqlHistory:
    """Implements History."""

    def __init__(self, database: Database, bodies: Bodies) -> None:
        self._database = database
        self._bodies = bodies
        self._deliveries = DeliveryHistory(database)
        self._quarantine = Quarantine(database)
        self._log = structlog.get_logger("journal")

    def alerts(self, since_ns: int | None = None) -> Iterator[RecordedAlert]:
        """As in History."""
        yield from self.read(range(1 if since_ns is None else self._last_before(since_ns) + 1, _LAST))

    def span(self, since_ns: int | None = None, until_ns: int | None = None) -> range:
        """As in History."""
        first = 1 if since_ns is None else self._last_before(since_ns) + 1
        last = self._last_number() if until_ns is None else self._last_before(until_ns)
        return range(first, last + 1)

    def decided_span(self) -> range:
        """As in History."""
        return self.span()

    def read(self, numbers: range, *, newest_first: bool = False) -> Iterator[RecordedAlert]:
        """As in History. Reads in pages; of the newest, a short one first."""
        low, high = numbers.start, numbers.stop
        order, limit = ("DESC", _FIRST_PAGE) if newest_first else ("ASC", _PAGE)
        while page := self._database.rows(
            _AlertRow, f"{_ALERTS} WHERE seq >= ? AND seq < ? ORDER BY seq {order} LIMIT ?", (low, high, limit)
        ):
            yield from self._readable(page)
            low, high = (low, page[-1].seq) if newest_first else (page[-1].seq + 1, high)
            limit = _PAGE

    def numbered(self, numbers: Sequence[int], *, decisions: bool = True) -> list[RecordedAlert]:
        """As in History."""
        found: list[RecordedAlert] = []
        for start in range(0, len(numbers), _PAGE):
            some = numbers[start : start + _PAGE]
            marks = ", ".join("?" * len(some))
            statement = f"{_ALERTS} WHERE seq IN ({marks}) ORDER BY seq DESC"  # only marks
            found += self._readable(self._database.rows(_AlertRow, statement, some), decisions=decisions)
        return found

    def ids(self, numbers: Sequence[int]) -> dict[int, str]:
        """As in History."""
        found: dict[int, str] = {}
        for start in range(0, len(numbers), _PAGE):
            some = numbers[start : start + _PAGE]
            marks = ", ".join("?" * len(some))
            statement = f"SELECT seq, id FROM alerts WHERE seq IN ({marks})"  # only marks
            found |= {row.seq: row.id.hex() for row in self._database.rows(_IdRow, statement, some)}
        return found

    def decided(self, numbers: range) -> Iterator[tuple[int, tuple[Decision, ...]]]:
        """As in History."""
        high = numbers.stop
        while rows := self._database.rows(_DecisionsRow, _DECISIONS, (numbers.start, high, _PAGE)):
            for number, body in rows:
                try:
                    yield number, decode_decisions(body)
                except (msgspec.MsgspecError, ValueError, KeyError) as error:
                    self._log.error("decisions unreadable; skipped", number=number, problem=str(error))
            high = rows[-1].seq

    def scan(
        self, numbers: range, holds: Callable[[Alert], bool], fields: Collection[str], at: Callable[[int], None]
    ) -> Iterator[RecordedAlert]:
        """As in History."""
        decode, high, limit = partial_decoder(frozenset(fields)), numbers.stop, _FIRST_PAGE
        while rows := self._database.rows(_BodyRow, _BODIES, (numbers.start, high, limit)):
            for number, alert_id, body in rows:
                try:
                    wanted = holds(self._bodies.decode(alert_id, body, decode))
                except UnreadableError as error:
                    self._log.error("alert unreadable; skipped", problem=str(error))  # it says all
                    continue
                if wanted:
                    yield from self.numbered([number])
            high, limit = rows[-1].seq, _PAGE
            at(high)

    def first_number(self) -> int:
        """As in History."""
        return self._database.number("SELECT coalesce(min(seq), 1) FROM alerts")

    def count(self, numbers: range) -> int:
        """As in History."""
        return self._database.number(
            "SELECT count(*) FROM alerts WHERE seq >= ? AND seq < ?", (numbers.start, numbers.stop)
        )

    def _readable(self, rows: Iterable[_AlertRow], *, decisions: bool = True) -> Iterator[RecordedAlert]:
        for row in rows:
            try:
                yield self._recorded(row, decisions=decisions)
            except UnreadableError as error:
                self._log.error("alert unreadable; skipped", problem=str(error))  # it says all

    def _last_number(self) -> int:
        return self._database.number("SELECT coalesce(max(seq), 0) FROM alerts")

    def _last_before(self, since_ns: int) -> int:
        """The number of the last alert received before ``since_ns``, found by halving: numbers grow with time."""
        low, high = 0, self._last_number() + 1
        while high - low > 1:
            middle = (low + high) // 2
            found = self._database.rows(
                int, "SELECT received_ns FROM alerts WHERE seq >= ? ORDER BY seq LIMIT 1", (middle,)
            )
            if found and found[0] < since_ns:
                low = middle
            else:
                high = middle
        return low

    def alert(self, alert_id: str) -> RecordedAlert | None:
        """As in History."""
        try:
            key = bytes.fromhex(alert_id)
        except ValueError:
            return None
        rows = self._database.rows(_AlertRow, f"{_ALERTS} WHERE id = ?", (key,))
        return self._recorded(rows[0]) if rows else None

    def alerts_of(self, ids: Iterable[str], fields: Collection[str] | None = None) -> dict[str, Alert]:
        """As in History."""
        decode = decode_alert if fields is None else partial_decoder(frozenset(fields))
        keys = [bytes.fromhex(each) for each in ids]
        found: dict[str, Alert] = {}
        for start in range(0, len(keys), _PAGE):
            some = keys[start : start + _PAGE]
            marks = ", ".join("?" * len(some))
            for _, key, body in self._database.rows(
                _BodyRow,
                f"SELECT seq, id, body FROM alerts WHERE id IN ({marks})",  # only marks
                some,
            ):
                try:
                    alert = self._bodies.decode(key, body, decode)
                except UnreadableError as error:
                    self._log.error("alert unreadable; skipped", problem=str(error))  # it says all
                    continue
                found[alert.id] = alert
        return found

    def alerts_with_id(self, start: str, limit: int) -> list[RecordedAlert]:
        """As in History."""
        digits = start.lower()
        if len(digits) > _ID_DIGITS or not _HEXADECIMAL.issuperset(digits):
            return []
        bounds = [bytes.fromhex(digits.ljust(_ID_DIGITS, fill)) for fill in "0f"]
        rows = self._database.rows(
            _AlertRow, f"{_ALERTS} WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?", (*bounds, limit)
        )
        return list(self._readable(rows)) if len(rows) > 1 else [self._recorded(row) for row in rows]

    def alert_count(self) -> int:
        """As in History."""
        return self._database.number("SELECT count(*) FROM alerts")

    def deliveries(self, state: DeliveryState | None = None) -> Iterator[DeliveryRecord]:
        """As in History."""
        return self._deliveries.deliveries(state)

    def deliveries_of(self, number: int) -> list[NotificationRecord]:
        """As in History."""
        return self._deliveries.deliveries_of(number)

    def deliveries_naming(self, texts: Collection[str], since_ns: int, limit: int) -> list[NotificationRecord]:
        """As in History."""
        return self._deliveries.deliveries_naming(texts, since_ns, limit)

    def sent_later(self, channel: str, route: str = "") -> list[int]:
        """As in History."""
        return self._deliveries.sent_later(channel, route)

    def delivery_counts(self) -> Counter[tuple[str, DeliveryState]]:
        """As in History."""
        return self._deliveries.delivery_counts()

    def quarantine(self) -> Iterator[QuarantinedMessage]:
        """As in History."""
        return self._quarantine.quarantine()

    def newest_quarantined(self, limit: int) -> list[QuarantinedMessage]:
        """As in History."""
        return self._quarantine.newest_quarantined(limit)

    def quarantined(self, number: int) -> QuarantinedMessage | None:
        """As in History."""
        return self._quarantine.quarantined(number)

    def quarantined_count(self) -> int:
        """As in History."""
        return self._quarantine.quarantined_count()

    def _recorded(self, row: _AlertRow, *, decisions: bool = True) -> RecordedAlert:
        alert = self._bodies.decode(row.id, row.body)
        if not decisions:
            return RecordedAlert(alert, row.source_name, row.received_ns, (), row.seq)
        try:
            decided = decode_decisions(row.decisions)
        except (msgspec.MsgspecError, ValueError, KeyError) as error:
            raise UnreadableError(f"the decisions about alert {row.id.hex()} cannot be read ({error})") from error
        return RecordedAlert(alert, row.source_name, row.received_ns, decided, row.seq)
