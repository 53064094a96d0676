"""A native channel's URL taken apart: ``SCHEME://USER:PASSWORD@HOST:PORT/PATH?PARAMETERS``, as Apprise writes them."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from bridge.channels.errors import ChannelError
from bridge.common.durations import parse_duration
from bridge.common.masking import secrets_in
from bridge.common.suggest import did_you_mean

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "content-type", "content-encoding"})
"""Headers that say how the message is framed: they are not for a config to set."""
_LABEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """What a URL says; every part of it may be secret, and so nothing of it shows but its scheme."""

    scheme: str
    user: str
    password: str
    host: str
    """With its port, as a URL writes them."""
    path: str
    query: str
    """What the far side is to be asked with: the parameters that were written ``-name=value``."""
    parameters: Mapping[str, tuple[str, ...]]
    headers: Mapping[str, str]
    """Written ``+Name=value``."""
    labels: Mapping[str, str]
    """Written ``:name=value``."""
    secrets: frozenset[str]
    """Every part that may be a token, to be kept out of what is said."""

    def __repr__(self) -> str:
        return f"Address({self.scheme}://***)"

    def http_url(self, path: str) -> str:
        """The address to post to. A scheme that ends in ``s`` is TLS."""
        protocol = "https" if self.scheme.endswith("s") else "http"
        return f"{protocol}://{self.host}{path or '/'}" + (f"?{self.query}" if self.query else "")

    def http_headers(self) -> dict[str, str]:
        """The configured headers, and Basic authentication where the URL names a user."""
        if not self.user and not self.password:
            return dict(self.headers)
        credentials = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {credentials}", **self.headers}

    def one(self, name: str, default: str = "") -> str:
        """A parameter that may be given once. Raises ChannelError where it is given twice."""
        values = self.parameters.get(name, ())
        if len(values) > 1:
            raise ChannelError(f"gives `{name}` twice; keep one")
        return values[0] if values else default

    def choice(self, name: str, known: tuple[str, ...]) -> str:
        """A parameter that is one of these words, the first if it is not given. Raises ChannelError."""
        value = self.one(name, known[0])
        if value not in known:
            raise ChannelError(f"has a `{name}` that is none of {', '.join(known)}")
        return value

    def seconds(self, name: str, default: str, most: float) -> float:
        """A parameter that is a duration, ``90s`` or ``1h30m``. Raises ChannelError."""
        text = self.one(name, default)
        nanoseconds = parse_duration(text)
        if nanoseconds is None or nanoseconds > most * 1e9:
            raise ChannelError(f"has a `{name}` that is no duration up to {most:.0f} s; write 30s, 15m or 1h")
        return nanoseconds / 1e9


def parse_address(url: str, known: Collection[str]) -> Address:
    """The URL's parts. Raises ChannelError for a malformed one, or a parameter that is not ``known``."""
    try:
        split = urlsplit(url)
        host, port = split.hostname or "", split.port
    except ValueError:
        raise ChannelError("is malformed: its host or port cannot be read") from None
    parameters: dict[str, tuple[str, ...]] = {}
    headers: dict[str, str] = {}
    labels: dict[str, str] = {}
    asked: list[str] = []
    for name, value, written in _pairs(split.query):
        match name[:1]:
            case "+":
                headers[_header(name[1:], value)] = value
            case "-":
                asked.append(written[1:])
            case ":":
                labels[_label(name[1:])] = value
            case _:
                parameters[_parameter(name, known)] = (*parameters.get(name, ()), value)
    shown_host = f"[{host}]" if ":" in host else host
    return Address(
        split.scheme,
        unquote(split.username or ""),
        unquote(split.password or ""),
        shown_host if port is None else f"{shown_host}:{port}",
        split.path,
        "&".join(asked),
        parameters,
        headers,
        labels,
        secrets_in(url),
    )


def _pairs(query: str) -> Iterator[tuple[str, str, str]]:
    """Name, value and both as written. A plus sign is a plus sign: it begins a header, and stands in base64."""
    for written in filter(None, query.split("&")):
        name, _, value = written.partition("=")
        yield unquote(name), unquote(value), written


def _header(name: str, value: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise ChannelError("has a header without a usable name; write +Name=value")
    if name.lower() in _OURS:
        raise ChannelError(f"sets the header {name}, which the bridge writes itself")
    if not value.isprintable() or not value.isascii():
        raise ChannelError(f"has a header {name} whose value holds more than printable ASCII")
    return name


def _label(name: str) -> str:
    if not _LABEL_NAME.fullmatch(name):
        raise ChannelError("has a label without a usable name; write :name=value with letters, digits and `_`")
    return name


def _parameter(name: str, known: Collection[str]) -> str:
    if name in known:
        return name
    hint = did_you_mean(name, known)
    told = ", ".join(known) or "none"
    raise ChannelError(f"has a parameter that this kind of channel does not have; {hint or f'it knows {told}'}")
