"""Masks secrets in text: logs, errors, reasons of failed deliveries."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterator
from urllib.parse import unquote, unquote_plus, urlsplit

_SHORTEST = 6
"""Shorter parts of a URL are not masked: they would hide ordinary words."""
_TOP = re.compile(r"[a-z]{2,24}|xn--[a-z0-9-]{1,20}|[0-9]{1,3}")
"""A top-level domain, or the last part of an IPv4 address."""
MASK = "***"
_PUBLIC_SCHEMES = ("console://", "file://", "exec://", "syslog+tcp://", "syslog+tls://", "syslog+udp://")
"""Channels whose URLs contain no secret: a place on this machine, or a receiver. Operators must be able to read it."""
_BROKERS = ("kafka://", "kafkas://", "mqtt://", "mqtts://", "nats://", "natss://")
"""Channels whose URLs have no secrets but user and password. Operators must be able to read hosts and topics."""

_LOGIN_SCHEMES = frozenset(
    {"s3", "sqs", "sns-topic", "kinesis", "cloudwatch-logs", "lambda", "pubsub", "gcs", "chronicle", "eventhub"}
)
"""Channels of which only the login and ``token`` or ``key`` are secret. The rest names a place in a cloud, which
operators must be able to read in an error."""
_SECRET_NAMES = frozenset({"token", "key"})


def is_public_url(url: str) -> bool:
    """Whether a channel's URL contains no secret."""
    return url.startswith(_PUBLIC_SCHEMES)


def secrets_in(url: str) -> frozenset[str]:
    """Every part of a channel's URL that can be a token: user, password, path, query values, the URL itself.

    Each part as written, decoded, and as headers, JSON and ``repr`` show it.
    """
    if is_public_url(url):
        return frozenset()
    return frozenset(form for part in _parts(url) for form in forms_of(part))


def redacted(text: str, secrets: Collection[str]) -> str:
    """The text with every secret masked, the longest first."""
    if not text:
        return text
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def redacted_bytes(data: bytes, secrets: Collection[str]) -> bytes:
    """The same for a response. Mask before cutting it: half a secret would not be recognised."""
    return redacted(data.decode("utf-8", "replace"), secrets).encode()


def _parts(url: str) -> Iterator[str]:
    yield url
    if url.partition("://")[0].lower() in _LOGIN_SCHEMES:
        yield from _login_parts(url)
        return
    try:
        split = urlsplit(url)
        user, password = split.username or "", split.password or ""
    except ValueError:
        yield url.partition("://")[2]
        return
    if url.startswith(_BROKERS):
        yield from (user, password)
        return
    yield from (user, password, *split.path.split("/"))
    yield f"{split.path}?{split.query}" if split.query else split.path
    yield from (piece.partition("=")[2] for piece in split.query.split("&"))
    if user or password:
        yield base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    host, _, port = split.netloc.rpartition("@")[2].partition(":")
    if not _is_host(host):
        yield host  # many of Apprise's URLs have a token there
    if port and not port.isdigit():
        yield from (port, f"{host}:{port}")  # Telegram's token contains a colon


def _login_parts(url: str) -> Iterator[str]:
    """User, password and token. A slash in the login need not be percent-encoded."""
    place, _, query = url.partition("://")[2].partition("?")
    login, has_login, _ = place.rpartition("@")
    if has_login:
        yield from (login, *login.partition(":")[::2])
    yield from (value for name, _, value in (each.partition("=") for each in query.split("&")) if name in _SECRET_NAMES)


def _is_host(name: str) -> bool:
    """Whether it is a DNS name or an address. Zoho's tokens contain dots too, but do not end in a domain."""
    last = name.lower().rpartition(".")[2]
    return (
        name.lower() == "localhost"
        or name.startswith("[")
        or (last != name.lower() and _TOP.fullmatch(last) is not None)
    )


def forms_of(secret: str) -> frozenset[str]:
    """A secret as written, decoded, and as headers, JSON and ``repr`` show it."""
    return frozenset(shown for shown in _shown(secret) if len(shown) >= _SHORTEST)


def _shown(part: str) -> Iterator[str]:
    for text in {part, unquote(part), unquote_plus(part), unquote(part).removeprefix("whsec_")}:
        yield text
        if not (text.isascii() and text.isalnum()):
            yield json.dumps(text)[1:-1]
            yield json.dumps(text, ensure_ascii=False)[1:-1]
            yield repr(text)[1:-1]
