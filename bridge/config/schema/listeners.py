"""The declared keys of ``metrics`` and ``admin``: where programs and operators connect."""

from __future__ import annotations

from typing import Annotated, ClassVar

from bridge.config.schema.keys import Section, key
from bridge.config.schema.values import Duration, ListenAddress, PublicUrl, SocketPath, Token
from bridge.language.program.fields.values import Network


class MetricsSettings(Section, frozen=True, kw_only=True):
    """The listener for Prometheus and for health checks. A plain text is the address."""

    noun: ClassVar[str] = "`metrics`"
    shorthand: ClassVar[str] = "listen"
    listen: Annotated[ListenAddress, key("Address to listen on.", "0.0.0.0:9376")]
    allow: Annotated[
        tuple[Network, ...], key("Addresses and networks that may connect.", "[10.0.0.0/8]", default="all")
    ] = ()
    token: Annotated[
        Token | None,
        key("Token that `Authorization: Bearer` must contain for `/metrics`, at least 8 characters.",
            "${file:/run/secrets/metrics-token}", default="none"),
    ] = None  # fmt: skip
    hosts: Annotated[
        tuple[str, ...],
        key(
            "Names by which clients may reach `/metrics`, besides addresses and internal names (`localhost`, one "
            "label, `.svc`, `.local`, `.internal`). Requests for other names are rejected, which protects browsers "
            "from DNS rebinding.",
            "[bridge.example.org]",
            default="none",
        ),
    ] = ()
    insecure: Annotated[bool, key("Serve other machines without `token` or `allow`.", "true")] = False


class AdminSettings(Section, frozen=True, kw_only=True):
    """The operator API. A plain text is the path of its unix socket."""

    noun: ClassVar[str] = "`admin`"
    shorthand: ClassVar[str] = "socket"
    socket: Annotated[
        SocketPath | None,
        key("Unix socket, for the bridge's user and root.", "/run/falco-bridge/admin.sock",
            default="the journal's path, followed by `.admin.sock`"),
    ] = None  # fmt: skip
    listen: Annotated[
        ListenAddress | None, key("TCP address to listen on as well.", "127.0.0.1:9377", default="none")
    ] = None
    token: Annotated[
        Token | None,
        key("Token that `Authorization: Bearer` must contain over TCP, at least 8 characters.",
            "${file:/run/secrets/admin-token}", default="none"),
    ] = None  # fmt: skip
    allow: Annotated[
        tuple[Network, ...], key("Addresses and networks that may connect over TCP.", "[10.0.0.0/8]", default="all")
    ] = ()
    hosts: Annotated[
        tuple[str, ...],
        key(
            "Names by which TCP clients may reach it, besides addresses and `localhost`. Requests for other names are "
            "rejected, which protects browsers from DNS rebinding.",
            "[bridge.example.org]",
            default="none",
        ),
    ] = ()


class AcknowledgeSettings(Section, frozen=True, kw_only=True):
    """Links in messages that acknowledge their incident, and the listener that they lead to."""

    noun: ClassVar[str] = "`acknowledge`"
    public_url: Annotated[
        PublicUrl,
        key("URL under which people reach `listen`, as through a proxy: the beginning of each link.",
            "https://falco-bridge.example.org"),
    ]  # fmt: skip
    listen: Annotated[ListenAddress, key("Address to listen on.", "127.0.0.1:9378")]
    lifetime: Annotated[Duration, key("How long a link is valid, counted from its message.", "24h")] = Duration.of("7d")
