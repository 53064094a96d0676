"""Groups of route files that act apart from each other, such as those of a team."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RouteGroup:
    """A group as the config declares it."""

    name: str
    """Empty for the files that belong to no group."""
    files: tuple[str, ...]
    where: str = ""
    """A condition that is added to every route."""
    joins: str = ""
    """A condition on further alerts that clauses with memory may see."""
    channels: tuple[str, ...] = ()
    """Patterns of the channels that it may use; empty for all."""

    def qualified(self, route: str) -> str:
        """The name of one of its routes in the whole program."""
        return f"{self.name}/{route}" if self.name else route
