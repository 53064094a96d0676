"""What a reason code of MQTT 5 means for a message or a connection (OASIS MQTT 5.0, 2.4). Pure."""

from __future__ import annotations

from bridge.channels.contract import Outcome, Verdict

_FAILURE = 128
"""Codes from here on are failures. 16 is a success without subscribers."""
_REJECTED = frozenset({149, 153})
"""The packet is too large; the payload is invalid."""
_CHANNEL_FAULTS = {
    132: "the broker does not support this version: write `version=3.1.1`, or `version=5`",
    133: "the broker refuses the client id: set `client`",
    134: "compare user and password with the broker's",
    135: "allow the user to publish to the topic",
    138: "the broker has banned the client",
    140: "the broker wants another way to log in",
    144: "the broker refuses the name of the topic",
    154: "the broker does not retain messages: remove `retain`",
    155: "the broker does not acknowledge messages: write `qos=0`",
}


def outcome_of(code: int, text: str) -> Outcome:
    """The outcome for a reason code. ``text`` is its name in the standard."""
    if code < _FAILURE:
        return Outcome(Verdict.DELIVERED)
    reason = f"MQTT: {text.lower()} ({code})"
    if code in _REJECTED:
        return Outcome(Verdict.REJECTED, code, reason)
    if remedy := _CHANNEL_FAULTS.get(code):
        return Outcome(Verdict.CHANNEL_FAULT, code, f"{reason}: {remedy}")
    return Outcome(Verdict.RETRY, code, reason)
