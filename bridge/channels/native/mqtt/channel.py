"""``mqtt://`` and ``mqtts://``: alerts as messages of an MQTT topic, acknowledged by the broker."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import unquote

from bridge.channels import transport_errors
from bridge.channels.channel_tls import ChannelTls
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.message.alert_body import alert_body, falcosidekick_body
from bridge.channels.native.mqtt.publisher import Connection, Message, RefusedError, Settings
from bridge.channels.native.shared.address import Address
from bridge.channels.native.shared.extras import require
from bridge.channels.native.shared.json_line import json_line
from bridge.common.masking import redacted
from bridge.delivery.delivery import Delivery
from bridge.delivery.extras import NO_EXTRAS, ChannelExtras
from bridge.delivery.outcome import summarized

PARAMETERS = ("qos", "retain", "version", "format", "client", "size", "cafile")
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_TOPIC = re.compile(r"(?!\$)[^\x00-\x1f\x7f#+]{1,200}")
_CLIENT = re.compile(r"[!-~]{1,100}")
_SIZES = range(1024, 16_000_001)
_DEFAULT_SIZE = 120_000
"""The smallest limit of a well-known service is 128 KiB."""
_OVERHEAD = 512
"""More than the bytes of a packet besides its payload."""
_BODIES: Mapping[str, Callable[[Delivery, Mapping[str, str]], dict[str, object]]] = {
    "falco": alert_body,
    "falcosidekick": falcosidekick_body,
}


class MqttChannel:
    """The channel of one topic."""

    batch_size = 100
    digest_limit = batch_size

    def __init__(
        self, name: str, address: Address, labels: Mapping[str, str], *, extras: ChannelExtras = NO_EXTRAS
    ) -> None:
        """Raises ChannelError if the URL, a certificate or the installation cannot be used. Does not connect."""
        self.name = name
        self._labels = {**labels, **address.labels}
        self._body = _BODIES[address.choice("format", tuple(_BODIES))]
        self._size = address.number("size", _DEFAULT_SIZE, _SIZES)
        self._settings = _settings(address)
        self._tls = ChannelTls(name, extras.tls, address.one("cafile")) if address.scheme == "mqtts" else None
        if self._tls is None and address.one("cafile"):
            raise ChannelError("has `cafile`, but no TLS; write mqtts://")
        self._secrets = address.secrets | extras.secrets
        require("paho", "mqtt")
        self.address = self._settings.server
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._context: object = None

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Publish one message for each delivery, and wait for the broker's answers."""
        with self._lock:
            try:
                outcomes = self._publish(deliveries)
            except RefusedError as error:
                self._disconnect()
                return self._shown(error.outcome)
            except (OSError, ValueError) as error:
                self._disconnect()
                return Outcome(Verdict.RETRY, reason=self._described(error))
            if any(each.verdict is Verdict.RETRY for each in outcomes):
                self._disconnect()
        return summarized([self._shown(each) for each in outcomes])

    def _publish(self, deliveries: Sequence[Delivery]) -> list[Outcome]:
        connection = self._connected()
        limit = min(self._size, (connection.max_packet or self._size + _OVERHEAD) - _OVERHEAD)
        bodies = ((each.alert.id, self._body(each, self._labels)) for each in deliveries)
        return connection.publish([Message(number, json_line(body, limit)) for number, body in bodies])

    def _connected(self) -> Connection:
        """The open connection, or a new one. Replaced certificates need a new one."""
        context = None if self._tls is None else self._tls.context()
        if self._connection is None or not self._connection.is_open or context is not self._context:
            self._disconnect()
            self._connection, self._context = Connection(self._settings, context), context
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _described(self, error: Exception) -> str:
        trusts, certificate = ("", "") if self._tls is None else (self._tls.authorities, self._tls.certificate)
        reason = transport_errors.describe(error, self._settings.server[0], trusts, certificate)
        if reason.startswith("connection closed") and self._settings.is_version_5:
            reason = f"{reason}; a broker that knows MQTT 5 not needs `version=3.1.1`"
        return redacted(reason, self._secrets)

    def _shown(self, outcome: Outcome) -> Outcome:
        return replace(outcome, reason=redacted(outcome.reason, self._secrets))

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._disconnect()


def _settings(address: Address) -> Settings:
    topic = unquote(address.path.removeprefix("/"))
    if not topic:
        raise ChannelError(f"has no topic; write {address.scheme}://HOST:PORT/TOPIC")
    if not _TOPIC.fullmatch(topic):
        raise ChannelError("has an invalid topic; write levels with slashes between them, without `+`, `#` and `$`")
    if address.headers or address.query:
        raise ChannelError("has a header or a query parameter, which only HTTP has; remove it")
    if address.password and not address.user:
        raise ChannelError("has a password without a user; write USER:PASSWORD@")
    client = address.one("client") or f"falco-bridge-{secrets.token_hex(4)}"
    if not _CLIENT.fullmatch(client):
        raise ChannelError("has an invalid `client`; use letters, digits and signs without spaces")
    return Settings(
        address.host_and_port(_PORTS[address.scheme]), topic, client, address.user, address.password,
        int(address.choice("qos", ("1", "0"))), address.choice("retain", ("no", "yes")) == "yes",
        address.choice("version", ("5", "3.1.1")) == "5",
    )  # fmt: skip
