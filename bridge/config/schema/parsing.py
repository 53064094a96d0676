"""From the text of a plain value in the config to the value, for each type that the schema uses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bridge.common.clocks.durations import parse_duration
from bridge.common.clocks.timezone import find_zone, zone_hint
from bridge.config.schema.file_values import (
    check_socket_length,
    read_absolute_path,
    read_field_list_file,
    read_path,
    read_pattern,
    read_pem_file,
    read_route_files,
    read_socket,
)
from bridge.config.schema.invalid_value import InvalidValueError
from bridge.config.schema.values import (
    AbsolutePath,
    BodyTemplate,
    ChannelUrl,
    DatabaseUrl,
    DnsAddress,
    Duration,
    FieldListFile,
    FilePattern,
    GrpcAddress,
    HeaderValue,
    ListenAddress,
    Passphrase,
    Password,
    PathSecret,
    PemFile,
    Percentage,
    PublicUrl,
    Resolver,
    RouteFile,
    Size,
    SocketPath,
    Token,
)
from bridge.config.schema.written_otherwise import (
    address_hint,
    duration_hint,
    grpc_hint,
    percentage_hint,
    rate_hint,
    size_hint,
    slashes_hint,
)
from bridge.delivery.options import Rate
from bridge.journal.location import SCHEMES
from bridge.language.diagnostics.diagnostic import Code
from bridge.language.program.fields.values import Network, parse_address, parse_network
from bridge.language.program.link import url_problem

_DURATION = r"([0-9]+(ms|s|m|h|d|w))+"
_SIZE = re.compile(r"(\d{1,6})\s?(MB|GB|TB)")
_BYTES = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
_SMALLEST = 10 * _BYTES["MB"]
_RATE = re.compile(r"(?P<count>\d+(\.\d+)?)\s*(?:/\s*(?P<unit>s|sec|second|m|min|minute|h|hour)|per\s+(?P<span>\w+))")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_LISTEN = re.compile(r"(\[[^\]]+\]|[^\s/:]*):(\d{1,5})")
_DNS_NAME = re.compile(r"dns://([A-Za-z0-9_.-]+):(\d{1,5})")
_PERCENTAGE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s?%")
_SHORTEST_SECRET = 8
_LARGEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class ValueType:
    """How one type of value is written."""

    expected: str
    """What to write, for errors: ``a duration up to a year, such as 30s``."""
    parse: Callable[[str, Path], Any]
    """The value of a text; relative paths start at the folder. Raises InvalidValueError."""
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    """Its JSON Schema."""
    flat: bool = False
    """One text gives a tuple of values."""


def _duration(text: str, _folder: Path) -> Duration:
    ns = parse_duration(text)
    if ns is None:
        raise InvalidValueError(duration_hint(text))
    return Duration(ns, text)


def _size(text: str, _folder: Path) -> Size:
    match = _SIZE.fullmatch(text)
    size = 0 if match is None else int(match[1]) * _BYTES[match[2]]
    if size < _SMALLEST:
        raise InvalidValueError("" if match else size_hint(text))
    return Size(size, text)


def _rate(text: str, _folder: Path) -> Rate:
    match = _RATE.fullmatch(text)
    if match is None or float(match["count"]) <= 0:
        raise InvalidValueError(rate_hint(text))
    if match["unit"] is not None:
        return Rate(float(match["count"]), _UNITS[match["unit"][0]])
    ns = parse_duration(match["span"])
    if ns is None:
        raise InvalidValueError(rate_hint(text))
    return Rate(float(match["count"]), ns / 1e9)


def _listen(text: str, _folder: Path) -> ListenAddress:
    match = _LISTEN.fullmatch(text)
    if match is None or int(match[2]) > _LARGEST_PORT:
        raise InvalidValueError(address_hint(text, "127.0.0.1:2801"))
    return ListenAddress(match[1].strip("[]") or "0.0.0.0", int(match[2]), text)  # noqa: S104  # as the user wrote it


def _network(text: str, _folder: Path) -> Network:
    address = parse_address(text)
    network = parse_network(text if address is None else f"{text}/{address.max_prefixlen}")
    if network is None:
        raise InvalidValueError
    return network


def _grpc(text: str, folder: Path) -> GrpcAddress:
    if hint := slashes_hint(text):
        raise InvalidValueError(hint)
    if text.startswith("unix:"):
        path = folder / text.removeprefix("unix:").removeprefix("//")
        check_socket_length(path, "move Falco's socket to a shorter path, such as /run/falco/falco.sock")
        return GrpcAddress(f"unix:{path}", text)
    if not re.fullmatch(r"[^\s/]+:\d{1,5}", text) or int(text.rpartition(":")[2]) > _LARGEST_PORT:
        raise InvalidValueError(grpc_hint(text))
    return GrpcAddress(text, text)


def _dns(text: str, _folder: Path) -> DnsAddress:
    match = _DNS_NAME.fullmatch(text)
    if match is None or not 0 < int(match[2]) <= _LARGEST_PORT:
        raise InvalidValueError(f"write `dns://{text}`" if _DNS_NAME.fullmatch(f"dns://{text}") else "")
    return DnsAddress(match[1], int(match[2]))


def _resolver(text: str, _folder: Path) -> Resolver:
    from bridge.sources.grpc.discovery import server_address

    if server_address(text) is None:
        raise InvalidValueError
    return Resolver(text)


def _zone(text: str, _folder: Path) -> ZoneInfo:
    zone = find_zone(text)
    if zone is None:
        raise InvalidValueError(zone_hint(text), f"unknown time zone `{text}`")
    return zone


def _url(text: str, folder: Path) -> ChannelUrl:
    """A relative path of ``file://`` starts at the config's folder."""
    path = text.removeprefix("file://")
    if path == text or not path or path.endswith("/"):
        return ChannelUrl(text)
    return ChannelUrl(f"file://{folder / path}")


def _database(text: str, _folder: Path) -> DatabaseUrl:
    if not text.startswith(SCHEMES) or any(character.isspace() for character in text):
        raise InvalidValueError
    return DatabaseUrl(text)


def _password(text: str, _folder: Path) -> Password:
    if not text:
        raise InvalidValueError
    return Password(text)


def _public_url(text: str, _folder: Path) -> PublicUrl:
    if url_problem(text) or any(character in text for character in "?#@%"):
        raise InvalidValueError(message=f"`{text}` is not a URL that links can begin with")
    return PublicUrl(text.rstrip("/"))


def _header(text: str, _folder: Path) -> HeaderValue:
    if not text or not text.isascii() or not text.isprintable():
        raise InvalidValueError("write printable ASCII characters")
    return HeaderValue(text)


def _percentage(text: str, _folder: Path) -> Percentage:
    match = _PERCENTAGE.fullmatch(text)
    if match is None or not 0 < float(match[1]) <= 100:
        raise InvalidValueError(percentage_hint(text))
    return Percentage(float(match[1]) / 100, text)


def _token(text: str, _folder: Path) -> Token:
    _check_strength(text)
    return Token(text)


def _path_secret(text: str, _folder: Path) -> PathSecret:
    text = text.strip("/")
    _check_strength(text)
    if "/" in text:
        raise InvalidValueError("write 16 random letters and digits", "`path` must be one part of a path, without `/`")
    return PathSecret(text)


def _check_strength(text: str) -> None:
    if len(text) < _SHORTEST_SECRET:
        message = f"the secret is too easy to guess: it has fewer than {_SHORTEST_SECRET} characters"
        raise InvalidValueError("write 16 random letters and digits", message, Code.WEAK_SECRET)


def _body(_text: str, _folder: Path) -> object:
    raise InvalidValueError


def _string(pattern: str) -> dict[str, str]:
    return {"type": "string", "pattern": pattern}


VALUES: Mapping[Any, ValueType] = {
    str: ValueType("a text", lambda text, _folder: text),
    Duration: ValueType("a duration up to a year, such as 500ms, 30s, 15m, 24h or 7d", _duration,
                        _string(rf"^{_DURATION}$|\$\{{")),
    Size: ValueType("a size of at least 10MB, such as 500MB or 10GB", _size, _string(r"^\d{1,6} ?(MB|GB|TB)$|\$\{")),
    Rate: ValueType("a rate, such as 1/s, 120/min or 5 per 2s", _rate),
    ListenAddress: ValueType("HOST:PORT, such as 127.0.0.1:2801", _listen, _string(r":\d{1,5}$|\$\{")),
    Network: ValueType("an address or a network, such as 10.0.0.0/8", _network),
    GrpcAddress: ValueType("unix:///PATH or HOST:PORT", _grpc),
    DnsAddress: ValueType("dns://NAME:PORT", _dns, _string(r"^dns://|\$\{")),
    PublicUrl: ValueType("https://HOST or https://HOST/PATH", _public_url, _string(r"^https?://|\$\{")),
    Resolver: ValueType("the DNS server's IP or IP:PORT", _resolver),
    ZoneInfo: ValueType("a name of the IANA database, such as Europe/Berlin", _zone),
    Path: ValueType("a path", read_path),
    SocketPath: ValueType("the path of a unix socket", read_socket),
    PemFile: ValueType("a PEM file", read_pem_file),
    AbsolutePath: ValueType("an absolute path", read_absolute_path, _string(r"^/|\$\{")),
    RouteFile: ValueType("a pattern that names .route files, such as routes/*.route", read_route_files, flat=True),
    FieldListFile: ValueType("a file with the output of `falco --list`", read_field_list_file),
    FilePattern: ValueType("a file or a pattern, such as /var/log/containers/falco-*_falco_falco-*.log", read_pattern),
    ChannelUrl: ValueType("a URL, such as slack://TOKEN_A/TOKEN_B/TOKEN_C", _url),
    BodyTemplate: ValueType("a mapping or a list", _body, {"type": ["object", "array"]}),
    Passphrase: ValueType("a passphrase", lambda text, _folder: Passphrase(text)),
    DatabaseUrl: ValueType("postgresql://ROLE@HOST/DATABASE", _database, _string(r"^postgres(ql)?://|\$\{")),
    Password: ValueType("a password", _password),
    Token: ValueType("at least 8 characters", _token),
    PathSecret: ValueType("at least 8 characters", _path_secret),
    HeaderValue: ValueType("the value of a header", _header),
    Percentage: ValueType("a percentage above 0% and up to 100%", _percentage, _string(r"%$|\$\{")),
}  # fmt: skip
"""By type. Whole numbers, booleans and choices are read by the binder itself."""
