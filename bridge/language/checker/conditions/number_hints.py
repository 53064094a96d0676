"""What to write in place of a value that is no number or no address."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, summarize_address_range

_IP_PREFIX = re.compile(r"((?:\d{1,3}\.){1,3})[*x]?(?:\.[*x])*")
_RANGE = re.compile(r"([\d.]+)\s*-\s*([\d.]+)")
_TIME = re.compile(r"\d{1,2}(?::\d\d|am|pm)")
_PREFIX_LENGTH = re.compile(r"[\d.]+/(\d+)")
_LONGEST_PREFIX = 32
_MOST_NETWORKS = 8
_NAMED = {
    "private": "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16", "internal": "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16",
    "rfc1918": "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16", "localhost": "127.0.0.0/8", "loopback": "127.0.0.0/8",
    "any": "0.0.0.0/0", "link-local": "169.254.0.0/16", "metadata": "169.254.169.254",
}  # fmt: skip


def network_hint(text: str) -> str:
    """The network that a prefix of an address stands for: ``10.0.*``; else an empty string."""
    found = _IP_PREFIX.fullmatch(text)
    if found is None:
        return ""
    parts = found[1].strip(".").split(".")
    network = ".".join([*parts, *["0"] * (4 - len(parts))])
    return f"write `FIELD in ({network}/{8 * len(parts)})`"


def address_hint(text: str) -> str:
    """What a range, a name or a wrong address was meant to be; an empty string if that is not known."""
    if text.lower() in _NAMED:
        return f"write `FIELD in ({_NAMED[text.lower()]})`"
    found = _RANGE.fullmatch(text)
    if found is not None and (networks := _networks(found[1], found[2])):
        return f"write `FIELD in ({', '.join(networks)})`"
    if re.fullmatch(r"[\d.]+:\d+", text):
        return "write the address without the port, and compare the port's field as well, such as fd.sport"
    length = _PREFIX_LENGTH.fullmatch(text)
    if length is not None and int(length[1]) > _LONGEST_PREFIX:
        return f"the number after `/` is at most {_LONGEST_PREFIX}"
    parts = text.partition("/")[0].split(".")
    if len(parts) == len("1234") and all(each.isdecimal() for each in parts):
        return "each of the four numbers is at most 255"
    return ""


def number_hint(text: str) -> str:
    """What to write in place of a text where a number is required."""
    if _TIME.fullmatch(text):
        return "for hours use a schedule: `schedule night = mon-sun 18:00-06:00`, and the clause `during night`"
    return "write a number; to compare two fields: val(…)"


def integer_hint(text: str) -> str:
    """What to write in place of a text where the field is a number."""
    if text.isidentifier():
        return "write a number; names are in other fields, such as user.name"
    return "write a whole number"


def _networks(first: str, last: str) -> list[str]:
    try:
        if "." not in last:
            last = f"{first.rpartition('.')[0]}.{last}"
        networks = list(summarize_address_range(IPv4Address(first), IPv4Address(last)))
    except (AddressValueError, ValueError):
        return []
    return [str(each) for each in networks] if len(networks) <= _MOST_NETWORKS else []
