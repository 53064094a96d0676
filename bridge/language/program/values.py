"""Values as Falco reads them: numbers, booleans, addresses. Told once, for literals and for what alerts carry."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

MOST_UNSIGNED = 2**64 - 1
_MOST_SIGNED = 2**63 - 1
_LEAST_SIGNED = -(2**63)
_DIGITS = frozenset("0123456789")
_SPACES = " \t\n\v\f\r"
_LONGEST_NUMBER = 64
_LONGEST_ADDRESS = 64
_NUMBER_TOKEN = re.compile(r"0[xX][0-9a-fA-F]+|[+-]?[0-9]+\.?[0-9]*([eE][+-][0-9]+)?")
_FLOAT = frozenset("0123456789+-.eE")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def parse_unsigned(text: str) -> int | None:
    """As C's strtoull: leading blanks and a sign are allowed, a negative number wraps, too large a one saturates."""
    value = _integer(text)
    if value is None:
        return None
    if value < 0:
        return value % 2**64 if value >= -MOST_UNSIGNED else MOST_UNSIGNED
    return min(value, MOST_UNSIGNED)


def parse_signed(text: str) -> int | None:
    """As C's strtoll: leading blanks and a sign are allowed, too large a number saturates."""
    value = _integer(text)
    return None if value is None else max(_LEAST_SIGNED, min(value, _MOST_SIGNED))


def parse_double(text: str) -> float | None:
    """A decimal number with a fraction or an exponent."""
    if not text or len(text) > _LONGEST_NUMBER or not _FLOAT.issuperset(text):
        return None
    try:
        return float(text)
    except ValueError:
        return None


def parse_bool(text: str) -> bool | None:
    """Exactly ``true`` or ``false``."""
    return {"true": True, "false": False}.get(text)


def parse_address(text: str) -> Address | None:
    """``10.0.0.1`` or ``2001:db8::1``; IPv6 with an IPv4 tail is refused, as Falco refuses it."""
    if len(text) > _LONGEST_ADDRESS:
        return None
    try:
        return IPv4Address(text) if "." in text else _ipv6(text)
    except ValueError:
        return None


def parse_any_address(text: str) -> Address | None:
    """An address as an alert may carry it: an IPv4 tail (``::ffff:10.0.0.1``) too."""
    if len(text) > _LONGEST_ADDRESS:
        return None
    try:
        return IPv6Address(text) if ":" in text else IPv4Address(text)
    except ValueError:
        return None


def parse_network(text: str) -> Network | None:
    """``10.0.0.0/8`` or ``2001:db8::/32``; host bits are ignored, the prefix length is demanded."""
    address, slash, length = text.partition("/")
    parsed = parse_address(address)
    if parsed is None or not slash or not length or not _DIGITS.issuperset(length) or len(length) > 3:
        return None
    try:
        if isinstance(parsed, IPv4Address):
            return IPv4Network((parsed, int(length)), strict=False)
        return IPv6Network((parsed, int(length)), strict=False)
    except ValueError:
        return None


def is_number_token(text: str) -> bool:
    """What Falco takes after ``<``: decimal, hexadecimal or floating; an exponent has a sign.

    Whether it is a number of the field's type is another question: Falco takes ``0x1f`` against text.
    """
    return _NUMBER_TOKEN.fullmatch(text) is not None


def _ipv6(text: str) -> IPv6Address:
    if "%" in text:
        raise ValueError(text)
    return IPv6Address(text)


def _integer(text: str) -> int | None:
    body = text.lstrip(_SPACES)
    digits = body[1:] if body[:1] in ("+", "-") else body
    if not digits or not _DIGITS.issuperset(digits):
        return None
    if len(digits) > _LONGEST_NUMBER:
        digits = digits.lstrip("0")[:_LONGEST_NUMBER] or "0"
    return -int(digits) if body[0] == "-" else int(digits)
