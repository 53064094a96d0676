"""The lines of clauses and of the steps of tests, in the formatter's layout."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.language.format.condition import condition_lines, string_text, word_text
from bridge.language.syntax import tree as syntax

STEP = "  "
"""The indentation of one level."""
_COLUMN = 10
"""The column of a clause's value, after its keyword."""


class PartLines:
    """The lines of clauses and steps without comments. ``text`` is that of the file, for its quotes and escapes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def of(self, each: syntax.Clause | syntax.Step, room: int) -> list[str]:
        """The lines of one, each in ``room`` columns if it can be."""
        match each:
            case syntax.WhenClause():
                return condition_lines(_padded("when"), each.condition, self._text, room)
            case syntax.DuringClause():
                return [f"{_padded('not during' if each.negated else 'during')}{each.schedule.text}"]
            case syntax.ToClause():
                after = "" if each.after is None else f" after {each.after.text}"
                otherwise = f" else {names_text(each.otherwise)}" if each.otherwise else ""
                return [f"{_padded('to')}{names_text(each.channels)}{otherwise}{after}"]
            case syntax.FieldsClause():
                return [_padded("fields") + keys_text(each.fields)]
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
        by = f" by {keys_text(clause.by)}" if clause.by else f" by {_pairs(clause.pairs)}" if clause.pairs else ""
        count = "" if clause.count is None else clause.count.text
        match clause.keyword:
            case "new":
                learn = "" if clause.learn is None else f" learn {clause.learn.text}"
                return [f"{head}{keys_text(clause.fields)} in {window}{by}{learn}"]
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
                return [f"{head}by {keys_text(clause.by)}{options}" + (f" limit {count}" if count else "")]

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
        return [flat] if len(flat) <= room else ["event {", *(STEP + pair for pair in pairs), "}"]

    def _assigned(self, value: syntax.Word | syntax.WordList) -> str:
        if isinstance(value, syntax.Word):
            return word_text(value, self._text)
        return f"({', '.join(word_text(word, self._text) for word in value.words)})"

    def _expect(self, step: syntax.ExpectStep) -> str:
        if step.route is None:
            return "expect nothing"
        parts = ["expect not" if step.negated else "expect", self._string(step.route)]
        if step.to:
            parts.append(f"to {names_text(step.to)}")
        if step.count is not None:
            parts.append(f"count {step.count.text}")
        if step.contains is not None:
            parts.append(f"message contains {self._string(step.contains)}")
        return " ".join(parts)

    def _string(self, word: syntax.Word) -> str:
        return string_text(word, self._text)


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


def names_text(words: Sequence[syntax.Word]) -> str:
    """Names, separated by commas."""
    return ", ".join(word.text for word in words)


def _pairs(pairs: Sequence[syntax.KeyPair]) -> str:
    return ", ".join(each.own.text + ("" if each.other is None else f" = {each.other.text}") for each in pairs)


def keys_text(fields: Sequence[syntax.FieldName]) -> str:
    """Fields, separated by commas."""
    return ", ".join(each.text for each in fields)
