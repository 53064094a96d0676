"""Makes each source of the config."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bridge.common.errors import SetupError
from bridge.common.files.reloading import Reloading
from bridge.common.net.listening import ListeningSockets
from bridge.common.secret import revealed
from bridge.config.schema.sources import (
    ClientTlsSettings,
    DiscoverSettings,
    FileSettings,
    GrpcSettings,
    HttpSettings,
    ServerTlsSettings,
    SocketSettings,
    SourceSettings,
    StdinSettings,
)
from bridge.journal.members import file_lease
from bridge.sources.contract import Source
from bridge.sources.grpc.tls import Certificates, ClientTls
from bridge.sources.leased import LeasedSource, SourceLeases

if TYPE_CHECKING:
    from bridge.sources.grpc.source import GrpcSource


@dataclass(frozen=True, slots=True)
class OpenJournal:
    """What making a source needs of the running bridge."""

    checkpoint: Callable[[str], Mapping[str, str]]
    """The committed checkpoint of a source."""
    leases: SourceLeases | None = None
    """Of a fleet: files, and Falcos that are reached over the network, are read by one of its bridges each."""


Prepared = Callable[[OpenJournal], Source]
"""Gives the source, once the journal is open."""


def prepare_source(settings: SourceSettings, listening: ListeningSockets) -> Prepared:
    """Set the source up as far as possible without the journal. Raises SetupError where that fails."""
    if isinstance(settings, FileSettings):
        return partial(_file, settings)
    source = _make_source(settings, listening)
    return partial(_in_fleet, settings, source)


def _in_fleet(settings: SourceSettings, source: Source, journal: OpenJournal) -> Source:
    """The source; that of a Falco over the network is read by one bridge of a fleet."""
    if journal.leases is None or not isinstance(settings, GrpcSettings | DiscoverSettings):
        return source
    from bridge.sources.grpc.peers import GrpcPeers, leased_falco

    if isinstance(source, GrpcPeers):
        source.leases = journal.leases
        return source
    assert isinstance(settings, GrpcSettings)
    return leased_falco(settings.name, settings.grpc[0].target, partial(_one_falco, settings), journal.leases)


def hand_over(source: Source) -> None:
    """Stop a source whose listener another process takes over. Senders notice nothing."""
    from bridge.sources.http.source import HttpSource

    if isinstance(source, HttpSource):
        source.hand_over()
    else:
        source.stop()


def _make_source(
    settings: GrpcSettings | DiscoverSettings | HttpSettings | StdinSettings | SocketSettings,
    listening: ListeningSockets,
) -> Source:
    match settings:
        case GrpcSettings():
            return _grpc(settings)
        case DiscoverSettings():
            return _discover(settings)
        case HttpSettings():
            return _http(settings, listening)
        case StdinSettings():
            from bridge.sources.stdin_source import StdinSource

            return StdinSource(settings.name, zone=settings.timezone)
        case SocketSettings():
            from bridge.sources.ingest.source import SocketSource

            assert settings.spool is not None
            listener = listening.unix(settings.socket, settings.group)
            return SocketSource(
                settings.name, settings.socket, settings.spool, settings.group, settings.timezone, listener=listener
            )


def rotate_source_secrets(source: Source, settings: SourceSettings) -> None:
    """Give an http source the secrets of its settings. Others have none."""
    if isinstance(settings, HttpSettings):
        from bridge.sources.http.source import HttpSource

        assert isinstance(source, HttpSource)
        source.guard.rotate(revealed(settings.path), revealed(settings.token))


def _file(settings: FileSettings, journal: OpenJournal) -> Source:
    from bridge.sources.files.source import FileSource

    def make() -> Source:
        checkpoint = journal.checkpoint(settings.name)
        return FileSource(settings.name, settings.file.pattern, checkpoint, settings.read_from, settings.timezone)

    if journal.leases is None:
        return make()
    return LeasedSource(settings.name, file_lease(settings.name), make, journal.leases, has_checkpoint=True)


def _grpc(settings: GrpcSettings) -> Source:
    from bridge.sources.grpc.peers import GrpcPeers

    addresses = frozenset(each.target for each in settings.grpc)
    if len(addresses) == 1:
        return _one_falco(settings)
    certificates = None if settings.tls is None else _client_certificates(settings.name, settings.tls)
    return GrpcPeers(settings.name, "", lambda: addresses, certificates)


def _one_falco(settings: GrpcSettings) -> GrpcSource:
    from bridge.sources.grpc.source import GrpcSource

    certificates = None if settings.tls is None else _client_certificates(settings.name, settings.tls)
    return GrpcSource(settings.name, settings.grpc[0].target, certificates)


def _discover(settings: DiscoverSettings) -> Source:
    from bridge.sources.grpc.discovery import DnsName
    from bridge.sources.grpc.peers import GrpcPeers

    name = DnsName(settings.discover.host, settings.discover.port, settings.resolver)
    return GrpcPeers(settings.name, str(name), name, _client_certificates(settings.name, settings.tls))


def _http(settings: HttpSettings, listening: ListeningSockets) -> Source:
    from bridge.http.guard import ConnectionLimits, Guard
    from bridge.sources.http.limits import HttpLimits
    from bridge.sources.http.source import HttpSource

    guard = Guard(revealed(settings.path), revealed(settings.token), settings.allow, settings.origins)
    tls = None if settings.tls is None else _server_certificates(settings.name, settings.tls)
    limits = HttpLimits(ConnectionLimits(settings.max_connections, settings.max_connections_per_peer))
    address = settings.http
    sockets = listening.tcp(address.host, address.port)
    return HttpSource(
        settings.name, address.host, address.port, guard, tls, limits, settings.timezone, sockets,
        stays_bound=listening.is_managed(sockets),
    )  # fmt: skip


def _client_certificates(source: str, tls: ClientTlsSettings) -> Certificates:
    return Certificates(source, ClientTls(tls.ca, tls.cert, tls.key, tls.server_name or None))


def _server_certificates(source: str, tls: ServerTlsSettings) -> Reloading[ssl.SSLContext]:
    files = [file for file in (tls.cert, tls.key, tls.ca) if file is not None]
    return Reloading(source, files, lambda: _server_context(tls))


def _server_context(tls: ServerTlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(tls.cert, tls.key)
        if tls.ca is not None:
            context.load_verify_locations(tls.ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:  # ssl.SSLError is one
        files = ", ".join(str(file) for file in (tls.cert, tls.key, tls.ca) if file is not None)
        why = error.strerror or str(error)
        raise SetupError(f"{files} cannot be used ({why}); name PEM files that belong together") from error
    return context
