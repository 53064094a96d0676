"""Checks that the certificates and keys that a config names can be used, as the sources will."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from bridge.config.load import LoadedConfig
from bridge.config.schema.sources import (
    ClientTlsSettings,
    DiscoverSettings,
    GrpcSettings,
    HttpSettings,
    ServerTlsSettings,
)
from bridge.language.diagnostics.diagnostic import Code, Diagnostic


def check_tls(loaded: LoadedConfig) -> list[Diagnostic]:
    """An error for each ``tls`` whose files are no PEM files, or do not belong together."""
    return list(_problems(loaded))


def _problems(loaded: LoadedConfig) -> Iterator[Diagnostic]:
    for at, source in enumerate(() if loaded.config is None else loaded.config.sources):
        tls = source.tls if isinstance(source, GrpcSettings | DiscoverSettings | HttpSettings) else None
        if tls is None:
            continue
        for names, problem in _unusable(tls):
            span = loaded.spans["sources", at, "tls", names[0]]
            message = f"{' and '.join(f'`{name}`' for name in names)} cannot be used: {problem}"
            hint = "name PEM files" if len(names) == 1 else "name PEM files that belong together, without a passphrase"
            yield Diagnostic(Code.UNUSABLE_CERTIFICATE, message, span, hint)


def _unusable(tls: ClientTlsSettings | ServerTlsSettings) -> Iterator[tuple[tuple[str, ...], str]]:
    """The keys whose files cannot be used, with the reason."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_cert_chain(tls.cert, tls.key, password=lambda: "")
    except OSError as error:  # ssl.SSLError is one
        yield ("cert", "key"), _reason(error)
    try:
        if tls.ca is not None:
            context.load_verify_locations(tls.ca)
    except OSError as error:
        yield ("ca",), _reason(error)


def _reason(error: OSError) -> str:
    reason = getattr(error, "reason", None)
    return str(reason).replace("_", " ").lower() if reason else error.strerror or "it is not a PEM file"
