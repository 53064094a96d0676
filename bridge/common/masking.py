"""Secrets taken out of whatever is about to be said."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterator
from urllib.parse import unquote, unquote_plus, urlsplit

_SHORTEST = 6
"""Shorter parts of a URL are no secrets, and would blot out ordinary words."""
_TOP = re.compile(r"[a-z]{2,24}|xn--[a-z0-9-]{1,20}|[0-9]{1,3}")
"""A top-level domain, or the last part of an IPv4 address."""
HIDDEN = "***"
_OPEN = ("console://", "file://", "exec://")
"""Channels of ours whose URLs name a place on this machine and hold no secret: an operator must be able to read it."""


def secrets_in(url: str) -> frozenset[str]:
    """Every part of a channel's URL that may be a token: user, password, path, values of the query, the URL itself.

    Each as written, decoded, and as a header, a JSON text or ``repr`` would show it.
    """
    if url.startswith(_OPEN):
        return frozenset()
    return frozenset(shown for part in _parts(url) for shown in _shown(part) if len(shown) >= _SHORTEST)


def redacted(text: str, secrets: Collection[str]) -> str:
    """The text with every secret blotted out, the longest first."""
    if not text:
        return text
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def redacted_bytes(data: bytes, secrets: Collection[str]) -> bytes:
    """The same for what a far side said: before it is cut, for half a secret is not known again."""
    return redacted(data.decode("utf-8", "replace"), secrets).encode()


def _parts(url: str) -> Iterator[str]:
    yield url
    try:
        split = urlsplit(url)
        user, password = split.username or "", split.password or ""
    except ValueError:
        yield url.partition("://")[2]
        return
    yield from (user, password, *split.path.split("/"))
    yield f"{split.path}?{split.query}" if split.query else split.path
    yield from (piece.partition("=")[2] for piece in split.query.split("&"))
    if user or password:
        yield base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    host, _, port = split.netloc.rpartition("@")[2].partition(":")
    if not _is_a_hosts(host):
        yield host  # many of Apprise's URLs hold a token there
    if port and not port.isdigit():
        yield from (port, f"{host}:{port}")  # and Telegram's has a colon in it


def _is_a_hosts(name: str) -> bool:
    """Whether it is a name in DNS or an address; Zoho's tokens have dots too, but end in no domain."""
    last = name.lower().rpartition(".")[2]
    return (
        name.lower() == "localhost"
        or name.startswith("[")
        or (last != name.lower() and _TOP.fullmatch(last) is not None)
    )


def _shown(part: str) -> Iterator[str]:
    for text in {part, unquote(part), unquote_plus(part), unquote(part).removeprefix("whsec_")}:
        yield text
        if not (text.isascii() and text.isalnum()):
            yield json.dumps(text)[1:-1]
            yield json.dumps(text, ensure_ascii=False)[1:-1]
            yield repr(text)[1:-1]
