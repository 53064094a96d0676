"""Missing keywords and blocks in the wrong place, which are noticed where the next part starts."""

from __future__ import annotations

import re

from bridge.language.syntax.mistakes.remedy import Context, Edit, Remedy
from bridge.language.syntax.reserved import CLAUSES, RESERVED, STATEMENTS

_ARROW = re.compile(r"[-=]>\s*([\w.-]+(?:\s*,\s*[\w.-]+)*)")
_DURATION = re.compile(r"\d+(?:ms|s|m|h|d|w)")
_NAMED = re.compile(r"[A-Za-z]")
_FOLLOWS = {"within": _DURATION, "in": _DURATION, "after": _DURATION, "per": _DURATION, "by": _NAMED,
            "matching": re.compile(r"[\"']"), "for": _DURATION}  # fmt: skip
"""What must follow a keyword. Where something else does, the keyword is not all that is missing."""
_PERIOD_WORDS = frozenset({"in", "within", "for", "over", "during", "per", "every", "last", "after", "since"})
_CONFUSED = {
    "within": _PERIOD_WORDS, "in": _PERIOD_WORDS, "per": _PERIOD_WORDS | {"/"}, "for": _PERIOD_WORDS,
    "after": _PERIOD_WORDS | {"if"}, "by": frozenset({"on", "per", "with", "over", "of"}),
}  # fmt: skip
_ONE_CLAUSE = re.compile(r"to\s+[\w.-]+(?:\s*,\s*[\w.-]+)*|drop")
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


def _no_brace(context: Context) -> Remedy:
    """A block that does not begin with its brace."""
    arrow = _ARROW.match(context.rest_of_line)
    if arrow is not None:
        end = context.start + arrow.end()
        return Remedy(
            "write the clauses in braces", Edit(context.start, end, f"{{ to {arrow[1]} }}"), place=(context.start, end)
        )
    channels = re.fullmatch(r"[\w.-]+(?:\s*,\s*[\w.-]+)*", context.rest_of_line.strip())
    if context.before.endswith("otherwise") and channels is not None:
        edit = Edit(context.start, context.start + len(channels[0]), f"{{ to {channels[0]} }}")
        return Remedy(f"write `{{ to {channels[0]} }}`", edit, place=(edit.start, edit.end))
    clause = _ONE_CLAUSE.fullmatch(context.rest_of_line.rstrip())
    if context.before.endswith("otherwise") and clause is not None:
        end = context.start + len(clause[0])
        edit = Edit(context.start, end, f"{{ {clause[0]} }}")
        return Remedy(f"write `{{ {clause[0]} }}`", edit, certain=True, place=(context.start, end))
    if context.found == "=":
        end = context.end + (context.text[context.end : context.end + 1] == " ")
        return Remedy("remove `=`", Edit(context.start, end, ""), certain=True)
    if context.found in CLAUSES:
        return context.insert("{ ", "missing `{` before it?")
    if context.found in {"-", "("} or context.found in "\"'":
        return Remedy("the block begins here: write `{`")
    return Remedy("missing `{` before it?")


def _missing_word(context: Context, word: str) -> Remedy | None:
    """A keyword that is missing, or another word in its place."""
    if context.found in _CONFUSED.get(word, ()):
        return context.replace(word)
    value = _FOLLOWS.get(word)
    if context.before.endswith(f" {word}") or (word == "by" and context.found in RESERVED):
        return None
    if value is None:
        return context.insert(f"{word} ", f"missing `{word}` before it?")
    if value.match(context.rest_of_line):
        return context.insert(
            f"{word} ",
            f"missing `{word}` before it?",
        )
    return None


def _outside_a_route(context: Context) -> Remedy | None:
    """A clause at the top of a file or in a ``where``, or a ``where`` or a name without its route."""
    line = context.rest_of_line.rstrip()
    if context.wants_statement and context.found in CLAUSES and not context.line_before.strip():
        edit = Edit(context.start, context.start + len(line), f'route "NAME" {{ {line} }}')
        return Remedy("write it in a route", edit, message=f"`{context.found}` is outside of a route")
    if context.wants_statement and re.match(r"""(["'])[^"'\n]*\1\s*\{""", line):
        return context.insert("route ", "write `route` before the name")
    inside = re.match(r"[^{}]*", line)
    if {"WHERE", "ROUTE", "RBRACE"} <= context.expected and context.found in CLAUSES and inside is not None:
        clauses = inside[0].rstrip()
        edit = Edit(context.start, context.start + len(clauses), f'route "NAME" {{ {clauses} }}')
        return Remedy(f'write `route "NAME" {{ {clauses} }}`', edit, message="a `where` holds routes")
    where = re.search(r"(?:^|\n)[ \t]*(where)\b([^\n{}]*)$", context.before) if "LBRACE" in context.expected else None
    if where is not None and context.found in CLAUSES:
        start = context.offset(where, 1)
        text = f'route "NAME" {{ when{where[2]} {line} }}'
        return Remedy("write it as a route", Edit(start, context.start + len(line), text),
                      message="a `where` holds routes", place=(start, context.start))  # fmt: skip
    return None


def structure(context: Context) -> Remedy | None:
    """A block, keyword or bracket that is missing before the error."""
    found, expected = context.found, context.expected
    if (outside := _outside_a_route(context)) is not None:
        return outside
    if found == "routes" and context.wants_statement:
        return Remedy("write the routes without `routes { … }` around them")
    if found == "where" and "WHEN" in expected:
        return Remedy("inside a route write `when`; or missing `}` before it?")
    if found in _BLOCKS and "RBRACE" in expected:
        return Remedy("missing `}` before it?")
    if found in STATEMENTS and {"WHERE", "RBRACE"} <= expected:
        return Remedy("not allowed inside `where`; or missing `}` before it?")
    if expected == {"LBRACE"} and found == "when" and (moved := _brace_after_condition(context)) is not None:
        return moved
    if expected == {"LBRACE"}:
        return _no_brace(context)
    if expected == {"RPAR"} or ("RPAR" in expected and found in CLAUSES):
        return Remedy("missing `)` before it?")
    missing = [name.lower() for name in expected - {"COMMA"}]
    if len(missing) == 1 and missing[0] in RESERVED:
        return _missing_word(context, missing[0])
    return None
