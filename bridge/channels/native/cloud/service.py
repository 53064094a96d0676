"""Posts to an API of a cloud with a token, and classifies the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol
from urllib.parse import quote

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.native.cloud.place import endpoint_of
from bridge.channels.native.shared.address import Address, parse_address
from bridge.channels.native.shared.endpoint import Endpoint
from bridge.channels.response import Response
from bridge.common.masking import redacted
from bridge.delivery.extras import ChannelExtras

_UNAUTHENTICATED = 401
_SCHEME_WORDS = ("Bearer ", "SharedAccessSignature ")


class TokenSource(Protocol):
    """Makes tokens, and renews them before they expire. Thread-safe."""

    def header(self) -> Mapping[str, str]:
        """The header of a request. May raise."""

    def forget(self) -> None:
        """The token was refused: make another one."""

    def outcome_of(self, error: Exception) -> Outcome:
        """What an exception of ``header`` means."""


class Service:
    """One method of an API. Thread-safe."""

    def __init__(
        self, name: str, address: Address, default: str, path: str, tokens: TokenSource | None, extras: ChannelExtras
    ) -> None:
        """``default`` is the URL of the API where the address has no ``endpoint``. Raises ChannelError.

        A token is never sent unencrypted: an ``http://`` address is that of an emulator, which has no tokens.
        """
        endpoint, cafile = endpoint_of(address) or default, address.one("cafile")
        where = parse_address(f"{endpoint}?cafile={quote(cafile)}" if cafile else endpoint, ("cafile",))
        self._endpoint = Endpoint(where, f"{where.path.rstrip('/')}{path}", name=name, extras=extras)
        self.address = self._endpoint.address
        self._tokens = tokens if endpoint.startswith("https://") else None

    def post(self, body: bytes, content_type: str, is_success: Callable[[Response], bool]) -> Outcome:
        """Post one request. ``is_success`` recognizes the answer of the service itself in a 2xx."""
        headers = {"Content-Type": content_type}
        try:
            headers |= self._tokens.header() if self._tokens is not None else {}
        except Exception as error:  # noqa: BLE001  # the libraries raise many kinds
            assert self._tokens is not None
            return self._tokens.outcome_of(error)
        response = self._endpoint.request(body, headers)
        outcome = self._endpoint.outcome(response)
        if outcome.verdict is Verdict.DELIVERED and not is_success(response):
            return Outcome(Verdict.RETRY, response.status, "the response is not from the service itself")
        if outcome.status == _UNAUTHENTICATED and self._tokens is not None:
            self._tokens.forget()
        return replace(outcome, reason=redacted(outcome.reason, _secrets(headers.get("Authorization", ""))))

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()


def _secrets(authorization: str) -> frozenset[str]:
    token = authorization
    for word in _SCHEME_WORDS:
        token = token.removeprefix(word)
    return frozenset({token} - {""})
