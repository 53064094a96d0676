"""Missing keywords and blocks in the wrong place, which are noticed where the next part starts."""

from __future__ import annotations

from bridge.language.syntax.mistakes.remedy import Context, Edit, Remedy
from bridge.language.syntax.reserved import CLAUSES, RESERVED, STATEMENTS

_BLOCKS = frozenset({"route", "where", "otherwise", "test"})


def _brace_after_condition(context: Context) -> Remedy | None:
    """``route "r" when C {``: the brace comes first."""
    line = context.rest_of_line
    if not line.rstrip().endswith("{"):
        return None
    end = context.start + len(line.rstrip())
    condition = context.text[context.start : end - 1].rstrip()
    indent = " " * (len(context.line_before) - len(context.line_before.lstrip()) + 2)
    return Remedy("write `{` before it", Edit(context.start, end, f"{{\n{indent}{condition}"), certain=True)


def structure(context: Context) -> Remedy | None:
    """A block, keyword or bracket that is missing before the error."""
    found, expected = context.found, context.expected
    if found == "where" and "WHEN" in expected:
        return Remedy("inside a route write `when`; or missing `}` before it?")
    if found in _BLOCKS and "RBRACE" in expected:
        return Remedy("missing `}` before it?")
    if found in STATEMENTS and {"WHERE", "RBRACE"} <= expected:
        return Remedy("not allowed inside `where`; or missing `}` before it?")
    if expected == {"LBRACE"} and found == "when" and (moved := _brace_after_condition(context)) is not None:
        return moved
    if expected == {"LBRACE"}:
        return context.insert("{ ", "missing `{` before it?")
    if expected == {"RPAR"} or ("RPAR" in expected and found in CLAUSES):
        return Remedy("missing `)` before it?")
    missing = [name.lower() for name in expected - {"COMMA"}]
    if len(missing) == 1 and missing[0] in RESERVED:
        return context.insert(f"{missing[0]} ", f"missing `{missing[0]}` before it?")
    return None
