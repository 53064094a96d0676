"""The declared keys of ``sources``: one section for each kind of source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo

from bridge.config.schema.keys import Section, key
from bridge.config.schema.values import (
    DnsAddress,
    FilePattern,
    GrpcAddress,
    ListenAddress,
    PathSecret,
    PemFile,
    Resolver,
    SocketPath,
    Token,
)
from bridge.language.program.fields.values import Network

_NAME = key("Name in logs, metrics and the journal.", "edge", default="kind and address")
_ZONE = key(
    "Time zone of the timestamps in [text alerts](sources.md#date-and-time-zone).", "Asia/Seoul", default="`UTC`"
)


class ClientTlsSettings(Section, frozen=True, kw_only=True):
    """Mutual TLS to a Falco."""

    noun: ClassVar[str] = "`tls`"
    ca: Annotated[PemFile, key("PEM file with the certificates that are trusted.", "ca.crt")]
    cert: Annotated[PemFile, key("PEM file with the bridge's own certificate.", "tls.crt")]
    key: Annotated[PemFile, key("PEM file with its private key, without a passphrase.", "tls.key")]
    server_name: Annotated[
        str, key("Name in Falco's certificate.", "falco", default="the address; for `discover`, its name")
    ] = ""


class ServerTlsSettings(Section, frozen=True, kw_only=True):
    """TLS of the http source."""

    noun: ClassVar[str] = "`tls`"
    cert: Annotated[PemFile, key("PEM file with the bridge's own certificate.", "tls.crt")]
    key: Annotated[PemFile, key("PEM file with its private key, without a passphrase.", "tls.key")]
    ca: Annotated[
        PemFile | None,
        key("PEM file with certificates. Clients must then present one that these have signed.", "clients.crt",
            default="no client certificates"),
    ] = None  # fmt: skip


class GrpcSettings(Section, frozen=True, kw_only=True):
    """Reads one Falco or several by gRPC."""

    noun: ClassVar[str] = "a grpc source"
    grpc: Annotated[
        tuple[GrpcAddress, ...],
        key("Address of a Falco, or a list of addresses.", "unix:///run/falco/falco.sock", single=True),
    ]
    name: Annotated[str, _NAME] = ""
    tls: Annotated[
        ClientTlsSettings | None,
        key("Mutual TLS; required over TCP.", "{ca: ca.crt, cert: tls.crt, key: tls.key}", default="no TLS"),
    ] = None


class DiscoverSettings(Section, frozen=True, kw_only=True):
    """Reads every Falco that a DNS name resolves to, by gRPC."""

    noun: ClassVar[str] = "a discover source"
    discover: Annotated[
        DnsAddress, key("DNS name of the Falcos and their port.", "dns://falco-grpc.falco.svc.cluster.local:5060")
    ]
    name: Annotated[str, _NAME] = ""
    tls: Annotated[ClientTlsSettings, key("Mutual TLS.", "{ca: ca.crt, cert: tls.crt, key: tls.key}")]
    resolver: Annotated[Resolver | None, key("DNS server to ask.", "10.96.0.10", default="the system's")] = None


class HttpSettings(Section, frozen=True, kw_only=True):
    """Accepts alerts from Falco's http_output."""

    noun: ClassVar[str] = "an http source"
    http: Annotated[ListenAddress, key("Address to listen on.", "127.0.0.1:2801")]
    name: Annotated[str, _NAME] = ""
    tls: Annotated[ServerTlsSettings | None, key("Certificate for https.", "{cert: tls.crt, key: tls.key}",
                                         default="no TLS")] = None  # fmt: skip
    path: Annotated[
        PathSecret | None,
        key("Secret first part of the URL's path, at least 8 characters.", "${file:/run/secrets/ingest-path}",
            default="none"),
    ] = None  # fmt: skip
    token: Annotated[
        Token | None,
        key("Token that `Authorization: Bearer` must contain, at least 8 characters.",
            "${file:/run/secrets/ingest-token}", default="none"),
    ] = None  # fmt: skip
    allow: Annotated[
        tuple[Network, ...], key("Addresses and networks that may connect.", "[10.0.0.0/8]", default="all")
    ] = ()
    origins: Annotated[
        tuple[str, ...],
        key("Origins of web pages that may post. Others are rejected, so that no page can post through a browser.",
            "[https://tools.example.org]", default="none"),
    ] = ()  # fmt: skip
    insecure: Annotated[
        bool, key("Accept alerts from other machines without `path`, `token`, `allow` or `tls.ca`.", "true")
    ] = False
    max_connections: Annotated[int, key("Maximum number of open connections.", "4096", least=1, most=999_999)] = 1024
    max_connections_per_peer: Annotated[
        int, key("Maximum number of open connections from one address (IPv6: one /64).", "64", least=1, most=999_999)
    ] = 256
    timezone: Annotated[ZoneInfo | None, _ZONE] = None


class StdinSettings(Section, frozen=True, kw_only=True):
    """Reads standard input."""

    noun: ClassVar[str] = "a stdin source"
    stdin: Annotated[Literal["true"], key("Read standard input.", "true")]
    name: Annotated[str, _NAME] = ""
    timezone: Annotated[ZoneInfo | None, _ZONE] = None


class FileSettings(Section, frozen=True, kw_only=True):
    """Follows files."""

    noun: ClassVar[str] = "a file source"
    file: Annotated[FilePattern, key("File to follow, or a pattern.", "/var/log/containers/falco-*_falco_falco-*.log")]
    name: Annotated[str, _NAME] = ""
    read_from: Annotated[
        Literal["start", "end"],
        key("Where to start in files that exist at the first start. Later files are read from their start.", "start"),
    ] = "end"
    timezone: Annotated[ZoneInfo | None, _ZONE] = None


class SocketSettings(Section, frozen=True, kw_only=True):
    """Accepts alerts from ``falco-bridge send``."""

    noun: ClassVar[str] = "a socket source"
    socket: Annotated[SocketPath, key("Unix socket for `falco-bridge send`.", "/run/falco-bridge/ingest.sock")]
    name: Annotated[str, _NAME] = ""
    group: Annotated[str, key("Group whose members may connect.", "falco-bridge", default="only the bridge's user")] = (
        ""
    )
    spool: Annotated[
        Path | None,
        key("Folder for alerts that are sent while no bridge runs.", "/var/spool/falco-bridge",
            default="the socket's path, ending in `.spool`"),
    ] = None  # fmt: skip
    timezone: Annotated[ZoneInfo | None, _ZONE] = None


SourceSettings = GrpcSettings | DiscoverSettings | HttpSettings | StdinSettings | FileSettings | SocketSettings
