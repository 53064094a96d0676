"""The declared keys of ``console``: where the pages are served, and who may see and change what."""

from __future__ import annotations

from typing import Annotated, ClassVar

from bridge.config.schema.keys import Section, key
from bridge.config.schema.values import Duration, ListenAddress, PublicUrl, SocketPath, Token


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
            default="one in a file that the bridge makes: the journal's path, followed by `.console.token`"),
    ] = None  # fmt: skip
    write: Annotated[
        bool, key("Whether the console may act: acknowledge, resolve, silence, retry, test.", "true")
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
