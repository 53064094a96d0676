"""What an error of Kafka means for a message. Errors have the names of librdkafka (rdkafka.h). Pure."""

from __future__ import annotations

import re

from bridge.channels.contract import Outcome, Verdict
from bridge.common.text import one_line
from bridge.delivery.outcome import CONNECTION_REFUSED

TOO_LARGE = frozenset({"MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"})
"""A broker says it of a batch, not of a message."""
_REJECTED = TOO_LARGE | {"INVALID_MSG_SIZE", "INVALID_RECORD", "INVALID_TIMESTAMP", "POLICY_VIOLATION", "_BAD_MSG"}
_CHANNEL_FAULTS = {
    "UNKNOWN_TOPIC_OR_PART": "the topic does not exist: create it",
    "_UNKNOWN_TOPIC": "the topic does not exist: create it",
    "_UNKNOWN_PARTITION": "the topic has no partition: create it again",
    "TOPIC_EXCEPTION": "the name of the topic is invalid",
    "TOPIC_AUTHORIZATION_FAILED": "the user may not write to the topic: allow WRITE and DESCRIBE",
    "CLUSTER_AUTHORIZATION_FAILED": "the user may not write idempotently: allow IDEMPOTENT_WRITE on the cluster",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": "the user may not write idempotently: allow IDEMPOTENT_WRITE",
    "SASL_AUTHENTICATION_FAILED": "compare user, password and `sasl` with the broker's",
    "_AUTHENTICATION": "compare user, password and `sasl` with the broker's",
    "UNSUPPORTED_SASL_MECHANISM": "the broker does not support this `sasl`",
    "UNSUPPORTED_COMPRESSION_TYPE": "the broker does not support this `compression`",
    "UNSUPPORTED_FOR_MESSAGE_FORMAT": "the broker is older than Kafka 0.11",
    "INVALID_REQUIRED_ACKS": "the broker does not support acks=all",
}
LOGIN_FAILED = frozenset({"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM"})
_WANTS_CERTIFICATE = ("alert bad certificate", "alert certificate required", "alert handshake failure")
"""OpenSSL's words for the alerts with which a server rejects a client without a certificate."""
_TIMING = re.compile(r" \(after \d+ms in state \w+(?:, \d+ identical error\(s\) suppressed)?\)")
_MAX_REASON = 300


def outcome_of(name: str, text: str) -> Outcome:
    """The outcome of a message with this error; ``name`` is empty for a message that the cluster has stored."""
    if not name:
        return Outcome(Verdict.DELIVERED)
    shown = f"Kafka: {one_line(text, _MAX_REASON)} ({name.lstrip('_')})"
    if name in _REJECTED:
        return Outcome(Verdict.REJECTED, reason=shown)
    if remedy := _CHANNEL_FAULTS.get(name):
        return Outcome(Verdict.CHANNEL_FAULT, reason=f"{shown}: {remedy}")
    return Outcome(Verdict.RETRY, reason=shown)


def outcome_without_answer(name: str, text: str, *, refused: bool = False) -> Outcome:
    """The outcome of messages that no broker has answered, from the last error of the connections; empty without one.

    librdkafka's text begins with the address of the broker. ``refused``: every broker closed the first connection.
    """
    text = one_line(_TIMING.sub("", text), _MAX_REASON)
    if name in LOGIN_FAILED:
        return outcome_of(name, text)
    return Outcome(Verdict.RETRY, reason=_without_answer(name, text, refused=refused))


def _without_answer(name: str, text: str, *, refused: bool) -> str:
    if "Connection refused" in text:
        return f"{CONNECTION_REFUSED}: nothing listens on this port"
    if name == "_RESOLVE":
        return "host name not found in DNS"
    if any(words in text for words in _WANTS_CERTIFICATE):
        return f"TLS handshake failed: the broker requires a client certificate, or another one: {text}"
    if name == "_SSL":
        return f"TLS handshake failed: {text}"
    if name:
        return f"Kafka: no answer: {text}"
    if refused:
        return "Kafka: the broker closed the connection; a listener with TLS needs kafkas://, one with SASL a login"
    return "timed out: no broker has answered"
