"""Certificates of falcosidekick's outputs, as ``tls`` of channels."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.migration.falcosidekick.settings import Settings

OF_TLS = frozenset({
    "mutualtlsfilespath", "mutualtlsclient.certfile", "mutualtlsclient.keyfile", "mutualtlsclient.cacertfile",
    "tlsclient.cacertfile",
})  # fmt: skip
"""Settings for the certificates of all outputs."""
_FILES = (("ca", "cacertfile", "ca.crt"), ("cert", "certfile", "client.crt"), ("key", "keyfile", "client.key"))
_ENCRYPTED = (
    "${", "https:", "webhooks:", "lokis:", "alertmanagers:", "elasticsearchs:", "splunkhecs:", "mmosts:", "rockets:",
    "gotifys:",
)  # fmt: skip
"""How the URLs of channels begin that use ``tls``; whole URLs in a variable are those of web services."""


def tls_of(settings: Settings, output: str, url: str) -> dict[str, str]:
    """The channel's ``tls``; empty without client certificates, or where its connections are not encrypted."""
    if not settings.is_set(f"{output}.mutualtls", default=False) or not url.startswith(_ENCRYPTED):
        return {}
    folder = settings.get("mutualtlsfilespath", "/etc/certs").rstrip("/")
    return {key: settings.get(f"mutualtlsclient.{name}", f"{folder}/{file}") for key, name, file in _FILES}


def tls_notes(settings: Settings, output: str, url: str) -> Iterator[str]:
    """What is different about an output's certificates."""
    if settings.is_set(f"{output}.mutualtls", default=False):
        if tls_of(settings, output, url):
            yield "mutualtls: only the CA in `tls` is trusted, not those of the system as well"
        else:
            yield "mutualtls: the channel's connections are not encrypted, or its page in docs/channels.md says how"
    elif not settings.is_set(f"{output}.checkcert", default=True):
        yield "checkcert: certificates are always verified; trust its CA with `tls: {ca: FILE}` of the channel"
