"""Rules about several keys of ``console``."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from bridge.config.reading.binding import Binder
from bridge.config.reading.document import Place
from bridge.config.schema.console import ConsoleSettings
from bridge.http.hosts import is_loopback_host
from bridge.language.diagnostics.diagnostic import Code

_HEADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_LONGEST_SESSION_SECONDS = 31 * 86_400.0


def check_console(binder: Binder, console: ConsoleSettings | None) -> None:
    """Note every broken rule in the binder."""
    if console is None:
        return
    if console.listen is not None and console.socket is not None:
        message = "`console` has both `listen` and `socket`"
        binder.error(Code.CONFLICT, ("console", "socket"), message, "remove one of them")
    if console.socket is None and console.group:
        binder.error(Code.CONFLICT, ("console", "group"), "`group` needs a `socket`", "add `socket`, or remove it")
    if console.listen is None and console.token is not None:
        message = "visitors of a unix socket need no token: the kernel names them"
        binder.error(Code.CONFLICT, ("console", "token"), message, "remove `token`")
    if console.editors and not console.write:
        message = "`editors` need `write`: without it, no visitor may act"
        binder.error(Code.CONFLICT, ("console", "editors"), message, "add write: true, or remove `editors`")
    if not 0 < console.session.seconds <= _LONGEST_SESSION_SECONDS:
        message = "a visitor stays signed in for at most 31 days"
        binder.error(Code.INVALID_VALUE, ("console", "session"), message, "write 31d or less")
    _reach(binder, console)
    _sign_in(binder, console)


def _sign_in(binder: Binder, console: ConsoleSettings) -> None:
    """Rules of ``oidc`` and ``proxy``."""
    for name in ("oidc", "proxy"):
        if getattr(console, name) is not None and console.listen is None:
            message = f"visitors of a unix socket need no `{name}`: the kernel names them"
            binder.error(Code.CONFLICT, ("console", name), message, f"remove `{name}`, or write `listen`")
    if console.proxy is not None:
        for name in ("name_header", "groups_header"):
            if not _HEADER.fullmatch(getattr(console.proxy, name)):
                message = f"`{name}` is not the name of a header"
                binder.error(Code.INVALID_VALUE, ("console", "proxy", name), message, "such as X-Forwarded-User")
    if console.oidc is None or console.listen is None:
        return
    if ("console", "public_url") not in binder.spans:
        message = "`oidc` needs `public_url`, to which the provider sends visitors back"
        binder.error(Code.MISSING_KEY, ("console", "oidc"), message, "add public_url: https://NAME")
    if not console.viewers:
        message = f"everybody with an account at {console.oidc.issuer} could see the console"
        binder.error(Code.OPEN_LISTENER, ("console", "oidc"), message, "add `viewers`; for all of them: viewers: ['*']")
    issuer = urlsplit(console.oidc.issuer)
    if issuer.scheme != "https" and not is_loopback_host(issuer.netloc):
        message = "tokens would cross the network in plain text"
        binder.error(Code.INVALID_VALUE, ("console", "oidc", "issuer"), message, f"write https://{issuer.netloc}")


def _reach(binder: Binder, console: ConsoleSettings) -> None:
    """A token or a cookie must not cross a network in plain text."""
    place: Place = ("console", "public_url")
    if console.public_url is not None:
        split = urlsplit(console.public_url)
        if split.path:
            message = "the console is not served below a path"
            binder.error(Code.INVALID_VALUE, place, message, f"write {split.scheme}://{split.netloc}")
        elif split.scheme != "https" and not is_loopback_host(split.netloc):
            message = "tokens and cookies would cross the network in plain text"
            binder.error(Code.INVALID_VALUE, place, message, f"serve it with TLS, and write https://{split.netloc}")
    elif console.listen is not None and not console.listen.is_loopback and place not in binder.spans:
        message = f"{console.listen.host} can be reached from other machines, and the console serves plain HTTP"
        hint = "put a proxy with TLS before it and add public_url: https://NAME; or listen on 127.0.0.1"
        binder.error(Code.OPEN_LISTENER, ("console", "listen"), message, hint)
