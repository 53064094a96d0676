"""Problems of a statement, which follow it when the text above it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bridge.language.diagnostics.diagnostic import Diagnostic
from bridge.language.diagnostics.source import Span

_Place = tuple[int, int]
"""The offset and the line of a start."""


@dataclass(frozen=True, slots=True)
class Anchored:
    """Problems with the place that their statement had when they were found.

    ``reparse`` moves the spans of the syntax tree in place. The spans and edits of parts of a word are not among
    them: those are computed again.
    """

    statement: Span
    """The statement's span, as it is now."""
    range: tuple[int, int]
    line: int
    problems: tuple[tuple[Diagnostic, tuple[_Place, ...]], ...]
    """Each with the places that its spans had."""

    def now(self) -> list[Diagnostic]:
        """The problems where they are now."""
        offset, lines = self.statement.start - self.range[0], self.statement.line - self.line
        if not offset and not lines:
            return [problem for problem, _ in self.problems]
        return [self._moved(problem, places, offset, lines) for problem, places in self.problems]

    def _moved(self, problem: Diagnostic, places: Sequence[_Place], offset: int, lines: int) -> Diagnostic:
        fix = problem.fix
        # An edit at the start of a statement is not about it: it inserts an import at the start of the file.
        if fix is not None and self.range[0] < fix.start <= self.range[1]:
            fix = replace(fix, start=fix.start + offset, end=fix.end + offset)
        spans = [
            self._shifted(span, place, offset, lines)
            for span, place in zip(_spans(problem), places, strict=True)
        ]  # fmt: skip
        related = tuple((label, span) for (label, _), span in zip(problem.related, spans[1:], strict=True))
        return replace(problem, span=spans[0], related=related, fix=fix)

    def _shifted(self, span: Span, place: _Place, offset: int, lines: int) -> Span:
        inside = span.path == self.statement.path and self.range[0] <= place[0] <= self.range[1]
        if not inside or (span.start, span.line) != place:
            return span
        return Span(span.path, span.start + offset, span.end + offset, span.line + lines, span.column)


def anchored(statement: Span, problems: Sequence[Diagnostic]) -> Anchored:
    """Problems that were found in a statement, where they are now."""
    placed = tuple((each, tuple((span.start, span.line) for span in _spans(each))) for each in problems)
    return Anchored(statement, (statement.start, statement.end), statement.line, placed)


def _spans(problem: Diagnostic) -> list[Span]:
    return [problem.span, *(span for _, span in problem.related)]
