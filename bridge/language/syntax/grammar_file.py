"""Finds the grammar file, in an installed wheel or in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[2]
_PLACES = (_PACKAGE / "_data" / "grammar" / "route.lark", _PACKAGE.parent / "grammar" / "route.lark")


def grammar_text() -> str:
    """The text of ``route.lark``. Raises FileNotFoundError if the installation is broken."""
    for place in _PLACES:
        if place.is_file():
            return place.read_text(encoding="utf-8")
    raise FileNotFoundError(f"the grammar route.lark is missing; it should be at {_PLACES[0]}: reinstall falco-bridge")
