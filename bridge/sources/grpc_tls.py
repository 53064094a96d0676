"""Mutual TLS towards a Falco over TCP: read from its files, and anew when these change."""

from __future__ import annotations

import os
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bridge.sources.errors import SourceError

if TYPE_CHECKING:
    import grpc

LOOK_SECONDS = 2.0
"""How often it is looked whether the files have changed."""

_Stamp = tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class ClientTls:
    """PEM files: whom we trust, and who we are. Falco demands both over TCP."""

    ca: Path
    certificate: Path
    key: Path
    server_name: str | None = None
    """The name in Falco's certificate, where it differs from the address."""


class Certificates:
    """What the files hold, for all the Falcos of a source. Callable from any thread.

    Files that cannot be used, or do not belong together, leave what was read before in use. A rotation writes one file
    after the other: that is told only once they have stayed so for a look. Raises SourceError where they cannot be
    used at the beginning.
    """

    def __init__(self, source: str, tls: ClientTls) -> None:
        self.tls = tls
        self._source = source
        self._lock = threading.Lock()
        self._seen = _stamp(tls)
        self._in_use = self._seen
        self._looked = time.monotonic()
        self._broken = ""
        self._credentials = _credentials(tls)
        self._log = structlog.get_logger("grpc")

    def current(self) -> grpc.ChannelCredentials:
        """The newest that can be used; the same object for as long as the files do not change."""
        with self._lock:
            if time.monotonic() - self._looked >= LOOK_SECONDS:
                self._looked = time.monotonic()
                self._look()
            return self._credentials

    def _look(self) -> None:
        stamp = _stamp(self.tls)
        settled, self._seen = stamp == self._seen, stamp
        if stamp == self._in_use:
            self._broken = ""
            return
        try:
            self._credentials = _credentials(self.tls)
        except SourceError as error:
            if settled and str(error) != self._broken:
                self._broken = str(error)
                self._log.error("new certificates not used", source=self._source, problem=self._broken)
        else:
            self._in_use, self._broken = stamp, ""
            self._log.info("certificates read anew", source=self._source)


def _credentials(tls: ClientTls) -> grpc.ChannelCredentials:
    """The credentials as gRPC wants them. Raises SourceError where a file cannot be read, or they do not fit."""
    import grpc

    ca, key, certificate = _read(tls.ca), _read(tls.key), _read(tls.certificate)
    try:
        # gRPC would find out at the handshake only, and not say what is wrong.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(tls.certificate, tls.key, password=lambda: "")
        context.load_verify_locations(tls.ca)
    except OSError as error:  # ssl.SSLError is one
        files = ", ".join(str(path) for path in (tls.ca, tls.certificate, tls.key))
        raise SourceError(
            f"{files}: cannot be used ({error.strerror or error}); "
            "name PEM files of which certificate and key belong together, the key without a passphrase"
        ) from error
    return grpc.ssl_channel_credentials(ca, key, certificate)


def _stamp(tls: ClientTls) -> _Stamp:
    """Changes whenever a file does; also where a link leads elsewhere, as Kubernetes renews a mounted secret."""
    return tuple(_file_stamp(path) for path in (tls.ca, tls.certificate, tls.key))


def _file_stamp(path: Path) -> tuple[int, int, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116  # called all the time
    except OSError as error:
        return (-1, -1, -1, error.errno or 0)
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{path}: cannot be read ({error.strerror}); name a PEM file that the bridge may read"
        ) from error
