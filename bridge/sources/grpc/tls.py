"""Mutual TLS with a Falco over TCP. The files are read again when they change."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.common.errors import SetupError
from bridge.common.files.reloading import Reloading

if TYPE_CHECKING:
    import grpc


@dataclass(frozen=True, slots=True)
class ClientTls:
    """PEM files: the CA to trust, and the client's certificate and key. Falco requires mutual TLS over TCP."""

    ca: Path
    cert: Path
    key: Path
    server_name: str | None = None
    """The name in Falco's certificate, if it differs from the address."""


class Certificates(Reloading["grpc.ChannelCredentials"]):
    """The current credentials, for all Falcos of a source. Raises SetupError if the files cannot be used."""

    def __init__(self, source: str, tls: ClientTls) -> None:
        super().__init__(source, (tls.ca, tls.cert, tls.key), lambda: _credentials(tls))
        self.tls = tls


def _credentials(tls: ClientTls) -> grpc.ChannelCredentials:
    """GRPC credentials. Raises SetupError if a file cannot be read or the files do not belong together."""
    import grpc

    ca, key, certificate = _read(tls.ca), _read(tls.key), _read(tls.cert)
    try:
        # gRPC would fail at the handshake only, without a useful message.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(tls.cert, tls.key, password=lambda: "")
        context.load_verify_locations(tls.ca)
    except OSError as error:  # includes ssl.SSLError
        files = ", ".join(str(path) for path in (tls.ca, tls.cert, tls.key))
        raise SetupError(
            f"{files}: cannot be used ({error.strerror or error}); "
            "name PEM files whose certificate and key belong together, with no passphrase on the key"
        ) from error
    return grpc.ssl_channel_credentials(ca, key, certificate)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SetupError(
            f"{path}: cannot be read ({error.strerror}); name a PEM file that the bridge can read"
        ) from error
