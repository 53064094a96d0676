"""Formats ``.route`` files in one layout, without options. Only white space and redundant quotes change.

A statement or clause with a comment inside keeps its line breaks and is only indented: a comment belongs to its line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.format.clauses import STEP, PartLines
from bridge.language.format.condition import condition_lines, string_text
from bridge.language.format.statements import statement_lines
from bridge.language.syntax import tree as syntax
from bridge.language.syntax.parser import Comment, parse

WIDTH = 100
_STRING = re.compile(r"""(["'])(?:\\[\s\S]|(?!\1)[^\\])*+\1""")
_SIMPLE = (
    syntax.Import,
    syntax.ListStatement,
    syntax.MacroStatement,
    syntax.ScheduleStatement,
    syntax.RedactStatement,
    syntax.TableStatement,
)
_Block = syntax.RouteStatement | syntax.WhereStatement | syntax.TemplateStatement | syntax.TestStatement


def format_text(source: SourceText) -> str | tuple[Diagnostic, ...]:
    """The formatted file. Returns the diagnostics if the file has syntax errors."""
    parsed = parse(source)
    if parsed.diagnostics:
        return parsed.diagnostics
    try:
        return _Printer(source.text, parsed.comments).file(parsed.file.statements)
    except RecursionError:
        whole = Span(source.path, 0, 1, 1, 1)
        return (
            Diagnostic(Code.TOO_DEEP, "the file is nested too deeply to be formatted", whole, "reduce the nesting"),
        )


class _Printer:
    """Prints statements in order, with the comments at their places."""

    def __init__(self, text: str, comments: Sequence[Comment]) -> None:
        self._text = text
        self._parts = PartLines(text)
        self._comments = list(comments)
        self._lines: list[str] = []
        self._end = 0
        """The offset in the text of the end of the last printed item."""

    def file(self, statements: Sequence[syntax.Statement]) -> str:
        """Print the file."""
        for before, statement in zip((None, *statements), statements, strict=False):
            self._separate(before, statement)
            self._statement(statement, "")
        self._flush(len(self._text), "")
        return "\n".join(self._lines).strip("\n") + "\n" if self._lines else ""

    # Statements

    def _separate(self, before: syntax.Statement | None, statement: syntax.Statement) -> None:
        """Print an empty line around blocks and where the original has one."""
        if before is None:
            return
        blocks = not isinstance(before, _SIMPLE) or not isinstance(statement, _SIMPLE)
        self._flush_trailing(statement.span.start)
        if blocks or self._gap_before(self._next_start(statement.span.start)):
            self._blank()

    def _statement(self, statement: syntax.Statement, indent: str) -> None:
        match statement:
            case syntax.WhereStatement():
                self._where(statement, indent)
            case syntax.RouteStatement():
                self._block(statement, self._route_head(statement), statement.clauses, indent)
            case syntax.TemplateStatement():
                self._block(statement, f"template {statement.name.text}", statement.texts, indent)
            case syntax.TestStatement():
                self._block(statement, f"test {self._string(statement.name)}", statement.steps, indent)
            case _:
                self._whole(statement.span, statement_lines(statement, self._text, WIDTH - len(indent)), indent)

    def _route_head(self, statement: syntax.RouteStatement) -> str:
        return "otherwise" if statement.name is None else f"route {self._string(statement.name)}"

    def _where(self, statement: syntax.WhereStatement, indent: str) -> None:
        self._flush(statement.span.start, indent)
        lines = condition_lines("where ", statement.condition, self._text, WIDTH - len(indent) - 2)
        head = replace(statement.span, end=statement.condition.span.end)
        if self._comment_within(head):
            lines = self._as_written(head)
        self._print([*lines[:-1], lines[-1] + " {"], indent, head.end)
        for before, each in zip((None, *statement.body), statement.body, strict=False):
            if before is not None:
                self._flush_trailing(each.span.start)
                self._blank()
            self._statement(each, indent + STEP)
        self._close(statement.span, indent)

    def _block(
        self,
        statement: _Block,
        head: str,
        body: Sequence[syntax.Clause | syntax.Step],
        indent: str,
    ) -> None:
        start = statement.head.start if isinstance(statement, syntax.RouteStatement) else statement.span.start
        self._flush(start, indent)
        self._print([f"{head} {{"], indent, self._text.index("{", self._head_end(statement)) + 1)
        for each in body:
            self._whole(each.span, self._parts.of(each, WIDTH - len(indent) - len(STEP)), indent + STEP)
        self._close(statement.span, indent)

    def _head_end(self, statement: _Block) -> int:
        match statement:
            case syntax.RouteStatement():
                return statement.head.end
            case syntax.WhereStatement():
                return statement.condition.span.end
            case _:
                return statement.name.span.end

    def _close(self, span: Span, indent: str) -> None:
        self._flush(span.end - 1, indent + STEP)
        self._print(["}"], indent, span.end)

    def _string(self, word: syntax.Word) -> str:
        return string_text(word, self._text)

    # Lines and comments

    def _whole(self, span: Span, lines: list[str], indent: str) -> None:
        """Print something without inner comments, or as written if it has comments."""
        self._flush(span.start, indent)
        if self._comment_within(span):
            lines = self._as_written(span)
        self._print(lines, indent, span.end)

    def _as_written(self, span: Span) -> list[str]:
        """The original lines. Comments inside are included and not printed again."""
        inside = [each for each in self._comments if span.start <= each.start < span.end]
        self._comments = [each for each in self._comments if each not in inside]
        first, *rest = self._lines_of(span, {each.start: each for each in inside})
        return [first.strip(), *(STEP * 2 + line.strip() for line in rest if line.strip())]

    def _lines_of(self, span: Span, comments: Mapping[int, Comment]) -> list[str]:
        """The lines of a range. A multi-line string counts as one line, because its white space is significant."""
        lines, at = [""], span.start
        while at < span.end:
            comment = comments.get(at)
            string = None if comment else _STRING.match(self._text, at)
            piece = comment.text if comment else string[0] if string else self._text[at]
            at += len(piece)
            if piece == "\n":
                lines.append("")
            else:
                lines[-1] += piece
        return lines

    def _comment_within(self, span: Span) -> bool:
        return any(span.start <= each.start < span.end for each in self._comments)

    def _print(self, lines: Sequence[str], indent: str, end: int) -> None:
        self._lines += [indent + line for line in lines]
        self._end = end

    def _flush(self, offset: int, indent: str) -> None:
        """Print the comments before an offset."""
        self._flush_trailing(offset)
        while self._comments and self._comments[0].start < offset:
            comment = self._comments.pop(0)
            if self._lines and self._gap_before(comment.start) and not self._lines[-1].endswith("{"):
                self._blank()
            self._print([comment.text], indent, comment.start + len(comment.text))
        opened = self._lines and self._lines[-1].endswith("{")
        closes = self._text[offset : offset + 1] == "}"
        if self._lines and not opened and not closes and self._gap_before(offset) and offset < len(self._text):
            self._blank()

    def _flush_trailing(self, offset: int) -> None:
        """Print a comment at the end of the line that it follows."""
        while self._comments and self._comments[0].start < offset and self._lines:
            comment = self._comments[0]
            if "\n" in self._text[self._end : comment.start] or not self._end:
                return
            self._comments.pop(0)
            self._lines[-1] += f"  {comment.text}"
            self._end = comment.start + len(comment.text)

    def _next_start(self, offset: int) -> int:
        return min([offset, *(each.start for each in self._comments[:1])])

    def _gap_before(self, offset: int) -> bool:
        """Whether the original has an empty line between the last printed item and this offset."""
        return self._text[self._end : offset].count("\n") > 1

    def _blank(self) -> None:
        if self._lines and self._lines[-1]:
            self._lines.append("")
