"""Mutual TLS towards a Falco over TCP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.sources.errors import SourceError

if TYPE_CHECKING:
    import grpc


@dataclass(frozen=True, slots=True)
class ClientTls:
    """PEM files: whom we trust, and who we are. Falco demands both over TCP."""

    ca: Path
    certificate: Path
    key: Path
    server_name: str | None = None
    """The name in Falco's certificate, where it differs from the address."""


def credentials(tls: ClientTls) -> grpc.ChannelCredentials:
    """The credentials as gRPC wants them. Raises SourceError where a file cannot be read."""
    import grpc

    return grpc.ssl_channel_credentials(_read(tls.ca), _read(tls.key), _read(tls.certificate))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{path}: cannot be read ({error.strerror}); name a PEM file that the bridge may read"
        ) from error
