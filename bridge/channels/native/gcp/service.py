"""Posts to an API of Google Cloud with a token, and classifies the answers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import msgspec

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.native.address import Address, parse_address
from bridge.channels.native.cloud.place import endpoint_of, split_place
from bridge.channels.native.endpoint import Endpoint
from bridge.channels.native.gcp.tokens import Tokens
from bridge.common.masking import redacted
from bridge.delivery.extras import ChannelExtras

COMMON = ("key", "key-file", "endpoint", "cafile", "format")
"""The parameters of every channel of Google Cloud."""
_UNAUTHENTICATED = 401
_DELIVERED = 200


def parse_place(url: str, known: Collection[str]) -> tuple[str, Address]:
    """The place of a URL, and its parameters. Raises ChannelError."""
    login, place, address = split_place(url, (*known, *COMMON))
    if login:
        raise ChannelError("has a login, which Google Cloud does not know; write `key-file=/PATH` or `key=${…}`")
    return place.strip("/"), address


class Service:
    """One method of an API. Thread-safe."""

    def __init__(self, name: str, address: Address, default: str, path: str, scope: str, extras: ChannelExtras) -> None:
        """``default`` is the URL of the API. Raises ChannelError."""
        endpoint = endpoint_of(address) or default
        cafile = address.one("cafile")
        where = parse_address(f"{endpoint}?cafile={cafile}" if cafile else endpoint, ("cafile",))
        self._endpoint = Endpoint(where, f"{where.path.rstrip('/')}{path}", name=name, extras=extras)
        self.address = self._endpoint.address
        # An emulator has no tokens, and a token is never sent unencrypted.
        self._tokens = Tokens(address, scope) if endpoint.startswith("https://") else None

    def post(self, body: bytes, content_type: str, is_success: Callable[[Any], bool]) -> Outcome:
        """Post one request. ``is_success`` recognizes the answer of the service itself in a 2xx."""
        headers = {"Content-Type": content_type}
        try:
            headers |= self._tokens.header() if self._tokens is not None else {}
        except Exception as error:  # noqa: BLE001  # google-auth raises many kinds
            assert self._tokens is not None
            return self._tokens.outcome_of(error)
        response = self._endpoint.request(body, headers)
        outcome = self._endpoint.outcome(response)
        if outcome.verdict is Verdict.DELIVERED and not is_success(_json(response.body)):
            return Outcome(Verdict.RETRY, response.status, "the response is not from the service itself")
        if outcome.status == _UNAUTHENTICATED and self._tokens is not None:
            self._tokens.forget()
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        return replace(outcome, reason=redacted(outcome.reason, {token} - {""}))

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
