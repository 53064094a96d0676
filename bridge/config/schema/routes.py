"""The declared form of ``routes``: patterns, and groups of files that belong to one team."""

from __future__ import annotations

from typing import Annotated, ClassVar

from bridge.config.schema.keys import Section, key
from bridge.config.schema.values import RouteFile


class RouteGroupSettings(Section, frozen=True, kw_only=True):
    """Route files of one team, which act apart from those of the others. A plain text is its files."""

    noun: ClassVar[str] = "a group of routes"
    shorthand: ClassVar[str] = "files"
    files: Annotated[
        tuple[RouteFile, ...],
        key("`.route` files, in order. `*` matches any name; matching files are sorted bytewise.",
            "teams/payments/*.route", single=True),
    ]  # fmt: skip
    name: Annotated[
        str,
        key("The group's name, which precedes the names of its routes.", "payments", default="the folder of its files"),
    ] = ""
    where: Annotated[
        str,
        key("A condition that is added to every route of the group, and to those of `then`, `with` and `unless`.",
            "k8s.ns.name in (payments, checkout)", default="none"),
    ] = ""  # fmt: skip
    joins: Annotated[
        str,
        key("Alerts that `then`, `with` and `unless` may see besides those of `where`.",
            "source = k8s_audit and ka.target.namespace = payments", default="none"),
    ] = ""  # fmt: skip
    channels: Annotated[
        tuple[str, ...],
        key("The channels that the group may use; `*` matches any name.", "[payments-*]", default="all", single=True),
    ] = ()

    @property
    def is_plain(self) -> bool:
        """Whether only its files are given."""
        return not (self.name or self.where or self.joins or self.channels)
