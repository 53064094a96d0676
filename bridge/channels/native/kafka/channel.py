"""``kafka://`` and ``kafkas://``: alerts as messages of a Kafka topic.

The cluster acknowledges each message when all replicas in sync have it, and drops repeats within a producer's session.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bridge.channels.channel_tls import ChannelTls
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.message.alert_body import alert_body, falcosidekick_body
from bridge.channels.native.kafka.producer import DELIVERY_SECONDS, Record, TopicProducer
from bridge.channels.native.shared.address import Address
from bridge.channels.native.shared.brokers import Brokers, parse_brokers
from bridge.channels.native.shared.extras import require
from bridge.channels.native.shared.json_line import json_line
from bridge.common.masking import redacted
from bridge.common.text import one_line
from bridge.delivery.delivery import Delivery
from bridge.delivery.extras import NO_EXTRAS, ChannelExtras
from bridge.delivery.outcome import summarized

PARAMETERS = ("format", "sasl", "compression", "client", "size", "cafile")
_PORT = 9092
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_CLIENT = re.compile(r"[A-Za-z0-9._-]{1,100}")
_BODIES: Mapping[str, Callable[[Delivery, Mapping[str, str]], dict[str, object]]] = {
    "falco": alert_body,
    "falcosidekick": falcosidekick_body,
}
_MECHANISMS = {"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"}
_COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")
_SIZES = range(1024, 16_000_001)
_DEFAULT_SIZE = 900_000
"""Kafka's default limit is a megabyte for a batch with its overhead."""
_OVERHEAD = 4096
_MAX_REASON = 300


class KafkaChannel:
    """The channel of one topic. A key is the incident's id, or the alert's."""

    batch_size = 500
    digest_limit = batch_size

    def __init__(self, name: str, url: str, labels: Mapping[str, str], *, extras: ChannelExtras = NO_EXTRAS) -> None:
        """Raises ChannelError if the URL, a certificate or the installation cannot be used. Does not connect."""
        self.name = name
        brokers = parse_brokers(url, PARAMETERS, _PORT)
        address = brokers.address
        self._labels = {**labels, **address.labels}
        self._body = _BODIES[address.choice("format", tuple(_BODIES))]
        self._size = address.number("size", _DEFAULT_SIZE, _SIZES)
        self._topic = _topic(brokers)
        self._tls = ChannelTls(name, extras.tls, address.one("cafile")) if address.scheme == "kafkas" else None
        if self._tls is None and address.one("cafile"):
            raise ChannelError("has `cafile`, but no TLS; write kafkas://")
        self._settings = _settings(brokers, self._size)
        self._secrets = address.secrets | extras.secrets
        require("confluent_kafka", "kafka")
        self.address = brokers.servers[0]
        self._lock = threading.Lock()
        self._producer: TopicProducer | None = None
        self._context: object = None

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Publish one message for each delivery, and wait for the cluster's answers."""
        records = [self._record(each) for each in deliveries]
        with self._lock:
            try:
                outcomes = self._connected().publish(records)
            except Exception as error:  # noqa: BLE001  # librdkafka's errors have no common base with BufferError
                return Outcome(Verdict.CHANNEL_FAULT, reason=self._shown(f"Kafka: {one_line(str(error), _MAX_REASON)}"))
            if any(each.verdict is Verdict.CHANNEL_FAULT for each in outcomes):
                self._disconnect()  # librdkafka remembers for minutes that a topic is missing or forbidden
        return summarized([replace(each, reason=self._shown(each.reason)) for each in outcomes])

    def _record(self, delivery: Delivery) -> Record:
        context = delivery.notification.context
        key = context.incident if context is not None and context.incident else delivery.alert.id
        value = json_line(self._body(delivery, self._labels), self._size)
        return Record(key.encode(), value, (("content-type", b"application/json"), ("id", delivery.alert.id.encode())))

    def _connected(self) -> TopicProducer:
        """The producer; another one after a fatal error, or where a file of the certificates was replaced."""
        context = None if self._tls is None else self._tls.context()
        if self._producer is not None and (self._producer.is_broken or context is not self._context):
            self._disconnect()
        if self._producer is None:
            self._producer = TopicProducer({**self._settings, **_tls_settings(self._tls)}, self._topic)
            self._context = context
        return self._producer

    def _shown(self, reason: str) -> str:
        return redacted(reason, self._secrets)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._producer is not None:
            self._producer.close()
            self._producer = None


def _topic(brokers: Brokers) -> str:
    if not brokers.target:
        raise ChannelError(f"has no topic; write {brokers.address.scheme}://HOST:PORT/TOPIC")
    if not _TOPIC.fullmatch(brokers.target) or brokers.target in {".", ".."}:
        raise ChannelError("has an invalid topic; use letters, digits and ._- only")
    return brokers.target


def _settings(brokers: Brokers, size: int) -> dict[str, Any]:
    address = brokers.address
    client = address.one("client", "falco-bridge")
    if not _CLIENT.fullmatch(client):
        raise ChannelError("has an invalid `client`; use letters, digits and ._- only")
    return {
        "bootstrap.servers": brokers.joined(),
        "client.id": client,
        "acks": "all",
        "enable.idempotence": True,
        "compression.type": address.choice("compression", _COMPRESSIONS),
        "partitioner": "murmur2_random",  # as Java's clients, so that a key has the same partition for all
        "linger.ms": 2,
        "delivery.timeout.ms": int(DELIVERY_SECONDS * 1000),
        "request.timeout.ms": 10_000,
        "socket.connection.setup.timeout.ms": 5000,
        "reconnect.backoff.max.ms": 2000,
        "topic.metadata.propagation.max.ms": 5000,
        "message.max.bytes": size + _OVERHEAD,
        "enable.metrics.push": False,
        "log_level": 0,
        **_login(address),
    }


def _login(address: Address) -> dict[str, str]:
    encrypted = address.scheme == "kafkas"
    if not address.user:
        if "sasl" in address.parameters or address.password:
            raise ChannelError("has a login without a user; write USER:PASSWORD@ before the host")
        return {"security.protocol": "SSL" if encrypted else "PLAINTEXT"}
    return {
        "security.protocol": "SASL_SSL" if encrypted else "SASL_PLAINTEXT",
        "sasl.mechanism": _MECHANISMS[address.choice("sasl", tuple(_MECHANISMS))],
        "sasl.username": address.user,
        "sasl.password": address.password,
    }


def _tls_settings(tls: ChannelTls | None) -> dict[str, str]:
    if tls is None:
        return {}
    files = tls.files()
    settings = {
        "ssl.ca.location": files.ca,
        "ssl.certificate.location": files.cert,
        "ssl.key.location": files.key or files.cert,
        "ssl.key.password": files.passphrase,
    }
    return {name: value for name, value in settings.items() if value}
