"""Globs as the C library's fnmatch matches them in Falco: verdicts of glibc 2.36, over bytes."""

from __future__ import annotations

import pytest

from bridge.matching.glob import translated
from tests.matching.verdicts import verdicts

TEXTS = ["a", "A", "b", "c", "-", "]", "^", "/", "a]", "[]", "é"]


def test_a_glob_that_another_field_holds() -> None:
    """Without wildcards it is the text itself, however long; with them it is no longer than does harm."""
    fields = {"proc.name": "x" * 5000, "proc.pname": "X" * 5000, "fd.name": "x*", "proc.cmdline": "x" * 5000 + "*"}
    assert verdicts("proc.name glob tolower(proc.pname)", fields) == {True}
    assert verdicts("proc.name glob val(proc.pname)", fields) == {False}
    assert verdicts("proc.name iglob val(proc.pname)", fields) == {True}
    assert verdicts("proc.name glob val(fd.name)", fields) == {True}
    assert verdicts("proc.name glob val(proc.cmdline)", fields) == {False}


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


@pytest.mark.parametrize("pattern", ["[" * 100_000, "[a-b]" * 20_000, "[!" * 50_000, "[]" * 50_000 + "["])
def test_brackets_without_end_are_read_in_one_go(pattern: str) -> None:
    """A hundred thousand of them; the timeout is the test's."""
    assert len(translated(pattern, fold=False)) >= len(pattern)


def test_a_glob_that_an_alert_tells_is_short() -> None:
    """Else it could hold millions of wildcards, all to be compiled and tried."""
    condition = "proc.name glob val(proc.pname)"
    assert verdicts(condition, {"proc.name": "a" * 1024, "proc.pname": "?" * 1024}) == {True}
    assert verdicts(condition, {"proc.name": "a" * 1025, "proc.pname": "?" * 1025}) == {False}
