"""What the grammar allows at the end of a text: for completion in editors."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.language.diagnostics.source import SourceText
from bridge.language.syntax.parser import open_parser


@dataclass(frozen=True, slots=True)
class Token:
    """A token before the end of the text."""

    terminal: str
    """The terminal's name in ``grammar/route.lark``."""
    text: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What may follow a text."""

    terminals: frozenset[str]
    """Names of terminals in ``grammar/route.lark``."""
    tokens: tuple[Token, ...]
    """The tokens of the text, in order."""


def expected_after(text: str) -> Expected | None:
    """What may follow ``text``, which starts with a statement. None if the text has a syntax error. Never raises."""
    from lark import UnexpectedInput

    parser = open_parser(SourceText("", text))
    interactive = parser.parse_interactive(text, start="file")
    tokens: list[Token] = []
    try:
        for token in interactive.iter_parse():
            tokens.append(Token(token.type, str(token)))  # noqa: PERF401  # an error keeps what came before it
    except UnexpectedInput:
        return None
    allowed: set[str] = interactive.accepts()  # type: ignore[no-untyped-call]
    return Expected(frozenset(allowed) - {"$END"}, tuple(tokens))
