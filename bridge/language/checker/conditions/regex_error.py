"""Explains RE2's error messages: what is wrong, where, and what to write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PERL = {
    "(?=": "look-ahead", "(?!": "negative look-ahead", "(?<=": "look-behind", "(?<!": "negative look-behind",
    "(?>": "atomic groups",
}  # fmt: skip
_MISSING, _UNEXPECTED = "missing )", "unexpected )"
_BRACKET = re.compile(r"\\[\s\S]|\[\^?\]?(?:\\[\s\S]|\[:\w+:\]|[^\]\\])*\]?|[()]")


@dataclass(frozen=True, slots=True)
class RegexError:
    """An error in a pattern, with the offsets of its part."""

    message: str
    hint: str
    start: int
    end: int


def explain(pattern: str, error: str) -> RegexError:
    """Explain RE2's error, which ends with the part of the pattern that it means."""
    problem, _, part = error.partition(": ")
    if problem in (_MISSING, _UNEXPECTED):
        return _parenthesis(pattern, problem)
    at = pattern.find(part) if part else -1
    start, end = (0, len(pattern)) if at < 0 else (at, at + len(part))
    if problem == "invalid perl operator":
        name = next((name for head, name in _PERL.items() if pattern.startswith(head, start)), "")
        if name:
            return RegexError(f"RE2 has no {name}", "use a second comparison with `and` or `and not`", start, end)
        return RegexError(f"unknown group `{part}`", "write `(…)` or `(?:…)`", start, end)
    if problem == "no argument for repetition operator":
        hint = "for any text write `.*`" if part in {"*", "+"} else "remove it, or escape it with a backslash"
        return RegexError(f"`{part}` has nothing to repeat", hint, start, end)
    if problem == "invalid character class range" and (reverse := "-".join(reversed(part.split("-")))) != part:
        return RegexError(f"the range `{part}` is reversed", f"write `{reverse}`", start, end)
    if problem == "invalid repetition size":
        bounds = part.strip("{}").split(",")
        swapped = "{" + ",".join(reversed(bounds)) + "}"
        is_reversed = len(bounds) > 1 and all(bounds) and int(bounds[0]) > int(bounds[1])
        hint = f"write `{swapped}`" if is_reversed else "RE2 allows up to 1000"
        return RegexError(f"the repetition `{part}` is {'reversed' if is_reversed else 'too large'}", hint, start, end)
    if problem == "missing ]":
        return RegexError("this `[` is never closed", "add `]`, or escape it with a backslash", start, start + 1)
    if problem == "invalid escape sequence" and part[1:2].isdigit():
        return RegexError("RE2 has no back-references", "spell the text out", start, end)
    if problem == "trailing \\":
        return RegexError("the pattern ends with a backslash", r"for a backslash write `\\\\`", len(pattern) - 1,
                          len(pattern))  # fmt: skip
    return RegexError(f"{problem} `{part}`" if part else problem, "", start, end)


def _parenthesis(pattern: str, problem: str) -> RegexError:
    opened: list[int] = []
    for at, bracket in _parentheses(pattern):
        if bracket == "(":
            opened.append(at)
        elif opened:
            opened.pop()
        else:
            return RegexError("this `)` closes nothing", "remove it, or escape it with a backslash", at, at + 1)
    at = opened[-1] if opened else 0
    if problem == _MISSING:
        return RegexError("this `(` is never closed", "add `)`, or escape it with a backslash", at, at + 1)
    return RegexError(problem, "", 0, len(pattern))


def _parentheses(pattern: str) -> Iterator[tuple[int, str]]:
    for match in _BRACKET.finditer(pattern):
        if match[0] in {"(", ")"}:
            yield match.start(), match[0]
