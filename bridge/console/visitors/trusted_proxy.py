"""A proxy that signs visitors in and names them in a header. Headers from other addresses are not read. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import Headers

from bridge.common.text import one_line
from bridge.console.visitors.people import Person
from bridge.http.guard import parse_address
from bridge.language.program.fields.values import Network

_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class TrustedProxy:
    """The addresses of the proxy, and its headers."""

    allow: tuple[Network, ...]
    name_header: str
    groups_header: str

    def person(self, address: str, headers: Headers) -> Person | None:
        """Whom the proxy names; None for a request from elsewhere, or without exactly one name."""
        found = parse_address(address)
        if found is None or not any(found.version == each.version and found in each for each in self.allow):
            return None
        names = headers.getlist(self.name_header)
        if len(names) != 1 or not names[0].strip():
            return None
        groups = (each.strip() for text in headers.getlist(self.groups_header) for each in text.split(","))
        return Person(one_line(names[0].strip(), _LONGEST_NAME), frozenset(filter(None, groups)))
