"""Settings of a channel besides its URL and options: certificates, and the body of its requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from bridge.common.masking import forms_of

LITERAL = "%literal"
"""The key of a text in a body that is sent as it is: the value of a ``${…}``."""


@dataclass(frozen=True, slots=True, repr=False)
class ClientTls:
    """The PEM files of a channel's TLS connections. An empty text is none."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    """Empty if the private key is in the file of the certificate."""
    passphrase: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class ChannelExtras:
    """Parts of it are secret, so ``repr`` shows none of it."""

    tls: ClientTls | None = None
    body: Any = None
    """JSON whose texts are templates; None for the channel's own form."""

    @property
    def secrets(self) -> frozenset[str]:
        """The texts that no output may show."""
        texts = [*_literals(self.body), "" if self.tls is None else self.tls.passphrase]
        return frozenset(form for text in texts for form in forms_of(text))


NO_EXTRAS = ChannelExtras()


def extras_as_settings(extras: Mapping[str, ChannelExtras]) -> dict[str, object]:
    """As JSON values, for another process. Channels without any are left out."""
    return {name: msgspec.to_builtins(each) for name, each in extras.items() if each != NO_EXTRAS}


def extras_from(settings: Mapping[str, Any]) -> dict[str, ChannelExtras]:
    """The inverse of ``extras_as_settings``."""
    return msgspec.convert(settings, dict[str, ChannelExtras])


def _literals(body: Any) -> Iterator[str]:
    match body:
        case {"%literal": str(text)}:
            yield text
        case dict():
            for each in body.values():
                yield from _literals(each)
        case list():
            for each in body:
                yield from _literals(each)
