"""Requests to the owners of partitions, as bytes."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class RequestKind(StrEnum):
    """What is to be done."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


class Request(msgspec.Struct, frozen=True):
    """A person changes incidents."""

    kind: RequestKind
    target: str
    """The id of an incident, or the name of a route."""
    actor: str


class Answer(msgspec.Struct, frozen=True):
    """What an owner did."""

    incidents: tuple[str, ...]
    """The ids of those that changed."""


_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(Request)
_answers = msgspec.msgpack.Decoder(Answer)


def encode(value: Request | Answer) -> bytes:
    """The value as MessagePack."""
    return _encoder.encode(value)


def decode_request(data: bytes) -> Request:
    """The request that ``encode`` wrote. Raises msgspec.MsgspecError if it is of a newer version."""
    return _requests.decode(data)


def decode_answer(data: bytes) -> Answer:
    """The answer that ``encode`` wrote."""
    return _answers.decode(data)
