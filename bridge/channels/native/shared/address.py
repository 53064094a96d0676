"""Parses the URL of a native channel: ``SCHEME://USER:PASSWORD@HOST:PORT/PATH?PARAMETERS``, in Apprise's syntax."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from bridge.channels.errors import ChannelError
from bridge.common.clocks.durations import parse_duration
from bridge.common.masking import secrets_in
from bridge.common.suggest import did_you_mean

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FRAMING_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "content-type", "content-encoding"}
)
"""Headers that describe the framing of a request; a config cannot set them."""
_LABEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """The parts of a URL. Any of them may be secret, so ``repr`` shows only the scheme."""

    scheme: str
    user: str
    password: str
    host: str
    """With the port, as in a URL."""
    path: str
    query: str
    """The query string to send: the parameters written as ``-name=value``."""
    parameters: Mapping[str, tuple[str, ...]]
    headers: Mapping[str, str]
    """Written as ``+Name=value``."""
    labels: Mapping[str, str]
    """Written as ``:name=value``."""
    secrets: frozenset[str]
    """Every part that may be a token, for redaction."""

    def __repr__(self) -> str:
        return f"Address({self.scheme}://***)"

    def http_url(self, path: str) -> str:
        """The URL to post to: HTTPS if the scheme ends in ``s``."""
        protocol = "https" if self.scheme.endswith("s") else "http"
        return f"{protocol}://{self.host}{path or '/'}" + (f"?{self.query}" if self.query else "")

    def http_headers(self) -> dict[str, str]:
        """The configured headers, and Basic authentication if the URL has a user or a password."""
        if not self.user and not self.password:
            return dict(self.headers)
        credentials = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {credentials}", **self.headers}

    def one(self, name: str, default: str = "") -> str:
        """The value of a parameter that may occur once. Raises ChannelError if it occurs twice."""
        values = self.parameters.get(name, ())
        if len(values) > 1:
            raise ChannelError(f"has `{name}` twice; remove one")
        return values[0] if values else default

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """The value of a parameter with fixed choices; the default is the first. Raises ChannelError."""
        value = self.one(name, choices[0])
        if value not in choices:
            raise ChannelError(f"has an invalid `{name}`; write one of {', '.join(choices)}")
        return value

    def number(self, name: str, default: int, allowed: range) -> int:
        """The value of a parameter that is a whole number. Raises ChannelError."""
        text = self.one(name, str(default))
        if not text.isdecimal() or len(text) > len(str(allowed[-1])) or int(text) not in allowed:
            raise ChannelError(f"has an invalid `{name}`; write a number from {allowed[0]} to {allowed[-1]}")
        return int(text)

    def host_and_port(self, default: int) -> tuple[str, int]:
        """The host without brackets, and the port. Raises ChannelError if there is no host."""
        host, separator, port = self.host.rpartition(":")
        if not separator or self.host.endswith("]"):
            host, port = self.host, ""
        if not host:
            raise ChannelError("has no host")
        return host.strip("[]"), int(port) if port else default

    def seconds(self, name: str, default: str, maximum: float) -> float:
        """The value of a duration such as ``90s`` or ``1h30m``, in seconds. Raises ChannelError."""
        text = self.one(name, default)
        nanoseconds = parse_duration(text)
        if nanoseconds is None or nanoseconds > maximum * 1e9:
            raise ChannelError(
                f"has an invalid `{name}`; write a duration up to {maximum:.0f} s, such as 30s, 15m or 1h"
            )
        return nanoseconds / 1e9


def parse_address(url: str, known: Collection[str]) -> Address:
    """Parse a URL. Raises ChannelError if it is malformed or has a parameter that is not in ``known``."""
    try:
        split = urlsplit(url)
        host, port = split.hostname or "", split.port
    except ValueError:
        raise ChannelError("has an invalid host or port") from None
    if host in {"http", "https"} and split.path.startswith("//"):
        raise ChannelError(f"has {host}:// after {split.scheme}://; remove it, so that the host comes first")
    parameters: dict[str, tuple[str, ...]] = {}
    headers: dict[str, str] = {}
    labels: dict[str, str] = {}
    query: list[str] = []
    for name, value, raw in _pairs(split.query):
        match name[:1]:
            case "+":
                headers[_header(name[1:], value)] = value
            case "-":
                query.append(raw[1:].replace("+", "%2B"))
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
        "&".join(query),
        parameters,
        headers,
        labels,
        secrets_in(url),
    )


def _pairs(query: str) -> Iterator[tuple[str, str, str]]:
    """Name, value and the raw pair. A plus sign is not decoded to a space: it marks a header and occurs in base64."""
    for raw in filter(None, query.split("&")):
        name, _, value = raw.partition("=")
        yield unquote(name), unquote(value), raw


def _header(name: str, value: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise ChannelError("has a header with an invalid name; write +Name=value")
    if name.lower() in _FRAMING_HEADERS:
        raise ChannelError(f"sets the header {name}, which the bridge sets itself; remove it")
    if not value.isprintable() or not value.isascii():
        raise ChannelError(f"has a header {name} with characters other than printable ASCII")
    return name


def _label(name: str) -> str:
    if not _LABEL_NAME.fullmatch(name):
        raise ChannelError("has a label with an invalid name; write :name=value with letters, digits and `_`")
    return name


def _parameter(name: str, known: Collection[str]) -> str:
    if name in known:
        return name
    hint = did_you_mean(name, known)
    names = ", ".join(known) or "none"
    raise ChannelError(f"has an unknown parameter; {hint or f'known parameters: {names}'}")
