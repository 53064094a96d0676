"""Checks ``to`` clauses: channels, and columns of tables that name channels."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.common.suggest import did_you_mean
from bridge.language.checker.scope import Scope
from bridge.language.checker.table_file import TableFile
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import Span
from bridge.language.program.table import TableChannel
from bridge.language.syntax import tree as syntax

_MOST_REPORTED = 20


class DestinationChecker:
    """Checks destinations in the scope of a file. Problems are added to ``problems``."""

    def __init__(self, scope: Scope, problems: list[Diagnostic]) -> None:
        self._scope = scope
        self._problems = problems

    def fixed(self, clauses: Sequence[syntax.ToClause]) -> tuple[str, ...]:
        """The channels that the clauses name themselves, in order, without repetition."""
        return self.known([word for clause in clauses for word in clause.channels if not self._is_column(word)])

    def named(self, clauses: Sequence[syntax.ToClause]) -> tuple[TableChannel, ...]:
        """The columns that name channels."""
        found: list[TableChannel] = []
        for clause in clauses:
            otherwise = self.known(clause.otherwise)
            columns = [word for word in clause.channels if self._is_column(word)]
            if clause.otherwise and not columns:
                hint = "remove `else`; it belongs to a column of a table: to owners.channel else triage"
                self._report(Code.MISPLACED_CLAUSE, "`else` has no effect", clause.otherwise[0].span, hint)
            found += [channel for word in columns if (channel := self._column(word, otherwise)) is not None]
        return tuple(found)

    def known(self, words: Sequence[syntax.Word]) -> tuple[str, ...]:
        """The names of the channels. Reports those that are not in the config."""
        known = self._scope.known.channels
        for word in words:
            if word.text in self._scope.known.forbidden:
                hint = f"its channels: {', '.join(sorted(known or ())) or 'none'}"
                message = f"the group `{self._scope.known.group}` may not use the channel `{word.text}`"
                self._report(Code.UNKNOWN_CHANNEL, message, word.span, hint)
            elif known is not None and word.text not in known:
                self._report(Code.UNKNOWN_CHANNEL, f"unknown channel `{word.text}`", word.span, self._hint(word.text))
        return tuple(dict.fromkeys(word.text for word in words))

    def _hint(self, channel: str) -> str:
        known = self._scope.known.channels or ()
        return did_you_mean(channel, known) or f"channels in the config: {', '.join(sorted(known)) or 'none'}"

    def _is_column(self, word: syntax.Word) -> bool:
        return self._scope.table_of(word.text) is not None

    def _column(self, word: syntax.Word, otherwise: tuple[str, ...]) -> TableChannel | None:
        problem = self._scope.column_problem(word.text, word.span)
        if problem is not None:
            self._problems.append(problem)
            return None
        file = self._scope.tables.get(self._scope.table_of(word.text) or "")
        if file is None:
            return None
        place = file.table.columns.index(word.text)
        default = file.table.default
        if not otherwise and (default is None or not default.values[place]):
            hint = f"write `to {word.text} else CHANNEL`, or give the table a row * with a channel"
            self._report(Code.NO_FALLBACK, f"`{word.text}` may name no channel", word.span, hint)
        self._check_values(file, place, word)
        if not otherwise and default is not None:
            otherwise = (default.values[place],)
        return TableChannel(word.text, file.table.values(word.text), otherwise)

    def _check_values(self, file: TableFile, place: int, used: syntax.Word) -> None:
        """Report the channels of a column that are not in the config, each at its first line."""
        known = self._scope.known.channels
        if known is None:
            return
        seen: set[str] = set()
        for row, span in zip(file.table.rows, file.spans, strict=True):
            channel = row.values[place]
            if channel and channel not in known and channel not in seen and len(seen) < _MOST_REPORTED:
                seen.add(channel)
                message = f"unknown channel `{channel}`, which `to {used.text}` names"
                self._report(Code.UNKNOWN_CHANNEL, message, span, self._hint(channel))

    def _report(self, code: Code, message: str, span: Span, hint: str) -> None:
        self._problems.append(Diagnostic(code, message, span, hint))
