"""Says in plain words what is wrong with a YAML text, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_SPECIAL = "@`%&*!|>"


@dataclass(frozen=True, slots=True)
class YamlProblem:
    """An error in a YAML text."""

    message: str
    hint: str
    line: int
    """From 1; 0 where it is unknown."""
    column: int
    offset: int


_AT_START = frozenset({
    "',' or '}'", "',' or ']'", "unexpected end of stream", "could not find expected ':'",
    "alphabetic or numeric character", "undefined alias",
})  # fmt: skip
"""Problems whose cause is where the parser began, if it says so."""
_QUOTED_VALUE = re.compile(r"""(\s*(?:- )?[\w.-]+:\s+)(["'][^#]*)$""")
_KNOWN = (
    ("mapping values are not allowed", "a `:` where no key can be",
     "indent this key like its siblings, or quote the value before it if it contains `: `"),
    ("sequence entries are not allowed", "a `- ` where no list can start",
     "start each item on a line of its own, below its key"),
    ("unknown escape character", "a backslash starts an escape in double quotes", "use single quotes, or write `\\\\`"),
    ("undefined alias", "an unquoted `*` starts a YAML alias", "quote the value"),
    ("alphabetic or numeric character", "an unquoted `*` or `&` has a meaning of its own in YAML", "quote the value"),
    ("unexpected end of stream", "a quote is never closed", "add the closing quote"),
    ("could not find expected ':'", "a `:` is missing after a key", "write KEY: VALUE, with a space after the colon"),
    ("',' or '}'", "this `{` is never closed, or a `,` is missing", "add `}` or `,`"),
    ("',' or ']'", "this `[` is never closed, or a `,` is missing", "add `]` or `,`"),
    ("found another document", "two YAML documents in one file", "remove the line `---`"),
    ("not readable", "a control character", "remove it"),
    ("unacceptable character", "a control character", "remove it"),
    ("control characters are not allowed", "a control character", "remove it"),
    ("block end", "this line is not indented like the ones above it", "align it with its siblings"),
    ("expected key", "this line is not indented like the ones above it", "align it with its siblings"),
    ("'-' indicator", "this line is not indented like the list above it", "align the `- ` of all items"),
    ("block mapping", "this line is not indented like the ones above it", "align it with its siblings"),
)  # fmt: skip
"""Parts of the messages of PyYAML and libyaml, and what they mean."""


def explain_yaml(error: Exception, text: str) -> YamlProblem:
    """Explain an error of PyYAML or libyaml, or a RecursionError."""
    mark: Any = getattr(error, "problem_mark", None)
    if mark is None:
        deep = isinstance(error, RecursionError)
        return YamlProblem("nested too deeply" if deep else "not YAML", "", 0, 0, 0)
    lines = text.split("\n")
    line = lines[mark.line] if mark.line < len(lines) else ""
    problem = str(getattr(error, "problem", "") or "")
    started: Any = getattr(error, "context_mark", None)
    for number, each in enumerate(lines):
        if each.startswith(("<<<<<<< ", ">>>>>>> ")):
            return YamlProblem(
                "an unresolved merge conflict", "resolve it", number + 1, 1, sum(map(len, lines[:number])) + number
            )
    if opened_at := _open_quote(lines[: mark.line]):
        number, column = opened_at
        offset = sum(map(len, lines[:number])) + number + column
        return YamlProblem("a quote is never closed", "add the closing quote", number + 1, column + 1, offset)
    if "<scalar>" in problem and line[: mark.column].rstrip().endswith(("'", '"')):
        return YamlProblem("text after a closing quote", "write a quote inside quotes twice, or use the other quotes",
                           mark.line + 1, mark.column + 1, _offset(lines, mark))  # fmt: skip
    if "cannot start any token" in problem or "\t" in line[: len(line) - len(line.lstrip())]:
        return _character(line, mark, lines)
    for part, message, hint in _KNOWN:
        if part in problem:
            place = started if part in _AT_START and started is not None else mark
            return YamlProblem(message, hint, place.line + 1, place.column + 1, _offset(lines, place))
    return YamlProblem(problem or "malformed", "", mark.line + 1, mark.column + 1, _offset(lines, mark))


def _character(line: str, mark: Any, lines: list[str]) -> YamlProblem:
    blank = re.match(r"\s*", line)
    if blank is not None and "\t" in blank[0]:
        at = blank[0].index("\t")
        offset = _offset(lines, mark) - mark.column + at
        return YamlProblem("this line is indented with a tab", "indent with spaces", mark.line + 1, at + 1, offset)
    letter = line[mark.column : mark.column + 1]
    message = f"an unquoted value cannot start with `{letter}`" if letter in _SPECIAL else f"unexpected `{letter}`"
    return YamlProblem(message, "quote the value", mark.line + 1, mark.column + 1, _offset(lines, mark))


def _open_quote(lines: list[str]) -> tuple[int, int] | None:
    """The line and column of the last value that opens a quote and does not close it on its line."""
    for number in range(len(lines) - 1, -1, -1):
        found = _QUOTED_VALUE.match(lines[number])
        if found is not None and found[2].count(found[2][0]) == 1:
            return number, found.start(2)
    return None


def _offset(lines: list[str], mark: Any) -> int:
    return sum(len(each) + 1 for each in lines[: mark.line]) + int(mark.column)
