"""From Lark's tokens to the frozen syntax tree. No Lark type leaves the parser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lark import Token, Transformer

from bridge.language import syntax
from bridge.language.diagnostic import Code, Diagnostic
from bridge.language.escapes import BadEscape, unquote
from bridge.language.source import Span


class TreeBuilder(Transformer[Token, syntax.File]):
    """Called by the parser bottom-up, a method a rule; ``path`` and ``problems`` belong to the file being parsed."""

    def __init__(self) -> None:
        super().__init__(visit_tokens=False)
        self.path = ""
        self.problems: list[Diagnostic] = []

    def _span(self, token: Token) -> Span:
        start, line, column = token.start_pos, token.line, token.column
        if start is None or line is None or column is None:
            raise ValueError("the lexer gives every token its place")
        return Span(self.path, start, start + len(token), line, column)

    def _across(self, first: Any, last: Any) -> Span:
        """From the first child's start to the last one's end; a child is a token or a node."""
        start = self._span(first) if isinstance(first, Token) else first.span
        ending = self._span(last) if isinstance(last, Token) else last.span
        return Span(start.path, start.start, ending.end, start.line, start.column)

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
                    f"`{value.text}` is not an escape that Falco knows",
                    place,
                    "a backslash itself is written `\\\\`",
                )
            )
            value = str(token)[1:-1]
        return syntax.Word(value, quoted=True, span=span)

    # Statements

    def file(self, children: list[Any]) -> syntax.File:
        """All statements."""
        return syntax.File(tuple(children))

    def list_statement(self, children: list[Any]) -> syntax.ListStatement:
        """``list NAME = items``."""
        return syntax.ListStatement(self._word(children[1]), children[3], appends=False, span=self._whole(children))

    def append(self, children: list[Any]) -> syntax.ListStatement:
        """``list NAME += items``."""
        return syntax.ListStatement(self._word(children[1]), children[3], appends=True, span=self._whole(children))

    def macro(self, children: list[Any]) -> syntax.MacroStatement:
        """``macro NAME = condition``."""
        return syntax.MacroStatement(self._word(children[1]), children[3], self._whole(children))

    def route(self, children: list[Any]) -> syntax.RouteStatement:
        """``route "name" { clauses }``."""
        name = self._word(children[1])
        head = self._across(children[0], children[1])
        return syntax.RouteStatement(name, tuple(children[3:-1]), head, self._whole(children))

    def otherwise(self, children: list[Any]) -> syntax.RouteStatement:
        """``otherwise { clauses }``."""
        return syntax.RouteStatement(None, tuple(children[2:-1]), self._span(children[0]), self._whole(children))

    # Clauses

    def when(self, children: list[Any]) -> syntax.When:
        """``when condition``."""
        return syntax.When(children[1], self._whole(children))

    def to(self, children: list[Any]) -> syntax.To:
        """``to a, b``."""
        channels = tuple(self._word(child) for child in children[1::2])
        return syntax.To(channels, self._whole(children))

    def _say(self, children: list[Any]) -> syntax.Say:
        return syntax.Say(str(children[0]), self._word(children[1]), self._whole(children))

    severity = title = message = _say

    def _flag(self, children: list[Any]) -> syntax.Flag:
        return syntax.Flag(str(children[0]), self._span(children[0]))

    drop = stop = _flag

    # Conditions

    def any(self, children: list[Any]) -> syntax.Disjunction:
        """``… or …``."""
        return syntax.Disjunction(tuple(children[::2]), self._whole(children))

    def all(self, children: list[Any]) -> syntax.Conjunction:
        """``… and …``."""
        return syntax.Conjunction(tuple(children[::2]), self._whole(children))

    def negation(self, children: list[Any]) -> syntax.Negation:
        """``not …``."""
        return syntax.Negation(children[1], self._whole(children))

    def group(self, children: list[Any]) -> syntax.Group:
        """``( … )``."""
        return syntax.Group(children[1], self._whole(children))

    def macro_use(self, children: list[Any]) -> syntax.MacroUse:
        """A bare name."""
        return syntax.MacroUse(str(children[0]), self._span(children[0]))

    def exists(self, children: list[Any]) -> syntax.Existence:
        """``field exists``."""
        return syntax.Existence(children[0], self._whole(children))

    def compare(self, children: list[Any]) -> syntax.Comparison:
        """``left operator [quantifier] right``."""
        quantifier = self._word(children[2]) if len(children) == 4 else None
        return syntax.Comparison(children[0], self._word(children[1]), quantifier, children[-1], self._whole(children))

    def field(self, children: list[Any]) -> syntax.FieldName:
        """A name with a dot."""
        return syntax.FieldName(str(children[0]), self._span(children[0]))

    attribute = field

    def text(self, children: list[Any]) -> syntax.Word:
        """A value."""
        return self._word(children[0])

    quoted = text

    def items(self, children: list[Any]) -> syntax.WordList:
        """``(a, b)``."""
        return syntax.WordList(tuple(children[1:-1:2]), self._whole(children))

    def arguments(self, children: list[Any]) -> syntax.Arguments:
        """``(a, b)`` as an argument."""
        return syntax.Arguments(tuple(children[1:-1:2]), self._whole(children))

    def call(self, children: list[Any]) -> syntax.Transform:
        """``name(a, b)``."""
        return syntax.Transform(self._word(children[0]), tuple(children[2:-1:2]), self._whole(children))

    def condition(self, children: list[Any]) -> Any:
        """A condition by itself."""
        return children[0]


def _column(token: Token, offset: int, column: int) -> int:
    """The column of a character inside a token that may span lines."""
    newline = token.rfind("\n", 0, offset)
    return column + offset if newline < 0 else offset - newline
