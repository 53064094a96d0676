"""Publishes records to one topic and reports the outcome of each. librdkafka sends them from threads of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.channels.contract import Outcome
from bridge.channels.native.kafka.errors import LOGIN_FAILED, TOO_LARGE, outcome_of, outcome_without_answer

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

DELIVERY_SECONDS = 15.0
"""After this time librdkafka gives up a message, and never sends it later."""
_GRACE_SECONDS = 2.0
_POLL_SECONDS = 0.1
_NO_ANSWER = frozenset({"_MSG_TIMED_OUT", "_PURGE_QUEUE", "_TIMED_OUT"})
"""Errors of messages that no broker has answered."""
_ALL_DOWN = "_ALL_BROKERS_DOWN"


@dataclass(frozen=True, slots=True)
class Record:
    """A message of Kafka."""

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class _Error:
    """An error by its name in librdkafka, and its text; no name for a success."""

    name: str = ""
    text: str = ""


class Connections:
    """What librdkafka has reported of its connections. Written from ``poll``."""

    def __init__(self) -> None:
        self.last = _Error()
        self.all_down = False
        self.have_worked = False
        """Whether a broker has answered before."""
        self.is_broken = False
        """Whether the producer cannot be used any more."""

    def note(self, error: KafkaError) -> None:
        """An error that concerns no single message."""
        self.is_broken |= error.fatal()
        name = str(error.name())
        if name == _ALL_DOWN:
            self.all_down = True
        elif self.last.name not in LOGIN_FAILED:
            self.last = _Error(name, str(error.str()))

    @property
    def is_hopeless(self) -> bool:
        """Whether waiting is useless: no broker can be reached, or the login is wrong."""
        why_is_known = bool(self.last.name) or not self.have_worked  # after a lost connection, the next attempt says it
        return (self.all_down and why_is_known) or self.last.name in LOGIN_FAILED

    def clear(self) -> None:
        """What is reported from now on counts."""
        self.last, self.all_down = _Error(), False


class TopicProducer:
    """A producer for one topic. Used by one thread at a time."""

    def __init__(self, settings: Mapping[str, Any], topic: str) -> None:
        """Raises KafkaException for settings that librdkafka does not take."""
        from confluent_kafka import Producer

        self._topic = topic
        self._connections = Connections()
        self._producer = Producer({**settings, "error_cb": self._connections.note})

    @property
    def is_broken(self) -> bool:
        """Whether another one is needed."""
        return self._connections.is_broken

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        """The outcome of each record. Those of a batch that was too large are sent again, each alone."""
        errors = self._publish(records)
        if len(records) > 1:
            for at, error in enumerate(errors):
                if error.name in TOO_LARGE:
                    errors[at] = self._publish(records[at : at + 1])[0]
        return [self._outcome(each) for each in errors]

    def _publish(self, records: Sequence[Record]) -> list[_Error]:
        self._producer.poll(0)
        self._connections.clear()
        results: list[_Error | None] = [None] * len(records)
        for at, record in enumerate(records):
            results[at] = self._produce(record, partial(_note, results, at))
        deadline = time.monotonic() + DELIVERY_SECONDS + _GRACE_SECONDS
        while any(each is None for each in results) and time.monotonic() < deadline:
            self._producer.poll(_POLL_SECONDS)
            if self._connections.is_hopeless:
                self._producer.purge(in_queue=True, in_flight=False)
        self._connections.have_worked |= any(each is not None and each.name not in _NO_ANSWER for each in results)
        return [each or _Error("_MSG_TIMED_OUT") for each in results]

    def _produce(self, record: Record, report: Any) -> _Error | None:
        """Hand a record over; return why this was not possible."""
        from confluent_kafka import KafkaException

        try:
            self._producer.produce(
                self._topic, record.value, record.key, headers=list(record.headers), on_delivery=report
            )
        except BufferError:
            return _Error("_QUEUE_FULL", "the queue is full")
        except KafkaException as error:
            return _error(error.args[0])
        return None

    def _outcome(self, error: _Error) -> Outcome:
        if error.name in _NO_ANSWER:
            last = self._connections.last
            never_worked = self._connections.all_down and not self._connections.have_worked
            return outcome_without_answer(last.name, last.text, refused=never_worked)
        return outcome_of(error.name, error.text)

    def close(self) -> None:
        """Drop what is queued and close the connections."""
        from confluent_kafka import KafkaException

        with suppress(KafkaException):
            self._producer.purge()
            self._producer.poll(0)


def _note(results: list[_Error | None], at: int, error: KafkaError | None, _message: Message) -> None:
    results[at] = _Error() if error is None else _error(error)


def _error(error: KafkaError) -> _Error:
    return _Error(str(error.name()), str(error.str()))
