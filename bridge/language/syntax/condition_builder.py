"""Builds the syntax tree of conditions from Lark's tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lark import Token, Transformer

from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Fix
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.syntax import tree as syntax
from bridge.language.syntax.escapes import BadEscape, unquote
from bridge.language.syntax.repaired_text import RepairedText

_QUOTED_ARGUMENT = re.compile(r"""\[(["'])([^\[\]"'\s\\]+)\1\]$""")
"""A field's argument in unnecessary quotes. Falco uses the same name without quotes."""


class ConditionBuilder(Transformer[Token, syntax.File]):
    """One method per grammar rule, called bottom-up. ``path`` and ``problems`` belong to the file being parsed."""

    def __init__(self) -> None:
        super().__init__(visit_tokens=False)
        self._text = RepairedText(SourceText("", ""))
        self.problems: list[Diagnostic] = []
        self._unfinished: list[Diagnostic] = []
        """Errors of strings that Falco rejects in conditions, until it is known whether they are in one."""
        self.comments: list[Token] = []
        self.spans: list[Span] = []
        """Every span that was made."""

    def start(self, text: RepairedText) -> None:
        """Begin a file or a condition. Nothing of an earlier one remains, even if its parsing stopped at an error."""
        self._text = text
        self.problems = []
        self.comments = []
        self.spans = []
        self._unfinished.clear()

    def comment(self, token: Token) -> Token:
        """Collect a comment. Called by the lexer."""
        self.comments.append(token)
        return token

    def _span(self, token: Token) -> Span:
        start, line, column = token.start_pos, token.line, token.column
        if start is None or line is None or column is None:
            raise ValueError("a token has no position")
        if self._text.edited:
            return self._made(self._text.span(start, start + len(token)))
        return self._made(Span(self._text.source.path, start, start + len(token), line, column))

    def _made(self, span: Span) -> Span:
        self.spans.append(span)
        return span

    def _across(self, first: Any, last: Any) -> Span:
        """From the first child's start to the last one's end; a child is a token or a node."""
        start = self._span(first) if isinstance(first, Token) else first.span
        ending = self._span(last) if isinstance(last, Token) else last.span
        return self._made(Span(start.path, start.start, ending.end, start.line, start.column))

    def _whole(self, children: Sequence[Any]) -> Span:
        return self._across(children[0], children[-1])

    def _word(self, token: Token) -> syntax.Word:
        span = self._span(token)
        if token.type != "STRING":
            return syntax.Word(str(token), quoted=False, span=span)
        value = unquote(str(token))
        if isinstance(value, BadEscape):
            place = Span(
                span.path,
                span.start + value.offset,
                span.start + value.offset + 2,
                span.line + token.count("\n", 0, value.offset),
                _column(token, value.offset, span.column),
            )
            self.problems.append(
                Diagnostic(
                    Code.BAD_ESCAPE,
                    f"unknown escape `{value.text}`",
                    place,
                    f"write `\\{value.text}` for a backslash",
                    fix=Fix(place.start, place.start, "\\", certain=not self._text.edited),
                )
            )
            value = str(token)[1:-1]
        return syntax.Word(value, quoted=True, span=span, escaped=str(token) if "\\" in token else "")

    def _report_unfinished(self) -> None:
        self.problems += self._unfinished
        self._unfinished.clear()

    def any(self, children: list[Any]) -> syntax.Disjunction:
        """``… or …``."""
        return syntax.Disjunction(tuple(children[::2]), self._whole(children))

    def all(self, children: list[Any]) -> syntax.Conjunction:
        """``… and …``."""
        return syntax.Conjunction(tuple(children[::2]), self._whole(children))

    def negation(self, children: list[Any]) -> syntax.Negation:
        """``not …``."""
        return syntax.Negation(children[1], self._whole(children))

    def group(self, children: list[Any]) -> syntax.Parenthesized:
        """``( … )``."""
        return syntax.Parenthesized(children[1], self._whole(children))

    def macro_use(self, children: list[Any]) -> syntax.MacroUse:
        """The name of a macro."""
        return syntax.MacroUse(str(children[0]), self._span(children[0]))

    def exists(self, children: list[Any]) -> syntax.Existence:
        """``field exists``."""
        self._report_unfinished()
        return syntax.Existence(children[0], self._whole(children))

    def compare(self, children: list[Any]) -> syntax.Comparison:
        """``left operator [quantifier] right``."""
        self._report_unfinished()
        quantifier = self._word(children[2]) if len(children) == 4 else None
        return syntax.Comparison(children[0], self._word(children[1]), quantifier, children[-1], self._whole(children))

    def field(self, children: list[Any]) -> syntax.FieldName:
        """A name with a dot; ``proc.env["HOME"]`` is ``proc.env[HOME]``."""
        return syntax.FieldName(_QUOTED_ARGUMENT.sub(r"[\2]", children[0]), self._span(children[0]))

    attribute = key = field

    def text(self, children: list[Any]) -> syntax.Word:
        """A value in a condition or a list."""
        token = children[0]
        if token.type == "STRING" and token[-2] == "\\":
            self._unfinished.append(
                Diagnostic(
                    Code.BAD_ESCAPE,
                    "Falco reads the closing quote as escaped, so the string does not end",
                    self._span(token),
                    "write the final backslash as `\\ `: a backslash and a space",
                )
            )
        return self._word(token)

    quoted = text
    number = text

    def value(self, children: list[Any]) -> syntax.Word:
        """A value in the event of a test. Falco never parses it."""
        return self._word(children[0])

    def items(self, children: list[Any]) -> syntax.WordList:
        """``(a, b)``."""
        return syntax.WordList(tuple(children[1:-1:2]), self._whole(children))

    values = items

    def arguments(self, children: list[Any]) -> syntax.Arguments:
        """``(a, b)`` as an argument."""
        return syntax.Arguments(tuple(children[1:-1:2]), self._whole(children))

    def call(self, children: list[Any]) -> syntax.Transform:
        """``name(a, b)``, ``getopt(a, b)[c]``."""
        last = children[-1]
        selector = last.strip("[]\"'") if last.type == "SELECTOR" else None
        arguments = children[2 : -1 if selector is None else -2 : 2]
        return syntax.Transform(self._word(children[0]), tuple(arguments), self._whole(children), selector)

    def condition(self, children: list[Any]) -> Any:
        """A condition on its own."""
        return children[0]


def _column(token: Token, offset: int, column: int) -> int:
    """The column of a character in a token, which may span lines."""
    newline = token.rfind("\n", 0, offset)
    return column + offset if newline < 0 else offset - newline
