"""From a source's settings to the source."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bridge.common.errors import SetupError
from bridge.common.reloading import Renewed
from bridge.config.sources import (
    DiscoverSettings,
    FileSettings,
    GrpcSettings,
    HttpSettings,
    ServerTls,
    SocketSettings,
    SourceSettings,
    StdinSettings,
)
from bridge.journal.protocols import AlertLog
from bridge.sources.contract import Source

if TYPE_CHECKING:
    from bridge.sources.files.followed import ReadFrom


def make_source(settings: SourceSettings, alerts: AlertLog) -> Source:
    """The source, ready to run. Raises SetupError where it cannot be."""
    match settings:
        case GrpcSettings():
            return _grpc(settings)
        case DiscoverSettings():
            from bridge.sources.grpc.fleet import GrpcFleet
            from bridge.sources.grpc.tls import Certificates

            return GrpcFleet(settings.name, str(settings.dns), settings.dns, Certificates(settings.name, settings.tls))
        case HttpSettings():
            from bridge.http.guard import ConnectionLimits, Guard
            from bridge.sources.http.limits import HttpLimits
            from bridge.sources.http.source import HttpSource

            guard = Guard(settings.path.reveal(), settings.token.reveal(), settings.allow)
            tls = None if settings.tls is None else _server_certificates(settings.name, settings.tls)
            limits = HttpLimits(ConnectionLimits(settings.connections, settings.per_peer))
            return HttpSource(settings.name, settings.host, settings.port, guard, tls, limits, settings.zone)
        case StdinSettings():
            from bridge.sources.stdin_source import StdinSource

            return StdinSource(settings.name, zone=settings.zone)
        case FileSettings():
            from bridge.sources.files.source import FileSource

            read_from: ReadFrom = "start" if settings.begin == "start" else "end"
            checkpoint = alerts.checkpoint(settings.name)
            return FileSource(settings.name, settings.pattern, checkpoint, read_from, settings.zone)
        case SocketSettings():
            from bridge.sources.ingest.source import SocketSource

            return SocketSource(settings.name, settings.path, settings.spool, settings.group, settings.zone)


def renew_guards(sources: Iterable[Source], settings: Iterable[SourceSettings]) -> None:
    """Let every http source ask for the secrets that stand in its settings now."""
    from bridge.sources.http.source import HttpSource

    for source, each in zip(sources, settings, strict=True):
        if isinstance(source, HttpSource) and isinstance(each, HttpSettings):
            source.guard.rotate(each.path.reveal(), each.token.reveal())


def _grpc(settings: GrpcSettings) -> Source:
    from bridge.sources.grpc.fleet import GrpcFleet
    from bridge.sources.grpc.source import GrpcSource
    from bridge.sources.grpc.tls import Certificates

    certificates = None if settings.tls is None else Certificates(settings.name, settings.tls)
    if len(settings.addresses) == 1:
        return GrpcSource(settings.name, settings.addresses[0], certificates)
    addresses = frozenset(settings.addresses)
    return GrpcFleet(settings.name, "", lambda: addresses, certificates)


def _server_certificates(source: str, tls: ServerTls) -> Renewed[ssl.SSLContext]:
    files = [file for file in (tls.certificate, tls.key, tls.ca) if file is not None]
    return Renewed(source, files, lambda: _server_context(tls))


def _server_context(tls: ServerTls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(tls.certificate, tls.key)
        if tls.ca is not None:
            context.load_verify_locations(tls.ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:  # ssl.SSLError is one
        files = ", ".join(str(file) for file in (tls.certificate, tls.key, tls.ca) if file is not None)
        why = error.strerror or str(error)
        raise SetupError(f"{files}: cannot be used ({why}); name PEM files that belong together") from error
    return context
