"""The types of plain values in the config: durations, sizes, addresses, paths, secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import NewType

from bridge.alert.catalogue import FieldType
from bridge.common.clocks.durations import parse_duration
from bridge.common.secret import Secret

SocketPath = NewType("SocketPath", Path)
"""A unix socket, absolute."""
PemFile = NewType("PemFile", Path)
"""A file that must exist, absolute."""
AbsolutePath = NewType("AbsolutePath", Path)
"""A path that must be written from ``/`` on."""
RouteFile = NewType("RouteFile", Path)
"""A ``.route`` file. The config names patterns; each stands for the files that match, sorted bytewise."""
PublicUrl = NewType("PublicUrl", str)
"""An ``http://`` or ``https://`` URL with a host and perhaps a path, without a slash at its end."""
Resolver = NewType("Resolver", str)
"""A DNS server: ``IP``, ``IP:PORT`` or ``[IP]:PORT``."""


BodyTemplate = NewType("BodyTemplate", object)
"""JSON: mappings, tuples and plain values. A text with a ``${…}`` is ``{"%concat": (text, Secret)}``."""


@dataclass(frozen=True, slots=True)
class FieldListFile:
    """A file with the output of ``falco --list``, and the fields that it lists."""

    path: Path
    fields: tuple[FieldType, ...]

    def __str__(self) -> str:
        return str(self.path)


class ChannelUrl(Secret):
    """A channel's URL."""


class DatabaseUrl(Secret):
    """A connection URI of PostgreSQL."""


class Password(Secret):
    """The password of a database's role."""


class PathSecret(Secret):
    """The secret first part of a URL's path, without slashes."""


class Token(Secret):
    """What ``Authorization: Bearer`` must contain."""


class Passphrase(Secret):
    """What decrypts a private key."""


class HeaderValue(Secret):
    """The value of an HTTP header."""


@dataclass(frozen=True, slots=True)
class Percentage:
    """A share with the text that it was written as."""

    share: float
    """From 0 to 1."""
    text: str = field(compare=False)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration with the text that it was written as."""

    ns: int
    text: str = field(compare=False)

    @classmethod
    def of(cls, text: str) -> Duration:
        """Raises ValueError for what is not a duration."""
        ns = parse_duration(text)
        if ns is None:
            raise ValueError(text)
        return cls(ns, text)

    @property
    def seconds(self) -> float:
        """The same in seconds."""
        return self.ns / 1e9

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Size:
    """A number of bytes with the text that it was written as."""

    bytes: int
    text: str = field(compare=False)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen. ``0.0.0.0`` is every address of the machine."""

    host: str
    port: int
    text: str = field(compare=False)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class FilePattern:
    """Files to follow; ``*``, ``?`` and ``[…]`` stand for names."""

    pattern: str
    """Absolute."""
    text: str = field(compare=False)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class GrpcAddress:
    """A Falco's gRPC address."""

    target: str
    """As gRPC takes it: ``unix:/run/falco/falco.sock`` or ``host:port``."""
    text: str = field(compare=False)

    @property
    def is_unix(self) -> bool:
        """Whether it is a unix socket."""
        return self.target.startswith("unix:")

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class DnsAddress:
    """``dns://NAME:PORT``."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"dns://{self.host}:{self.port}"
