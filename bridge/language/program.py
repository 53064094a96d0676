"""A checked program: what a set of ``.route`` files means. The language's product, free of syntax."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.alert import Priority
from bridge.language.condition import Condition
from bridge.language.source import Span


@dataclass(frozen=True, slots=True)
class Route:
    """One route, checked."""

    name: str
    when: Condition | None
    """None: every alert (but internal ones, which only a route that tests ``source`` for them gets)."""
    to: tuple[str, ...]
    severity: Priority | None
    title: str | None
    """Template source, already checked; None for the default."""
    message: str | None
    drop: bool
    stop: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Program:
    """All routes in file order, and where to send what none of them matched."""

    routes: tuple[Route, ...]
    otherwise: tuple[str, ...]
    """Channels for alerts that no route matched; empty without an ``otherwise``."""
