"""What a journal holds, to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Protocol

from bridge.alert import Alert
from bridge.delivery import DeliveryState
from bridge.journal.records import DeliveryRecord, NotificationRecord, QuarantinedMessage, RecordedAlert
from bridge.routing import Decision


class History(Protocol):
    """Reads what a journal holds. Iterators read in pages: memory use is constant, and no transaction stays open.

    A reader sees commits of other processes, and blocks none of them.
    """

    def alerts(self, since_ns: int | None = None) -> Iterator[RecordedAlert]:
        """Every stored alert, or those received at ``since_ns`` or later, in the order in which they were appended."""

    def span(self, since_ns: int | None = None, until_ns: int | None = None) -> range:
        """The numbers of the alerts received from ``since_ns`` until just before ``until_ns``; some may be gone."""

    def decided_span(self) -> range:
        """As `span`, up to the first alert that waits for a decision of an owner of a fleet."""

    def read(self, numbers: range, *, newest_first: bool = False) -> Iterator[RecordedAlert]:
        """The stored alerts with these numbers, in the order in which they were appended, or in the reverse."""

    def numbered(self, numbers: Sequence[int], *, decisions: bool = True) -> list[RecordedAlert]:
        """The stored alerts with these numbers, the newest first. Without ``decisions`` theirs are left out."""

    def ids(self, numbers: Sequence[int]) -> dict[int, str]:
        """The ids of the stored alerts with these numbers."""

    def decided(self, numbers: range) -> Iterator[tuple[int, tuple[Decision, ...]]]:
        """The numbers and decisions of the stored alerts with these numbers, the newest first, without the alerts."""

    def scan(
        self, numbers: range, holds: Callable[[Alert], bool], fields: Collection[str], at: Callable[[int], None]
    ) -> Iterator[RecordedAlert]:
        """The stored alerts with these numbers for which ``holds``, the newest first.

        Faster than `read`: ``holds`` sees alerts that have only these fields. ``at`` is called for each page with the
        number that was reached.
        """

    def first_number(self) -> int:
        """The number of the oldest stored alert; 1 if there is none."""

    def count(self, numbers: range) -> int:
        """How many alerts with these numbers are stored."""

    def alert(self, alert_id: str) -> RecordedAlert | None:
        """The alert with that id; None if it is not stored."""

    def alerts_of(self, ids: Iterable[str], fields: Collection[str] | None = None) -> dict[str, Alert]:
        """The stored alerts with these ids, by id. One that cannot be read is logged and left out.

        Faster where only some ``fields`` are wanted: the alerts have no others.
        """

    def alerts_with_id(self, start: str, limit: int) -> list[RecordedAlert]:
        """The first alerts whose ids start with these hexadecimal digits, in the order of their ids."""

    def alert_count(self) -> int:
        """How many alerts are stored."""

    def deliveries(self, state: DeliveryState | None = None) -> Iterator[DeliveryRecord]:
        """Every stored delivery, or those in one state, in the order in which they were added."""

    def deliveries_of(self, number: int) -> list[NotificationRecord]:
        """The deliveries that are about the alert with that number, in the order in which they were added."""

    def deliveries_naming(self, texts: Collection[str], since_ns: int, limit: int) -> list[NotificationRecord]:
        """The first deliveries added at ``since_ns`` or later whose notification names an alert or incident by its id.

        Reads every notification since then.
        """

    def sent_later(self, channel: str, route: str = "") -> list[int]:
        """The numbers of the alerts that clauses with memory sent to the channel, the newest first.

        The alerts that digests, summaries, escalations and the other notifications of incidents are about or name.
        ``route`` is the route that sent them, empty for any. Reads every notification to the channel.
        """

    def delivery_counts(self) -> Counter[tuple[str, DeliveryState]]:
        """How many deliveries each channel has in each state."""

    def quarantine(self) -> Iterator[QuarantinedMessage]:
        """Every quarantined message, oldest first."""

    def newest_quarantined(self, limit: int) -> list[QuarantinedMessage]:
        """The latest quarantined messages, newest first."""

    def quarantined(self, number: int) -> QuarantinedMessage | None:
        """The quarantined message with that number; None if it is not stored."""

    def quarantined_count(self) -> int:
        """How many messages are in the quarantine."""
