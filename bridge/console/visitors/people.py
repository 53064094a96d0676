"""Who may see the console and who may act, by their names and groups. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

TOKEN = "token"  # noqa: S105  # a word of the config
EVERYBODY = "*"
_GROUP = "group:"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has signed in."""

    name: str
    """As acts are recorded: ``alice``, ``token from 127.0.0.1``."""
    groups: frozenset[str] = frozenset()
    has_token: bool = False
    is_operator: bool = False
    """The user that runs the bridge, or root: they may do everything anyway."""

    def is_listed(self, names: Collection[str]) -> bool:
        """Whether one of these names, as the config writes them, means this person."""
        if EVERYBODY in names:
            return True
        if self.has_token:
            return TOKEN in names
        is_plain = self.name != TOKEN and not self.name.startswith(_GROUP)
        return (is_plain and self.name in names) or any(f"{_GROUP}{group}" in names for group in self.groups)


@dataclass(frozen=True, slots=True)
class People:
    """The lists of the config."""

    write: bool = False
    viewers: tuple[str, ...] = ()
    """Empty for all who sign in."""
    editors: tuple[str, ...] = ()
    """Empty for all viewers."""

    def may_view(self, person: Person) -> bool:
        """Whether this person may see the pages."""
        return not self.viewers or person.is_operator or person.is_listed((*self.viewers, *self.editors))

    def may_act(self, person: Person) -> bool:
        """Whether this person may also change something."""
        if not self.write or not self.may_view(person):
            return False
        return not self.editors or person.is_operator or person.is_listed(self.editors)
