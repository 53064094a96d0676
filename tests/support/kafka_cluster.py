"""librdkafka's mock cluster: brokers that speak Kafka's protocol on ports of loopback, with errors on demand.

The library that the client is made of contains them (rdkafka_mock.h). Python's module does not show them.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import confluent_kafka
from confluent_kafka import Consumer, TopicPartition

PRODUCE, API_VERSIONS = 0, 18
"""API keys of Kafka's protocol."""
MSG_SIZE_TOO_LARGE, TOPIC_AUTHORIZATION_FAILED, NOT_LEADER, NOT_ENOUGH_REPLICAS, POLICY_VIOLATION = 10, 29, 6, 19, 44
"""Error codes of Kafka's protocol."""
_PARTITIONS = 2


def _library() -> Any:
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    found = next(folder.glob("librdkafka*.so*"), None)
    library = ctypes.CDLL(str(found) if found is not None else "librdkafka.so.1")
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    return library


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in a topic."""

    key: str
    value: bytes
    headers: dict[str, bytes]
    partition: int


class Cluster:
    """A running cluster of one broker."""

    def __init__(self, library: Any, handle: int) -> None:
        self._library = library
        self._handle = ctypes.c_void_p(handle)

    @property
    def bootstrap(self) -> str:
        """``127.0.0.1:PORT``."""
        text: bytes = self._library.rd_kafka_mock_cluster_bootstraps(self._handle)
        return text.decode()

    def create(self, topic: str) -> None:
        """Create a topic."""
        self._library.rd_kafka_mock_topic_create(self._handle, topic.encode(), _PARTITIONS, 1)

    def fail(self, *codes: int, api: int = PRODUCE) -> None:
        """Answer the next requests of this kind with these errors; 0 answers one as usual."""
        values = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(
            self._handle, ctypes.c_int16(api), ctypes.c_size_t(len(codes)), values
        )

    def forbid(self, topic: str, code: int) -> None:
        """Answer every request for the topic with this error."""
        self._library.rd_kafka_mock_topic_set_error(self._handle, topic.encode(), code)

    def take_down(self, *, down: bool = True) -> None:
        """Close all connections and refuse new ones, or accept them again."""
        name = "rd_kafka_mock_broker_set_down" if down else "rd_kafka_mock_broker_set_up"
        getattr(self._library, name)(self._handle, 1)

    def slow_down(self, milliseconds: int) -> None:
        """Delay every answer."""
        self._library.rd_kafka_mock_broker_set_rtt(self._handle, 1, milliseconds)

    def messages(self, topic: str, count: int, seconds: float = 60.0) -> list[Stored]:
        """The first ``count`` messages of a topic, by partition; fails where they do not arrive in time."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "test", "log_level": 0})
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(_PARTITIONS)])
        found: list[Stored] = []
        deadline = time.monotonic() + seconds
        while len(found) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} messages"
            message = consumer.poll(0.1)
            if message is not None and message.error() is None:
                headers = dict(message.headers() or [])
                found.append(Stored(message.key().decode(), message.value(), headers, message.partition()))
        consumer.close()
        return sorted(found, key=lambda each: each.partition)

    def count(self, topic: str) -> int:
        """How many messages the topic has."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "count", "log_level": 0})
        partitions = (TopicPartition(topic, partition) for partition in range(_PARTITIONS))
        ends = [consumer.get_watermark_offsets(each, timeout=60)[1] for each in partitions]
        consumer.close()
        return sum(ends)


@contextmanager
def kafka_cluster(*topics: str) -> Iterator[Cluster]:
    """A cluster with these topics. Topics that do not exist are created at the first message."""
    library = _library()
    error = ctypes.create_string_buffer(256)
    conf = library.rd_kafka_conf_new()
    library.rd_kafka_conf_set(ctypes.c_void_p(conf), b"log_level", b"0", error, ctypes.c_size_t(len(error)))
    client = library.rd_kafka_new(0, ctypes.c_void_p(conf), error, ctypes.c_size_t(len(error)))
    assert client, error.value
    handle = library.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), 1)
    assert handle
    cluster = Cluster(library, handle)
    for topic in topics:
        cluster.create(topic)
    try:
        yield cluster
    finally:
        library.rd_kafka_mock_cluster_destroy(ctypes.c_void_p(handle))
        library.rd_kafka_destroy(ctypes.c_void_p(client))
