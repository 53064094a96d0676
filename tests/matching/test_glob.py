"""Globs match as in Falco's C library: results of glibc 2.36."""

from __future__ import annotations

import pytest

from bridge.matching.glob import translated
from tests.matching.verdicts import verdicts

TEXTS = ["a", "A", "b", "c", "-", "]", "^", "/", "a]", "[]", "é"]


def test_a_glob_that_another_field_holds() -> None:
    """A pattern from an alert is compared literally without wildcards, and is limited with them."""
    fields = {"proc.name": "x" * 5000, "proc.pname": "X" * 5000, "fd.name": "x*", "proc.cmdline": "x" * 5000 + "*"}
    assert verdicts("proc.name glob tolower(proc.pname)", fields) == {True}
    assert verdicts("proc.name glob val(proc.pname)", fields) == {False}
    assert verdicts("proc.name iglob val(proc.pname)", fields) == {True}
    assert verdicts("proc.name glob val(fd.name)", fields) == {True}
    assert verdicts("proc.name glob val(proc.cmdline)", fields) == {False}


@pytest.mark.parametrize(
    ("pattern", "glob", "iglob"),
    [
        # an unknown class ends what a bracket can match, except for earlier items
        ("[[:foo:]]", [], []), ("[a[:foo:]]", ["a"], ["a", "A"]), ("[![:foo:]]", [], []), ("[[:word:]]", [], []),
        ("[[:ALPHA:]]", ["[]"], ["a]", "[]"]),
        # iglob ignores the case of letters, not of classes
        ("[[:upper:]]", ["A"], ["A"]), ("[[:lower:]]", ["a", "b", "c"], ["a", "b", "c"]),
        ("[A-Z]", ["A"], ["a", "A", "b", "c"]), ("[a-Z]", [], ["a", "A", "b", "c"]),
        ("[[.a.]]", ["a"], ["a"]), ("[[.a.]-c]", ["a", "b", "c"], ["a", "A", "b", "c"]), ("[[.ab.]]", [], []),
        ("[[=a=]]", ["a"], ["a"]), ("[[.a.]b]", ["a", "b"], ["a", "b"]),
        # special characters by position
        ("[a-]", ["a", "-"], ["a", "A", "-"]), ("[!]a]", ["A", "b", "c", "-", "^", "/"], ["b", "c", "-", "^", "/"]),
        ("[]a]", ["a", "]"], ["a", "A", "]"]), (r"[\]]", ["]"], ["]"]), ("a\\", [], []), (r"[a-\]]", [], []),
        ("[--a]", ["a", "A", "-", "]", "^", "/"], ["a", "A", "-", "]", "^", "/"]), ("[a", [], []),
        ("[^^]", ["a", "A", "b", "c", "-", "]", "/"], ["a", "A", "b", "c", "-", "]", "/"]),
        ("{a,b}", [], []), ("+(a)", [], []), ("?", TEXTS[:8], TEXTS[:8]),
        ("[!/]*", ["a", "A", "b", "c", "-", "]", "^", "a]", "[]", "é"], [*TEXTS[:7], "a]", "[]", "é"]),
    ],
)  # fmt: skip
def test_globs_match_as_fnmatch(pattern: str, glob: list[str], iglob: list[str]) -> None:
    """Each pattern matches exactly the recorded texts, with and without case."""
    written = pattern.replace("\\", "\\\\")
    written = written[:-1] + " " if pattern.endswith("\\") else written  # how Falco writes a backslash at the end
    for operator, expected in (("glob", glob), ("iglob", iglob)):
        found = [text for text in TEXTS if verdicts(f'proc.name {operator} "{written}"', {"proc.name": text}) == {True}]
        assert found == expected, operator


@pytest.mark.parametrize("pattern", ["[" * 100_000, "[a-b]" * 20_000, "[!" * 50_000, "[]" * 50_000 + "["])
def test_brackets_without_end_are_read_in_one_go(pattern: str) -> None:
    """A hundred thousand brackets take less than the timeout of the test."""
    assert len(translated(pattern, fold=False)) >= len(pattern)


def test_a_glob_from_an_alert_is_limited() -> None:
    """A long pattern from an alert could contain millions of wildcards, so it never matches."""
    condition = "proc.name glob val(proc.pname)"
    assert verdicts(condition, {"proc.name": "a" * 1024, "proc.pname": "?" * 1024}) == {True}
    assert verdicts(condition, {"proc.name": "a" * 1025, "proc.pname": "?" * 1025}) == {False}
