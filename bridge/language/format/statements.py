"""The lines of statements without a body, in the formatter's layout."""

from __future__ import annotations

from bridge.language.format.clauses import keys_text
from bridge.language.format.condition import condition_lines, list_lines, string_text
from bridge.language.syntax import tree as syntax


def statement_lines(statement: syntax.Statement, text: str, room: int) -> list[str]:
    """The lines of a statement, each in ``room`` columns if it can be. ``text`` is that of the file."""
    match statement:
        case syntax.Import():
            falco = "falco " if statement.falco else ""
            return [f"import {falco}{string_text(statement.path, text)}"]
        case syntax.ListStatement():
            sign = "+=" if statement.appends else "="
            head = f"list {statement.name.text} {sign} "
            return list_lines(head, statement.items, text, room)
        case syntax.MacroStatement():
            return condition_lines(f"macro {statement.name.text} = ", statement.condition, text, room)
        case syntax.ScheduleStatement():
            return [_schedule(statement, text)]
        case syntax.RedactStatement():
            return [_redact(statement, text)]
        case syntax.TableStatement():
            return [f"table {statement.name.text} = {string_text(statement.path, text)} by {keys_text(statement.by)}"]
        case _:
            raise AssertionError(statement)


def _schedule(statement: syntax.ScheduleStatement, text: str) -> str:
    parts = [
        " ".join(
            ", ".join(word.text for word in words)
            for words in (sorted((*part.days, *part.dates), key=_place), part.hours)
            if words
        )
        for part in statement.periods
    ]
    zone = "" if statement.zone is None else f" in {string_text(statement.zone, text)}"
    return f"schedule {statement.name.text} = {', '.join(parts)}{zone}"


def _redact(statement: syntax.RedactStatement, text: str) -> str:
    mask = "" if statement.replacement is None else f" with {string_text(statement.replacement, text)}"
    return f"redact {keys_text(statement.fields)} matching {string_text(statement.pattern, text)}{mask}"


def _place(word: syntax.Word) -> int:
    return word.span.start
