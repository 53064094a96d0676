"""Globs as the C library's fnmatch matches them in Falco: verdicts of glibc 2.36, over bytes."""

from __future__ import annotations

import pytest

from tests.matching.verdicts import verdicts

TEXTS = ["a", "A", "b", "c", "-", "]", "^", "/", "a]", "[]", "é"]


@pytest.mark.parametrize(
    ("pattern", "glob", "iglob"),
    [
        # a class that there is not ends what a bracket can match, but for what stands before it
        ("[[:foo:]]", [], []), ("[a[:foo:]]", ["a"], ["a", "A"]), ("[![:foo:]]", [], []), ("[[:word:]]", [], []),
        ("[[:ALPHA:]]", ["[]"], ["a]", "[]"]),
        # iglob folds letters, not classes
        ("[[:upper:]]", ["A"], ["A"]), ("[[:lower:]]", ["a", "b", "c"], ["a", "b", "c"]),
        ("[A-Z]", ["A"], ["a", "A", "b", "c"]), ("[a-Z]", [], ["a", "A", "b", "c"]),
        ("[[.a.]]", ["a"], ["a"]), ("[[.a.]-c]", ["a", "b", "c"], ["a", "A", "b", "c"]), ("[[.ab.]]", [], []),
        ("[[=a=]]", ["a"], ["a"]), ("[[.a.]b]", ["a", "b"], ["a", "b"]),
        # what is special where
        ("[a-]", ["a", "-"], ["a", "A", "-"]), ("[!]a]", ["A", "b", "c", "-", "^", "/"], ["b", "c", "-", "^", "/"]),
        ("[]a]", ["a", "]"], ["a", "A", "]"]), (r"[\]]", ["]"], ["]"]), ("a\\", [], []), (r"[a-\]]", [], []),
        ("[--a]", ["a", "A", "-", "]", "^", "/"], ["a", "A", "-", "]", "^", "/"]), ("[a", [], []),
        ("[^^]", ["a", "A", "b", "c", "-", "]", "/"], ["a", "A", "b", "c", "-", "]", "/"]),
        ("{a,b}", [], []), ("+(a)", [], []), ("?", TEXTS[:8], TEXTS[:8]),
        ("[!/]*", ["a", "A", "b", "c", "-", "]", "^", "a]", "[]", "é"], [*TEXTS[:7], "a]", "[]", "é"]),
    ],
)  # fmt: skip
def test_what_fnmatch_matches(pattern: str, glob: list[str], iglob: list[str]) -> None:
    """Each of a handful of texts, with the case of letters and without."""
    written = pattern.replace("\\", "\\\\")
    written = written[:-1] + " " if pattern.endswith("\\") else written  # how Falco writes a backslash at the end
    for operator, expected in (("glob", glob), ("iglob", iglob)):
        found = [text for text in TEXTS if verdicts(f'proc.name {operator} "{written}"', {"proc.name": text}) == {True}]
        assert found == expected, operator
