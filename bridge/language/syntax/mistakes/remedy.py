"""A syntax error in its surroundings, and what can be said about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

_LOOK_BEHIND = 2000
"""Characters before the error that are searched for its cause."""
_CLAUSE_WORDS = (
    "when|to|not\\s+during|during|new|after|then|absent|group|throttle|severity|title|message|use|resolve|drop|stop"
)
END_OF_VALUE = re.compile(rf"""\s+(?:and|or)\b|\s+(?:{_CLAUSE_WORDS})\b|\s+#|[\n{{}}]|\)?\s*$""")
"""Where a value that should have been quoted most likely ends."""


@dataclass(frozen=True, slots=True)
class Edit:
    """The replacement of a range of the text."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Remedy:
    """What is said about a syntax error. Places are offsets in the text."""

    hint: str
    edit: Edit | None = None
    certain: bool = False
    """Whether the edit can only be what was meant."""
    message: str = ""
    """Replaces ``expected …, found …``."""
    place: tuple[int, int] | None = None
    """The cause, where it is not the place of the error."""
    related: tuple[tuple[str, int, int], ...] = ()
    other_language: bool = False
    """Whether the whole file is in another language, so that nothing else is worth saying about it."""


@dataclass(frozen=True)
class Context:
    """A syntax error: ``found`` is at ``start`` of the text, where one of ``expected`` was required."""

    text: str
    start: int
    found: str
    expected: frozenset[str]

    @property
    def end(self) -> int:
        """The offset after what was found."""
        return self.start + len(self.found)

    @cached_property
    def before(self) -> str:
        """The text before the error, without white space at its end."""
        return self.text[max(0, self.start - _LOOK_BEHIND) : self.start].rstrip()

    @property
    def before_end(self) -> int:
        """The offset after the last character before the error that is no white space."""
        return max(0, self.start - _LOOK_BEHIND) + len(self.before)

    @property
    def rest_of_line(self) -> str:
        """The text from the error to the end of its line."""
        end = self.text.find("\n", self.start)
        return self.text[self.start : len(self.text) if end < 0 else end]

    @property
    def line_before(self) -> str:
        """The text of the error's line before it, with white space."""
        return self.text[self.text.rfind("\n", 0, self.start) + 1 : self.start]

    @property
    def ends_condition(self) -> bool:
        """Whether a complete condition precedes the error."""
        return {"AND", "OR"} <= self.expected

    @property
    def wants_clause(self) -> bool:
        """Whether a clause of a route may follow."""
        return {"WHEN", "TO"} <= self.expected

    @property
    def wants_statement(self) -> bool:
        """Whether a statement may follow."""
        return {"LIST", "ROUTE"} <= self.expected

    def offset(self, match: re.Match[str], group: int = 0) -> int:
        """The offset in the text of a match in ``before``."""
        return max(0, self.start - _LOOK_BEHIND) + match.start(group)

    def replace(self, hint_text: str, *, certain: bool = True) -> Remedy:
        """Replace what was found."""
        return Remedy(f"write `{hint_text}`", Edit(self.start, self.end, hint_text), certain)

    def insert(self, text: str, hint: str) -> Remedy:
        """Insert a text right before what was found."""
        return Remedy(hint, Edit(self.start, self.start, text))


def value_end(text: str, start: int) -> int:
    """The offset after the words from ``start`` that look like one value."""
    line_end = text.find("\n", start)
    line_end = len(text) if line_end < 0 else line_end
    found = END_OF_VALUE.search(text[start:line_end])
    return line_end if found is None else start + found.start()
