"""Text to syntax tree. A mistake costs its own statement only: the others are parsed and checked all the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from bridge.language.diagnostic import Diagnostic
from bridge.language.grammar_file import grammar_text
from bridge.language.source import Source
from bridge.language.syntax import File, Statement, Written
from bridge.language.syntax_error import BODY, describe, describe_quote, expected_by

if TYPE_CHECKING:
    from lark import Lark, UnexpectedInput

    from bridge.language.tree_builder import TreeBuilder

_OPENING = frozenset({"LBRACE"})
MOST_SYNTAX_ERRORS = 50
"""Past this many in one file the rest is not looked at."""

_STATEMENT = re.compile(
    r"(?:^|[{}])[ \t]*(import|list|macro|schedule|template|redact|where|route|otherwise|test)\b", re.MULTILINE
)
_BROKEN_NAME = re.compile(r"(?:list|macro|schedule|template)\s+(\w+)")
_TEXT = re.compile(r"""(?<![^\s(){},=])#[^\n]*|"(?:[^"\\]|\\[\s\S])*+"?|'(?:[^'\\]|\\[\s\S])*+'?""")
_BRACE = re.compile(r"""[{}]|#[^\n]*|"(?:\\.|[^"\\\n])*+"?|'(?:\\.|[^'\\\n])*+'?""")
"""A string that its line does not close ends with the line: a search from each quote in it would be quadratic."""


@dataclass(frozen=True, slots=True)
class Comment:
    """``# …``, which only the formatter reads."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one file came to."""

    file: File
    diagnostics: tuple[Diagnostic, ...]
    broken_names: frozenset[str]
    """Lists, macros and the like whose statement could not be read: using them is no further mistake."""
    comments: tuple[Comment, ...] = ()
    """In order; only of a file without syntax errors."""


def parse(source: Source) -> Parsed:
    """The tree of one file, and everything that is wrong with its syntax. Never raises."""
    parser, builder = _parser()
    text, diagnostics, broken = source.text, list[Diagnostic](), set[str]()
    builder.path, builder.problems = source.path, []
    statements: tuple[Statement, ...] = ()
    while len(diagnostics) < MOST_SYNTAX_ERRORS:
        file, error = _attempt(parser, builder, text, "file")
        if error is None:
            statements = file.statements
            break
        offset, expected = _offset(error, text), expected_by(error)
        quote = _open_quote(text, offset)
        diagnostics.append(describe(error, source) if quote is None else describe_quote(quote, offset, source))
        misplaced = quote is None and offset < len(text) and expected >= BODY
        offset = offset if quote is None else quote
        if misplaced:
            start, end = _misplaced(text, offset)
        else:
            start, end = _broken_statement(text, offset, unopened=expected == _OPENING)
        name = _BROKEN_NAME.match(text, start)
        if name is not None:
            broken.add(name[1])
        text = _blanked(text, start, end)
    comments = tuple(Comment(str(token).rstrip(), token.start_pos or 0) for token in builder.comments)
    return Parsed(File(statements), (*diagnostics, *builder.problems), frozenset(broken), comments)


def parse_condition(source: Source) -> Written | tuple[Diagnostic, ...]:
    """The tree of a condition by itself, or what is wrong with it. Never raises."""
    parser, builder = _parser()
    builder.path, builder.problems = source.path, []
    condition, error = _attempt(parser, builder, source.text, "condition")
    if error is not None:
        return (describe(error, source),)
    return tuple(builder.problems) or condition


@cache
def _parser() -> tuple[Lark, TreeBuilder]:
    from lark import Lark  # 50 ms that --version does not need

    from bridge.language.tree_builder import TreeBuilder

    builder = TreeBuilder()
    lark = Lark(
        grammar_text(), parser="lalr", lexer="contextual", start=["file", "condition"], transformer=builder,
        maybe_placeholders=False, lexer_callbacks={"COMMENT": builder.comment},
    )  # fmt: skip
    return lark, builder


def _attempt(parser: Lark, builder: TreeBuilder, text: str, start: str) -> tuple[Any, UnexpectedInput | None]:
    """What the builder made of the text, or where the parser stopped."""
    from lark import UnexpectedInput

    builder.problems, builder.comments = [], []
    try:
        return parser.parse(text, start=start), None
    except UnexpectedInput as error:
        return None, error


def _offset(error: UnexpectedInput, text: str) -> int:
    """Where the parser stopped; the file's end where more was wanted."""
    token = getattr(error, "token", None)
    at_end = token is not None and token.type == "$END"
    return len(text) if at_end or error.pos_in_stream is None else error.pos_in_stream


def _open_quote(text: str, offset: int) -> int | None:
    """Where a text opens that spans lines and ends right before the mistake: its own quote is missing, most likely."""
    for match in _TEXT.finditer(text, 0, offset):
        if match.end() == offset and match[0][0] in "\"'" and "\n" in match[0]:
            return match.start()
    return None


def _broken_statement(text: str, offset: int, *, unopened: bool) -> tuple[int, int]:
    """The stretch of the statement that holds the mistake: from its keyword to the next statement's.

    Of a block that is ``unopened``, for its brace is missing, the closing brace is a part all the same.
    """
    start, end = 0, len(text)
    for match in _STATEMENT.finditer(text):
        # A mistake that shows at a statement's own keyword belongs to the one before, which was not complete.
        if match.start(1) < offset:
            start = match.start(1)
        else:
            end = match.start(1)
            break
    block = _block_end(text, start, end, depth=int(unopened))
    if block < offset or (block == offset and text[offset : offset + 1] == "}"):
        return offset, max(end, offset + 1)  # the statement was whole; what follows it belongs to nothing
    return start, max(block, min(start + 1, len(text)))


def _misplaced(text: str, offset: int) -> tuple[int, int]:
    """The stretch of what cannot stand in a ``where``, which is whole but for that."""
    following = _STATEMENT.search(text, offset + 1)
    return offset, max(_block_end(text, offset, len(text) if following is None else following.start(1)), offset + 1)


def _block_end(text: str, start: int, end: int, depth: int = 0) -> int:
    """Where the braces that open in this stretch are closed: a block around it must keep its own."""
    for match in _BRACE.finditer(text, start, end):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth <= 0:
                return match.end() if depth == 0 else match.start()
    return end


def _blanked(text: str, start: int, end: int) -> str:
    """The text with a stretch made blank, so that everything behind it keeps its place."""
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]
