"""Checks ``redact`` statements: fields and the regex."""

from __future__ import annotations

from bridge.language.checker.conditions.regex_error import explain
from bridge.language.checker.conditions.resolve import Resolver
from bridge.language.checker.places import within
from bridge.language.checker.scope import Scope
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import Span
from bridge.language.program.fields.kinds import ATTRIBUTES
from bridge.language.program.program import Redaction
from bridge.language.program.regex import compile_regex, matches_empty
from bridge.language.syntax import tree as syntax

_MASK = "***"
"""The default replacement of redacted text."""


def check_redaction(
    statement: syntax.RedactStatement, scope: Scope, resolver: Resolver, problems: list[Diagnostic]
) -> Redaction | None:
    """The redaction of a statement. None after an error in the regex. Problems are added to ``problems``."""

    def report(code: Code, message: str, span: Span, hint: str) -> None:
        problems.append(Diagnostic(code, message, span, hint))

    fields = tuple(name for each in statement.fields if (name := resolver.operands.field_name(each)) is not None)
    if scope.known.confined:
        hint = "redact in files that belong to no group: it changes what all groups see"
        report(Code.MISPLACED_CLAUSE, "`redact` is not allowed in a group with `where`", statement.span, hint)
    for each in statement.fields:
        if each.text in ATTRIBUTES and each.text != "output":
            report(Code.MISPLACED_CLAUSE, f"`{each.text}` cannot be redacted", each.span,
                   "only output fields and `output` can")  # fmt: skip
    compiled = compile_regex(statement.pattern.text)
    if isinstance(compiled, str):
        error = explain(statement.pattern.text, compiled)
        span = within(statement.pattern, error.start, error.end)
        report(Code.BAD_REGEX, f"invalid regex: {error.message}", span, error.hint)
        return None
    if matches_empty(compiled):
        hint = "write what every match contains: `+` for at least one, instead of `*`"
        report(Code.EMPTY_MATCH, "the regex matches the empty text", statement.pattern.span, hint)
    mask = _MASK if statement.replacement is None else statement.replacement.text
    return Redaction(fields, statement.pattern.text, mask)
