"""Parses the URLs of Google Cloud's channels, and posts to its APIs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from bridge.channels.errors import ChannelError
from bridge.channels.native.cloud.place import endpoint_of, split_place
from bridge.channels.native.cloud.service import Service
from bridge.channels.native.gcp.tokens import Tokens
from bridge.channels.native.shared.address import Address
from bridge.channels.response import Response
from bridge.delivery.extras import ChannelExtras

COMMON = ("key", "key-file", "endpoint", "cafile", "format")
"""The parameters of every channel of Google Cloud."""


def parse_place(url: str, known: Collection[str]) -> tuple[str, Address]:
    """The place of a URL, and its parameters. Raises ChannelError."""
    login, place, address = split_place(url, (*known, *COMMON))
    if login:
        raise ChannelError("has a login, which Google Cloud does not know; write `key-file=/PATH` or `key=${…}`")
    return place.strip("/"), address


def make_service(name: str, address: Address, default: str, path: str, scope: str, extras: ChannelExtras) -> Service:
    """A method of one of its APIs. An emulator needs neither a key nor google-auth. Raises ChannelError."""
    is_emulated = endpoint_of(address).startswith("http://")
    return Service(name, address, default, path, None if is_emulated else Tokens(address, scope), extras)


def answer_of(response: Response) -> Any:
    """The answer decoded from JSON; None if it is not JSON."""
    try:
        return msgspec.json.decode(response.body)
    except msgspec.DecodeError:
        return None
