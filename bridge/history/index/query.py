"""Queries of the index: the terms that an alert must have. A query finds at least all wanted alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """Alerts with this term."""

    text: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """Alerts with a word that begins so."""

    text: str


@dataclass(frozen=True, slots=True)
class Within:
    """Alerts with a word that contains this, or ends with it."""

    text: str
    at_end: bool = False


@dataclass(frozen=True, slots=True)
class And:
    """Alerts that meet all parts; all alerts if there are none."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Alerts that meet one of the parts; none if there are none."""

    parts: tuple[Query, ...]


Query = Term | Prefix | Within | And | Or
EVERYTHING = And(())
Expand = Callable[[Within], Sequence[str] | None]
"""The terms of a segment that a Within means; None if there are too many."""


def both(parts: Iterable[Query]) -> Query:
    """All of these."""
    needed = tuple(dict.fromkeys(part for part in parts if part != EVERYTHING))
    return needed[0] if len(needed) == 1 else And(needed)


def either(parts: Iterable[Query]) -> Query:
    """One of these."""
    options = tuple(dict.fromkeys(parts))
    if EVERYTHING in options:
        return EVERYTHING
    return options[0] if len(options) == 1 else Or(options)


def fts_text(query: Query, expand: Expand) -> str | None:
    """The query in SQLite's language; None for everything, empty for nothing. Quoted terms need no escaping."""
    match query:
        case Term(text):
            return f'"{text}"'
        case Prefix(text):
            return f'"{text}"*'
        case Within():
            terms = expand(query)
            return None if terms is None else _joined("OR", [f'"{term}"' for term in terms])
        case And(parts):
            texts = [each for part in parts if (each := fts_text(part, expand)) is not None]
            return "" if "" in texts else (_joined("AND", texts) or None)
        case Or(parts):
            options = [fts_text(part, expand) for part in parts]
            if None in options:
                return None
            return _joined("OR", [each for each in options if each])


def _joined(word: str, texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"({f' {word} '.join(texts)})" if texts else ""
