"""Mutual TLS towards a Falco over TCP: read from its files, and anew when these change."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.common.errors import SetupError
from bridge.common.reloading import Renewed

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


class Certificates(Renewed["grpc.ChannelCredentials"]):
    """What the files hold, for all the Falcos of a source. Raises SetupError where they cannot be used."""

    def __init__(self, source: str, tls: ClientTls) -> None:
        super().__init__(source, (tls.ca, tls.certificate, tls.key), lambda: _credentials(tls))
        self.tls = tls


def _credentials(tls: ClientTls) -> grpc.ChannelCredentials:
    """The credentials as gRPC wants them. Raises SetupError where a file cannot be read, or they do not fit."""
    import grpc

    ca, key, certificate = _read(tls.ca), _read(tls.key), _read(tls.certificate)
    try:
        # gRPC would find out at the handshake only, and not say what is wrong.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(tls.certificate, tls.key, password=lambda: "")
        context.load_verify_locations(tls.ca)
    except OSError as error:  # ssl.SSLError is one
        files = ", ".join(str(path) for path in (tls.ca, tls.certificate, tls.key))
        raise SetupError(
            f"{files}: cannot be used ({error.strerror or error}); "
            "name PEM files of which certificate and key belong together, the key without a passphrase"
        ) from error
    return grpc.ssl_channel_credentials(ca, key, certificate)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SetupError(
            f"{path}: cannot be read ({error.strerror}); name a PEM file that the bridge may read"
        ) from error
