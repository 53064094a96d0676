"""One connection to an MQTT broker, and the publishing of a batch over it.

Paho reads and writes in a thread of its own. A connection that failed is not used again, because Paho would send again
what the courier has put back.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.native.mqtt.reasons import outcome_of
from bridge.common.files.trust import CONNECT_SECONDS

if TYPE_CHECKING:
    from paho.mqtt.client import Client
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

ACKNOWLEDGE_SECONDS = 15.0
_KEEPALIVE_SECONDS = 30
_WINDOW = 20
"""Messages without an answer. A broker may allow fewer; most allow at least this."""


class RefusedError(Exception):
    """The broker refused the connection, or closed it with a reason."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Message:
    """A message of MQTT."""

    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Settings:
    """How a channel connects and publishes."""

    server: tuple[str, int]
    topic: str
    client: str
    user: str = field(repr=False)
    password: str = field(repr=False)
    qos: int
    retain: bool
    is_version_5: bool


class Connection:
    """An open connection. Used by one thread at a time, besides Paho's."""

    def __init__(self, settings: Settings, context: ssl.SSLContext | None) -> None:
        """Raises RefusedError, OSError, or ValueError for a host that is none."""
        self._settings = settings
        self._changed = threading.Condition()
        self._answers: dict[int, tuple[int, str]] = {}
        self._connected: tuple[int, str] | None = None
        self._ended: tuple[int, str] | None = None
        self._window = _WINDOW
        self.max_packet = 0
        """The most bytes of a packet, as the broker says; 0 if it does not."""
        self._client = self._make_client(context)
        try:
            self._client.connect(*settings.server, keepalive=_KEEPALIVE_SECONDS)
            self._client.loop_start()
            self._await_connection()
        except BaseException:
            self.close()
            raise

    def _make_client(self, context: ssl.SSLContext | None) -> Client:
        from paho.mqtt import client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion

        settings = self._settings
        version = mqtt.MQTTv5 if settings.is_version_5 else mqtt.MQTTv311
        client = mqtt.Client(CallbackAPIVersion.VERSION2, settings.client, protocol=version, reconnect_on_failure=False)
        client.connect_timeout = CONNECT_SECONDS
        client.max_inflight_messages_set(_WINDOW)
        client.max_queued_messages_set(0)
        if settings.user:
            client.username_pw_set(settings.user, settings.password or None)
        if context is not None:
            client.tls_set_context(context)
        client.on_connect, client.on_disconnect, client.on_publish = (
            self._on_connect,
            self._on_disconnect,
            self._on_publish,
        )
        return client

    @property
    def is_open(self) -> bool:
        """Whether the broker has not closed it."""
        return self._ended is None and bool(self._client.is_connected())

    def publish(self, messages: Sequence[Message]) -> list[Outcome]:
        """The outcome of each message. Raises RefusedError or ConnectionError where the connection ended."""
        with self._changed:
            self._answers.clear()
        numbers: list[int] = []
        deadline = time.monotonic() + ACKNOWLEDGE_SECONDS
        while self._ended is None:
            while len(numbers) < len(messages) and len(numbers) - len(self._answers) < self._window:
                numbers.append(self._hand_over(messages[len(numbers)]))
            with self._changed:
                if len(self._answers) == len(messages) or time.monotonic() > deadline:
                    break
                known = len(self._answers)
                self._changed.wait_for(self._has_news(known), max(deadline - time.monotonic(), 0))
        answers = dict(self._answers)
        if self._ended is not None and not answers:
            self._raise_ending()
        return [self._outcome(answers.get(numbers[at]) if at < len(numbers) else None) for at in range(len(messages))]

    def _has_news(self, known: int) -> Callable[[], bool]:
        return lambda: len(self._answers) > known or self._ended is not None

    def _hand_over(self, message: Message) -> int:
        info = self._client.publish(
            self._settings.topic, message.body, self._settings.qos, self._settings.retain, self._properties(message)
        )
        return int(info.mid)

    def _properties(self, message: Message) -> Properties | None:
        if not self._settings.is_version_5:
            return None
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = "application/json"
        properties.UserProperty = ("id", message.id)
        return properties  # type: ignore[no-any-return]

    def _outcome(self, answer: tuple[int, str] | None) -> Outcome:
        if answer is not None:
            return outcome_of(*answer)
        if self._ended is not None:
            return Outcome(Verdict.RETRY, reason="MQTT: the broker closed the connection before it answered")
        return Outcome(Verdict.RETRY, reason=f"timed out: no answer of the broker in {ACKNOWLEDGE_SECONDS:g} s")

    def _await_connection(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._connected is not None or self._ended is not None, CONNECT_SECONDS)
            connected = self._connected
        if connected is None and self._ended is None:
            raise TimeoutError
        if connected is None:
            self._raise_ending()
        elif (outcome := outcome_of(*connected)).verdict is not Verdict.DELIVERED:
            raise RefusedError(outcome)

    def _raise_ending(self) -> None:
        assert self._ended is not None
        outcome = outcome_of(*self._ended)
        if outcome.status is not None and outcome.verdict is not Verdict.DELIVERED and self._ended[0] != _UNSPECIFIED:
            raise RefusedError(outcome)
        raise ConnectionError

    def _on_connect(self, _client: Client, _data: Any, _flags: Any, code: ReasonCode, properties: Any) -> None:
        with self._changed:
            self._connected = code.value, code.getName()
            self.max_packet = int(getattr(properties, "MaximumPacketSize", 0) or 0)
            self._window = min(int(getattr(properties, "ReceiveMaximum", 0) or _WINDOW), _WINDOW)
            self._changed.notify_all()

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        with self._changed:
            self._ended = code.value, code.getName()
            self._changed.notify_all()

    def _on_publish(self, _client: Client, _data: Any, number: int, code: ReasonCode, _properties: Any) -> None:
        with self._changed:
            self._answers[number] = code.value, code.getName()
            self._changed.notify_all()

    def close(self) -> None:
        """Close the connection and end Paho's thread."""
        with suppress(OSError, ValueError):
            self._client.disconnect()
        self._client.loop_stop()


_UNSPECIFIED = 128
"""Paho's code for a connection that ended without a reason."""
