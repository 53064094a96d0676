"""The declared keys of ``console``: where the pages are served, and who may see and change what."""

from __future__ import annotations

from typing import Annotated, ClassVar

from bridge.config.schema.keys import Section, key
from bridge.config.schema.values import Duration, ListenAddress, Password, PublicUrl, SocketPath, Token
from bridge.language.program.fields.values import Network


class OidcSettings(Section, frozen=True, kw_only=True):
    """An OpenID provider with which visitors of the console sign in."""

    noun: ClassVar[str] = "`oidc`"
    issuer: Annotated[PublicUrl, key("The provider's issuer.", "https://login.example.org/realms/main")]
    client_id: Annotated[
        str, key("Id of this client. Its redirect URI is `public_url` with `/sign-in/oidc/callback`.", "falco-bridge")
    ]
    client_secret: Annotated[
        Password | None,
        key("Secret of this client.", "${file:/run/secrets/oidc-secret}", default="none: a public client"),
    ] = None
    scopes: Annotated[
        tuple[str, ...],
        key("Scopes to ask for, besides `openid`.", "[email, groups]", default="profile, email"),
    ] = ("profile", "email")
    name_claim: Annotated[
        str, key("The claim of the ID token that names a visitor.", "preferred_username")
    ] = "email"  # fmt: skip
    groups_claim: Annotated[str, key("The claim that lists a visitor's groups.", "roles")] = "groups"


class ProxySettings(Section, frozen=True, kw_only=True):
    """A proxy that signs visitors of the console in, and names them in a header."""

    noun: ClassVar[str] = "`proxy`"
    allow: Annotated[
        tuple[Network, ...], key("Addresses of the proxy. The header of others is not read.", "[10.0.0.5]")
    ]
    name_header: Annotated[str, key("The header with the visitor's name.", "Remote-User")] = "X-Forwarded-User"
    groups_header: Annotated[
        str, key("The header with the visitor's groups, separated by commas.", "Remote-Groups")
    ] = "X-Forwarded-Groups"  # fmt: skip


class ConsoleSettings(Section, frozen=True, kw_only=True):
    """Web pages, served by a process of their own. A plain text is the address, or the path of the socket."""

    noun: ClassVar[str] = "`console`"
    shorthand: ClassVar[str] = "listen"
    other_shorthands: ClassVar[tuple[tuple[str, str], ...]] = (("/", "socket"),)
    one_of: ClassVar[tuple[str, ...]] = ("listen", "socket")
    listen: Annotated[
        ListenAddress | None,
        key("Address to listen on.", "127.0.0.1:2804", default="**required** without `socket`"),
    ] = None  # fmt: skip
    socket: Annotated[
        SocketPath | None,
        key("Unix socket in place of `listen`. The kernel names its visitors.", "/run/falco-bridge/console.sock",
            default="none"),
    ] = None  # fmt: skip
    group: Annotated[
        str,
        key("A group whose members may use `socket`, besides the bridge's user and root.", "soc", default="none"),
    ] = ""  # fmt: skip
    public_url: Annotated[
        PublicUrl | None,
        key("URL under which browsers reach `listen` through a proxy with TLS. Required where other machines can "
            "reach `listen`.", "https://console.example.org", default="none"),
    ] = None  # fmt: skip
    token: Annotated[
        Token | None,
        key("Token that visitors sign in with, at least 8 characters.", "${file:/run/secrets/console-token}",
            default="with `oidc` or `proxy` none; else one in a file that the bridge makes: the journal's path, "
            "followed by `.console.token`"),
    ] = None  # fmt: skip
    oidc: Annotated[
        OidcSettings | None,
        key("An [OpenID provider](console.md#single-sign-on) with which visitors sign in.",
            "{issuer: https://login.example.org, client_id: falco-bridge}", default="none"),
    ] = None  # fmt: skip
    proxy: Annotated[
        ProxySettings | None,
        key("A [proxy](console.md#single-sign-on) that signs visitors in.", "{allow: [10.0.0.5]}", default="none"),
    ] = None  # fmt: skip
    write: Annotated[
        bool, key("Whether visitors may act: acknowledge, resolve, silence, retry, test.", "true")
    ] = False  # fmt: skip
    viewers: Annotated[
        tuple[str, ...],
        key("Who may see the console: names of users, `group:NAME` for the members of a group, `token` for those who "
            "have the token, or `*`.", "[alice, group:soc]", default="all who sign in"),
    ] = ()  # fmt: skip
    editors: Annotated[
        tuple[str, ...],
        key("Who may act, with `write`: as `viewers`.", "[alice]", default="all viewers"),
    ] = ()  # fmt: skip
    session: Annotated[Duration, key("How long a visitor stays signed in.", "8h")] = Duration.of("12h")
