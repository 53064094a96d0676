"""Which clauses a route, a template and an ``otherwise`` may have, and how often. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import Span
from bridge.language.syntax import tree as syntax

_REPEATABLE = frozenset({"to", "during", "then", "with", "unless", "link"})
_ALLOWED_WITH_DROP = frozenset({"when", "during", "drop", "stop"})
_ALLOWED_IN_OTHERWISE = frozenset({"to"})


def repeated(clauses: Sequence[syntax.Clause]) -> Iterator[Diagnostic]:
    """Clauses that are given twice and may be given once."""
    first: dict[str, Span] = {}
    for clause in clauses:
        keyword = _keyword(clause)
        if keyword in first and keyword not in _REPEATABLE:
            message, others = f"`{keyword}` is given twice", (("first given here", first[keyword]),)
            yield Diagnostic(Code.REPEATED_CLAUSE, message, clause.span, "remove one", others)
        first.setdefault(keyword, clause.span)


def ignored(clauses: Sequence[syntax.Clause]) -> Iterator[Diagnostic]:
    """Clauses of a route with ``drop`` that have no effect."""
    for clause in clauses:
        keyword = _keyword(clause)
        if keyword not in _ALLOWED_WITH_DROP:
            message = f"`{keyword}` has no effect: the route drops its alerts"
            yield Diagnostic(Code.DROP_AND_TO, message, clause.span, f"remove `drop` or `{keyword}`")


def misplaced_in_otherwise(clauses: Sequence[syntax.Clause]) -> Iterator[Diagnostic]:
    """Clauses that an ``otherwise`` cannot have."""
    for clause in clauses:
        keyword = _keyword(clause)
        if isinstance(clause, syntax.ToClause) and clause.after is not None:
            keyword = "after"
        if keyword not in _ALLOWED_IN_OTHERWISE:
            hint = "only `to CHANNEL` is allowed; for anything else write a route"
            yield Diagnostic(Code.MISPLACED_CLAUSE, f"`{keyword}` is not allowed in `otherwise`", clause.span, hint)


def _keyword(clause: syntax.Clause) -> str:
    match clause:
        case syntax.WhenClause():
            return "when"
        case syntax.DuringClause():
            return "during"
        case syntax.ToClause():
            return "to"
        case syntax.FieldsClause():
            return "fields"
        case syntax.LinkClause():
            return "link"
        case _:
            return clause.keyword
