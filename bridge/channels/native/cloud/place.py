"""Splits the URL of a cloud channel: ``SCHEME://LOGIN@PLACE?PARAMETERS``. A place may contain colons and slashes."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import unquote, urlsplit

from bridge.channels.errors import ChannelError
from bridge.channels.native.shared.address import Address, parse_address


def split_place(url: str, known: Collection[str]) -> tuple[str, str, Address]:
    """The login as written, the place, and an address that has the parameters and labels only.

    Raises ChannelError, which names the parameter at fault.
    """
    scheme, _, rest = url.partition("://")
    before, _, query = rest.partition("?")
    login, _, place = before.rpartition("@")
    address = parse_address(f"{scheme}://cloud/?{query}", known)
    if address.headers or address.query:
        raise ChannelError(f"has a header or a query parameter (`+` or `-`), which {scheme}:// does not have")
    return login, unquote(place), address


def endpoint_of(address: Address) -> str:
    """The parameter ``endpoint`` without a slash at its end; empty if there is none. Raises ChannelError."""
    endpoint = address.one("endpoint").rstrip("/")
    if not endpoint:
        return ""
    try:
        split = urlsplit(endpoint)
        is_valid = split.scheme in {"http", "https"} and bool(split.hostname) and (split.port or 1) > 0
    except ValueError:
        is_valid = False
    if not is_valid or split.username or split.query:
        raise ChannelError("has an invalid `endpoint`; write https://HOST or http://HOST:PORT")
    return endpoint
