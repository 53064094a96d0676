"""Parses numbers, booleans and addresses as Falco does, in literals and in alerts.

Falco's numbers have widths. A literal is read with 64 bits and cut to the width of the field: ``user.uid = -1`` means
4294967295.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from bridge.alert.catalogue import service_ports

MAX_UNSIGNED = 2**64 - 1
_MAX_SIGNED = 2**63 - 1
_MIN_SIGNED = -(2**63)
_DIGITS = frozenset("0123456789")
_MAX_PORT_NUMBER = 2**31 - 1
"""Falco reads the digits of a port with 31 bits and cuts them to 16."""
_DEVICE = re.compile(r"[0-9A-Fa-f]{1,16}")
_SPACES = " \t\n\v\f\r"
_MAX_NUMBER = 64
_MAX_ADDRESS = 64
_NUMBER_TOKEN = re.compile(r"0[xX][0-9a-fA-F]+|[+-]?[0-9]+\.?[0-9]*([eE][+-][0-9]+)?")
_FLOAT = frozenset("0123456789+-.eE")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def parse_unsigned(text: str) -> int | None:
    """Like C's strtoull: leading blanks and a sign are allowed; negative numbers wrap, large ones saturate."""
    value = parse_integer(text)
    if value is None:
        return None
    if value < 0:
        return value % 2**64 if value >= -MAX_UNSIGNED else MAX_UNSIGNED
    return min(value, MAX_UNSIGNED)


def parse_signed(text: str) -> int | None:
    """Like C's strtoll: leading blanks and a sign are allowed; large numbers saturate."""
    value = parse_integer(text)
    return None if value is None else max(_MIN_SIGNED, min(value, _MAX_SIGNED))


def parse_uint32(text: str) -> int | None:
    """As ``parse_unsigned``, cut to 32 bits."""
    value = parse_unsigned(text)
    return None if value is None else value % 2**32


def parse_int32(text: str) -> int | None:
    """As ``parse_signed``, cut to 32 bits."""
    value = parse_signed(text)
    return None if value is None else _signed(value, 32)


def parse_int16(text: str) -> int | None:
    """As ``parse_signed``, cut to 16 bits."""
    value = parse_signed(text)
    return None if value is None else _signed(value, 16)


def parse_port(text: str) -> int | None:
    """Decimal digits without blanks or a sign, cut to 16 bits; the name of a service; the empty text is 0."""
    if not text:
        return 0
    if not _DIGITS.issuperset(text):
        return service_ports().get(text)
    value = parse_integer(text)
    return None if value is None or value > _MAX_PORT_NUMBER else value % 2**16


def parse_device(text: str) -> int | None:
    """A device number in an alert: hexadecimal digits without a prefix."""
    return _signed(int(text, 16), 32) if _DEVICE.fullmatch(text) else None


def _signed(value: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return (value + half) % (1 << bits) - half


def parse_double(text: str) -> float | None:
    """A decimal number, optionally with a fraction and an exponent."""
    if not text or len(text) > _MAX_NUMBER or not _FLOAT.issuperset(text):
        return None
    try:
        return float(text)
    except ValueError:
        return None


def parse_bool(text: str) -> bool | None:
    """Exactly ``true`` or ``false``."""
    return {"true": True, "false": False}.get(text)


def parse_address(text: str) -> Address | None:
    """``10.0.0.1`` or ``2001:db8::1``. IPv6 with an IPv4 tail is rejected, as in Falco."""
    if len(text) > _MAX_ADDRESS:
        return None
    try:
        return IPv4Address(text) if "." in text else _ipv6(text)
    except ValueError:
        return None


def parse_any_address(text: str) -> Address | None:
    """An address in an alert, which may have an IPv4 tail: ``::ffff:10.0.0.1``."""
    if len(text) > _MAX_ADDRESS:
        return None
    try:
        return IPv6Address(text) if ":" in text else IPv4Address(text)
    except ValueError:
        return None


def parse_network(text: str) -> Network | None:
    """``10.0.0.0/8`` or ``2001:db8::/32``. Host bits are ignored; the prefix length is required."""
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
    """Whether Falco's parser accepts it after ``<``: decimal, hexadecimal or floating point, exponents with a sign.

    It need not be a number of the field's type: Falco accepts ``0x1f`` for text.
    """
    return _NUMBER_TOKEN.fullmatch(text) is not None


def _ipv6(text: str) -> IPv6Address:
    if "%" in text:
        raise ValueError(text)
    return IPv6Address(text)


def parse_integer(text: str) -> int | None:
    """A decimal number of any size, with leading blanks and a sign allowed."""
    body = text.lstrip(_SPACES)
    digits = body[1:] if body[:1] in ("+", "-") else body
    if not digits or not _DIGITS.issuperset(digits):
        return None
    if len(digits) > _MAX_NUMBER:
        digits = digits.lstrip("0")[:_MAX_NUMBER] or "0"
    return -int(digits) if body[0] == "-" else int(digits)
