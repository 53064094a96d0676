"""``splunkhec://`` and ``splunkhecs://``: events for Splunk, through its HTTP Event Collector.

Splunk does not recognize repeats, so an event is sent again only if the collector did not accept it, or, with
``ack=on``, if the indexers did not acknowledge it in time.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.message.alert_body import alert_body, falcosidekick_body
from bridge.channels.native.shared.address import Address
from bridge.channels.native.shared.endpoint import Endpoint
from bridge.channels.native.shared.labels import label_value, with_label_names
from bridge.channels.native.splunk.answers import Accepted, answer_of, is_indexed
from bridge.common.text import shortened
from bridge.delivery.delivery import Delivery
from bridge.delivery.extras import NO_EXTRAS, ChannelExtras

PARAMETERS = ("index", "source", "sourcetype", "host", "format", "ack", "cafile")
_EVENTS, _ACKS = "/services/collector/event", "/services/collector/ack"
_BODIES = {"falco": alert_body, "falcosidekick": falcosidekick_body}
_NAME = re.compile(r"[!-~]{1,200}")
_MAX_TEXT = 10_000
"""Characters of a value. Splunk cuts an event at 10,000 bytes by default; a longer value would hide what follows."""
ACK_WAITS = (0.25, 0.25, 0.5, 1.0, 1.0, *[2.0] * 18)
"""Seconds between two questions for an acknowledgement: 39 in all. Indexers write about once a second."""
_encode = msgspec.json.Encoder().encode


class SplunkChannel:
    """The channel of one token."""

    batch_size = 100
    digest_limit = batch_size

    def __init__(
        self,
        name: str,
        address: Address,
        labels: Mapping[str, str],
        ack_waits: Sequence[float] = ACK_WAITS,
        *,
        extras: ChannelExtras = NO_EXTRAS,
    ) -> None:
        """Raises ChannelError if the address cannot be used."""
        self.name = name
        self._labels = {**labels, **address.labels}
        self._body = _BODIES[address.choice("format", tuple(_BODIES))]
        self._metadata = {key: value for key in ("index", "source", "sourcetype") if (value := _name(address, key))}
        self._metadata.setdefault("sourcetype", "falco")
        self._host = _name(address, "host")
        self._ack_waits, self._closed = ack_waits, threading.Event()
        headers = {"Authorization": f"Splunk {_token(address)}"}
        if address.choice("ack", ("off", "on")) == "on":
            headers["X-Splunk-Request-Channel"] = str(uuid.uuid4())
            self._acks: Endpoint | None = self._endpoint_at(_ACKS, address, headers, extras)
        else:
            self._acks = None
        self._endpoint = self._endpoint_at(_EVENTS, address, headers, extras)
        self.address = self._endpoint.address

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Post all deliveries in one request; with ``ack=on``, wait until they are indexed."""
        headers = {"Content-Type": "application/json"}
        response = self._endpoint.request(self.body(deliveries), headers)
        answer = answer_of(response, len(deliveries), self._endpoint.outcome)
        if not isinstance(answer, Accepted):
            return answer
        if self._acks is None or answer.acknowledgement is None:
            return Outcome(Verdict.DELIVERED, response.status)
        return self._acknowledged(self._acks, answer.acknowledgement)

    def body(self, deliveries: Sequence[Delivery]) -> bytes:
        """The body of the request: one JSON object after the other."""
        return b"\n".join(_encode(self._event(each)) for each in deliveries)

    def close(self) -> None:
        """Close the connections, and wait for no acknowledgement."""
        self._closed.set()
        self._endpoint.close()
        if self._acks is not None:
            self._acks.close()

    def _event(self, delivery: Delivery) -> dict[str, Any]:
        alert, severity = delivery.alert, delivery.notification.severity
        fields = {**self._labels, "rule": alert.rule, "priority": alert.priority.word, "severity": severity.word}
        seconds, nanoseconds = divmod(alert.time_ns, 1_000_000_000)
        return {
            "time": msgspec.Raw(f"{seconds}.{nanoseconds // 1000:06}".encode()),
            "host": self._host or label_value(alert.hostname).strip() or "falco",
            **self._metadata,
            "event": _bounded(self._body(delivery, self._labels)),
            "fields": {name: label_value(value) for name, value in with_label_names(fields).items() if value.strip()},
        }

    def _acknowledged(self, acks: Endpoint, number: int) -> Outcome:
        question = _encode({"acks": [number]})
        for seconds in self._ack_waits:
            if self._closed.wait(seconds):
                break
            if is_indexed(acks.request(question, {"Content-Type": "application/json"}), number):
                return Outcome(Verdict.DELIVERED, 200)
        reason = f"accepted, but not acknowledged by the indexers within {sum(self._ack_waits):g} s"
        return Outcome(Verdict.RETRY, 200, reason)

    def _endpoint_at(self, path: str, address: Address, headers: Mapping[str, str], extras: ChannelExtras) -> Endpoint:
        prefix = (
            address.path.rstrip("/").removesuffix("/event").removesuffix("/raw").removesuffix("/services/collector")
        )
        without_login = replace(address, user="", password="")
        return Endpoint(without_login, prefix + path, headers, name=self.name, extras=extras)


def _token(address: Address) -> str:
    token = address.password or address.user
    if not token:
        raise ChannelError("has no token; write splunkhecs://TOKEN@HOST:8088")
    if not _NAME.fullmatch(token):
        raise ChannelError("has a token with characters other than printable ASCII")
    return token


def _name(address: Address, parameter: str) -> str:
    value = address.one(parameter)
    if value and not _NAME.fullmatch(value):
        raise ChannelError(f"has an invalid `{parameter}`; write up to 200 printable ASCII characters without spaces")
    return value


def _bounded(value: Any) -> Any:
    match value:
        case str():
            return shortened(value, _MAX_TEXT)
        case Mapping():
            return {name: _bounded(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_bounded(inner) for inner in value]
    return value
