"""Where falcosidekick listens, as a source of the config."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from bridge.migration.falcosidekick.settings import Settings

OF_LISTENER = frozenset({
    "listenaddress", "listenport", "tlsserver.deploy", "tlsserver.certfile", "tlsserver.keyfile", "tlsserver.mutualtls",
    "tlsserver.cacertfile", "tlsserver.notlspaths",
})  # fmt: skip
"""The settings of the listener."""
_PRIVATE = "[127.0.0.0/8, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, '::1', 'fc00::/7']"


def listener_of(settings: Settings) -> str:
    """The section ``sources``, as YAML."""
    host, port = settings.get("listenaddress") or "0.0.0.0", settings.get("listenport", "2801")  # noqa: S104
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    lines = ["sources:", f"  - http: {_scalar(f'{host}:{port}')}", f"    allow: {_PRIVATE}"]
    if settings.is_set("tlsserver.deploy", default=False):
        lines += ["    tls:"]
        for key, name in (("cert", "certfile"), ("key", "keyfile")):
            default = f"/etc/certs/server/server.{'crt' if key == 'cert' else 'key'}"
            lines.append(f"      {key}: {_scalar(settings.get(f'tlsserver.{name}', default))}")
        if settings.is_set("tlsserver.mutualtls", default=False):
            lines.append(f"      ca: {_scalar(settings.get('tlsserver.cacertfile', '/etc/certs/server/ca.crt'))}")
    return "\n".join(lines) + "\n"


def listener_notes(settings: Settings) -> Iterator[str]:
    """What is different about it."""
    if settings.is_set("tlsserver.deploy", default=False) and settings.get("tlsserver.notlspaths"):
        yield "tlsserver.notlspaths: every path needs TLS; let probes use HTTPS, or add an `http` source without `tls`"
    yield "listener: alerts are taken from private addresses only; add others to `allow` in falco-bridge.yaml"


def _scalar(text: str) -> str:
    return yaml.safe_dump(text, width=10_000).removesuffix("...\n").strip()
