"""Formats ``.route`` files in one layout, without options. Only white space and redundant quotes change.

A statement or clause with a comment inside keeps its line breaks and is only indented: a comment belongs to its line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.format.condition import condition_lines, list_lines, string_text, word_text
from bridge.language.syntax import tree as syntax
from bridge.language.syntax.parser import Comment, parse

WIDTH = 100
_STEP = "  "
_COLUMN = 10
"""The column of a clause's value, after its keyword."""
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
                self._whole(statement.span, self._simple(statement, indent), indent)

    def _simple(self, statement: syntax.Statement, indent: str) -> list[str]:
        room = WIDTH - len(indent)
        match statement:
            case syntax.Import():
                falco = "falco " if statement.falco else ""
                return [f"import {falco}{self._string(statement.path)}"]
            case syntax.ListStatement():
                sign = "+=" if statement.appends else "="
                head = f"list {statement.name.text} {sign} "
                return list_lines(head, statement.items, self._text, room)
            case syntax.MacroStatement():
                return condition_lines(f"macro {statement.name.text} = ", statement.condition, self._text, room)
            case syntax.ScheduleStatement():
                return [self._schedule(statement)]
            case syntax.RedactStatement():
                return [self._redact(statement)]
            case syntax.TableStatement():
                return [f"table {statement.name.text} = {self._string(statement.path)} by {_keys(statement.by)}"]
            case _:
                raise AssertionError(statement)

    def _schedule(self, statement: syntax.ScheduleStatement) -> str:
        parts = [
            " ".join(
                ", ".join(word.text for word in words)
                for words in (sorted((*part.days, *part.dates), key=_place), part.hours)
                if words
            )
            for part in statement.periods
        ]
        zone = "" if statement.zone is None else f" in {self._string(statement.zone)}"
        return f"schedule {statement.name.text} = {', '.join(parts)}{zone}"

    def _redact(self, statement: syntax.RedactStatement) -> str:
        mask = "" if statement.replacement is None else f" with {self._string(statement.replacement)}"
        return f"redact {_keys(statement.fields)} matching {self._string(statement.pattern)}{mask}"

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
            self._statement(each, indent + _STEP)
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
            self._whole(each.span, self._line_of(each, len(indent) + len(_STEP)), indent + _STEP)
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
        self._flush(span.end - 1, indent + _STEP)
        self._print(["}"], indent, span.end)

    # Clauses and steps

    def _line_of(self, each: syntax.Clause | syntax.Step, indent: int) -> list[str]:
        room = WIDTH - indent
        match each:
            case syntax.WhenClause():
                return condition_lines(_padded("when"), each.condition, self._text, room)
            case syntax.DuringClause():
                return [f"{_padded('not during' if each.negated else 'during')}{each.schedule.text}"]
            case syntax.ToClause():
                after = "" if each.after is None else f" after {each.after.text}"
                otherwise = f" else {_names(each.otherwise)}" if each.otherwise else ""
                return [f"{_padded('to')}{_names(each.channels)}{otherwise}{after}"]
            case syntax.FieldsClause():
                return [_padded("fields") + _keys(each.fields)]
            case syntax.LinkClause():
                url = self._string(each.url) if isinstance(each.url, syntax.Word) else each.url.text
                return [f"{_padded('link')}{self._string(each.name)} {url}"]
            case syntax.ValueClause():
                value = self._string(each.value) if each.value.quoted else each.value.text
                return [_padded(each.keyword) + value]
            case syntax.FlagClause():
                return [each.keyword]
            case syntax.WindowedClause():
                return self._memory(each, room)
            case _:
                return self._step(each, room)

    def _memory(self, clause: syntax.WindowedClause, room: int) -> list[str]:
        head = _padded(clause.keyword)
        window = "" if clause.window is None else clause.window.text
        by = f" by {_keys(clause.by)}" if clause.by else f" by {_pairs(clause.pairs)}" if clause.pairs else ""
        count = "" if clause.count is None else clause.count.text
        match clause.keyword:
            case "new":
                learn = "" if clause.learn is None else f" learn {clause.learn.text}"
                return [f"{head}{_keys(clause.fields)} in {window}{by}{learn}"]
            case "after":
                distinct = "" if clause.distinct is None else f" distinct {clause.distinct.text}"
                return [f"{head}{count}{distinct} in {window}{by}"]
            case "unless" | "with":
                assert clause.condition is not None
                name = "" if clause.name is None else f"{clause.name.text} = "
                wait = "" if clause.wait is None else f" wait {clause.wait.text}"
                lines = condition_lines(head + name, clause.condition, self._text, room)
                return _with_tail(lines, (f"within {window}", by.strip(), wait.strip()), room)
            case "then":
                assert clause.condition is not None
                lines = condition_lines(head + ("not " if clause.negated else ""), clause.condition, self._text, room)
                return _with_tail(lines, (f"within {window}", by.strip()), room)
            case "absent":
                return [f"{head}{window}{by}"]
            case "throttle":
                return [f"{head}{count} per {window}{by}"]
            case "resolve":
                return [f"{head}after {window}"]
            case _:
                more = ((word, text) for word, text in (("wait", clause.wait), ("every", clause.every)) if text)
                options = "".join(f" {word} {text.text}" for word, text in more)
                return [f"{head}by {_keys(clause.by)}{options}" + (f" limit {count}" if count else "")]

    def _step(self, step: syntax.Step, room: int) -> list[str]:
        match step:
            case syntax.EventStep():
                return self._event(step, room)
            case syntax.PassStep():
                return [f"after {step.duration.text}"]
            case syntax.AckStep():
                return [f"ack {self._string(step.route)}"]
            case syntax.ResolveStep():
                return [f"resolve {self._string(step.route)}"]
            case syntax.SilenceStep():
                lines = condition_lines("silence ", step.condition, self._text, room)
                return [*lines[:-1], f"{lines[-1]} for {step.duration.text}"]
            case syntax.ExpectStep():
                return [self._expect(step)]

    def _event(self, step: syntax.EventStep, room: int) -> list[str]:
        pairs = [f"{each.field.text} = {self._assigned(each.value)}" for each in step.assignments]
        flat = f"event {{ {'  '.join(pairs)} }}" if pairs else "event { }"
        return [flat] if len(flat) <= room else ["event {", *(_STEP + pair for pair in pairs), "}"]

    def _assigned(self, value: syntax.Word | syntax.WordList) -> str:
        if isinstance(value, syntax.Word):
            return word_text(value, self._text)
        return f"({', '.join(word_text(word, self._text) for word in value.words)})"

    def _expect(self, step: syntax.ExpectStep) -> str:
        if step.route is None:
            return "expect nothing"
        parts = ["expect not" if step.negated else "expect", self._string(step.route)]
        if step.to:
            parts.append(f"to {_names(step.to)}")
        if step.count is not None:
            parts.append(f"count {step.count.text}")
        if step.contains is not None:
            parts.append(f"message contains {self._string(step.contains)}")
        return " ".join(parts)

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
        return [first.strip(), *(_STEP * 2 + line.strip() for line in rest if line.strip())]

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


def _padded(keyword: str) -> str:
    return keyword.ljust(_COLUMN) if len(keyword) < _COLUMN else f"{keyword} "


def _with_tail(lines: Sequence[str], parts: Sequence[str], room: int) -> list[str]:
    """The lines of a condition and the rest of its clause: on the last line, on one more, or on a line each."""
    parts = [part for part in parts if part]
    tail = " ".join(parts)
    if len(lines[-1]) + 1 + len(tail) <= room:
        return [*lines[:-1], f"{lines[-1]} {tail}"]
    indent = " " * _COLUMN
    return [*lines, *(indent + part for part in ([tail] if _COLUMN + len(tail) <= room else parts))]


def _names(words: Sequence[syntax.Word]) -> str:
    return ", ".join(word.text for word in words)


def _pairs(pairs: Sequence[syntax.KeyPair]) -> str:
    return ", ".join(each.own.text + ("" if each.other is None else f" = {each.other.text}") for each in pairs)


def _keys(fields: Sequence[syntax.FieldName]) -> str:
    return ", ".join(each.text for each in fields)


def _place(word: syntax.Word) -> int:
    return word.span.start
