"""Everything about one alert: decisions, deliveries with every attempt, and later notifications of its incidents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bridge.journal.protocols import Journal
from bridge.journal.records import AttemptRecord, DeadLetterAct, NotificationRecord, RecordedAlert

_MOST_NAMED = 100


class Relation(StrEnum):
    """What a delivery has to do with an alert."""

    ABOUT = "about"
    """It is about the alert."""
    NAMED = "named"
    """It names the alert among others: a digest, a sequence or a join."""
    INCIDENT = "incident"
    """It belongs to an incident of the alert, and was added after the alert."""


@dataclass(frozen=True, slots=True)
class DeliveryStory:
    """A delivery with its attempts."""

    record: NotificationRecord
    relation: Relation
    failures: tuple[AttemptRecord, ...]
    """The stored failed attempts, in order."""
    acts: tuple[DeadLetterAct, ...] = ()
    """Who retried or discarded it, in order."""


@dataclass(frozen=True, slots=True)
class AlertStory:
    """What became of an alert."""

    recorded: RecordedAlert
    deliveries: tuple[DeliveryStory, ...]
    """In the order in which they were added."""

    @property
    def incidents(self) -> tuple[str, ...]:
        """The ids of the incidents that the alert belongs to."""
        return tuple(dict.fromkeys(each.incident for each in self.recorded.decisions if each.incident))

    def of_channel(self, channel: str) -> tuple[DeliveryStory, ...]:
        """The deliveries to one channel."""
        return tuple(each for each in self.deliveries if each.record.delivery.channel == channel)


def read_story(journal: Journal, recorded: RecordedAlert) -> AlertStory:
    """Everything that the journal holds about an alert. Raises JournalError."""
    alert_id = recorded.alert.id
    incidents = [each.incident for each in recorded.decisions if each.incident]
    about = journal.history.deliveries_of(recorded.number)
    incidents += [incident for each in about if (incident := _incident(each))]
    named = journal.history.deliveries_naming({alert_id, *incidents}, recorded.received_ns, _MOST_NAMED)
    found = {each.delivery.id: each for each in (*about, *named)}
    own = {each.delivery.id for each in about}
    letters = journal.dead_letters
    return AlertStory(
        recorded,
        tuple(
            DeliveryStory(
                each, _relation(each, alert_id, own), tuple(letters.attempts(number)), tuple(letters.acts(number))
            )
            for number, each in sorted(found.items())
        ),
    )


def _incident(record: NotificationRecord) -> str:
    context = None if record.notification is None else record.notification.context
    return "" if context is None else context.incident


def _relation(record: NotificationRecord, alert_id: str, own: Iterable[int]) -> Relation:
    if record.delivery.id in own:
        return Relation.ABOUT
    context = None if record.notification is None else record.notification.context
    return Relation.NAMED if context is not None and alert_id in context.alerts else Relation.INCIDENT
