"""Secrets taken out of whatever is about to be said."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

_SHORTEST = 6
"""Shorter parts of a URL are no secrets, and would blot out ordinary words."""
HIDDEN = "***"


def secrets_in(url: str) -> frozenset[str]:
    """Every part of a channel's URL that may be a token: user, password, path, values of the query, the URL itself."""
    return frozenset(part for part in _parts(url) if len(part) >= _SHORTEST)


def redacted(text: str, secrets: Collection[str]) -> str:
    """The text with every secret blotted out, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _parts(url: str) -> Iterator[str]:
    yield url
    try:
        split = urlsplit(url)
    except ValueError:
        yield url.partition("://")[2]
        return
    pieces = [split.username or "", split.password or "", *split.path.split("/")]
    pieces += [value for _, value in parse_qsl(split.query)]
    if split.hostname and "." not in split.hostname and split.hostname != "localhost":
        pieces.append(split.netloc.rpartition("@")[2].partition(":")[0])  # many of Apprise's URLs hold a token there
    for piece in pieces:
        yield piece
        yield unquote(piece)
