"""``oneof``, ``anyof`` and ``allof``: the results in Falco's tests (libs, 0.44)."""

from __future__ import annotations

import pytest

from tests.matching.verdicts import checked, verdicts

FIELDS = {"proc.name": "myexe", "fd.sip": "142.251.111.147", "fd.cip": "2001:4860:4860::8888", "fd.sport": 443}


@pytest.mark.parametrize(
    ("operator", "items", "oneof", "anyof", "allof"),
    [
        ("==", "(myexe, bash)", True, True, False), ("==", "(myexe)", True, True, True),
        ("==", "(bash, sh)", False, False, False), ("==", "(myexe, myexe)", False, True, True),
        ("!=", "(myexe, myexe, bash)", True, True, False), ("!=", "(myexe, myexe)", False, False, False),
        ("!=", "(bash, sh)", False, True, True), ("!=", "(myexe, bash)", True, True, False),
        ("contains", "(myex, bash)", True, True, False), ("contains", "(my, exe)", False, True, True),
        ("icontains", "(MYEX, BASH)", True, True, False), ("icontains", "(MY, EXE)", False, True, True),
        ("startswith", "(my, bash)", True, True, False), ("startswith", "(my, mye)", False, True, True),
        ("endswith", "(exe, sh)", True, True, False), ("endswith", "(exe, yexe)", False, True, True),
        ("glob", "(my*, bash)", True, True, False), ("glob", "(my*, *exe)", False, True, True),
        ("iglob", "(MY*, BASH)", True, True, False), ("iglob", "(MY*, *EXE)", False, True, True),
        ("regex", "(my.*, b.*)", True, True, False), ("regex", "(my.*, .*exe)", False, True, True),
        ("regex", "(b.*, sh.*)", False, False, False),
        ("==", "()", False, False, False), ("!=", "()", False, False, False),
    ],
)  # fmt: skip
def test_every_operator(operator: str, items: str, oneof: bool, anyof: bool, allof: bool) -> None:
    """Exactly one, at least one, all items; false for an empty list."""
    for word, expected in (("oneof", oneof), ("anyof", anyof), ("allof", allof)):
        assert verdicts(f"proc.name {operator} {word} {items}", FIELDS) == {expected}, word


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("toupper(proc.name) == oneof (MYEXE, BASH)", True), ("toupper(proc.name) != oneof (BASH, SH)", False),
        ("toupper(proc.name) != allof (BASH, SH)", True),
        ("fd.sip == anyof (142.251.111.147)", True), ("fd.sip == oneof (142.251.111.147, 10.0.0.1)", True),
        ("fd.cip == allof (2001:4860:4860::8888)", True), ("fd.cip != anyof (2001:4860:4860::8888, ::1)", True),
        ("fd.sport = anyof (22, 443)", True), ("fd.sport != allof (22, 80)", True),
        ("proc.name == oneof (myexe) and proc.name != allof (myexe, bash)", False),
        ("proc.name == anyof (myexe, bash) or proc.name != oneof (myexe)", True),
        ("fd.name == anyof (a)", False), ("fd.name != allof (a)", False),
    ],
)  # fmt: skip
def test_quantifiers_with_other_operands(condition: str, expected: bool) -> None:
    """Quantifiers work with transformers; a missing field never matches."""
    assert verdicts(condition, FIELDS) == {expected}


def test_the_words_are_values_where_no_list_follows() -> None:
    """``= anyof`` is a comparison with text."""
    assert verdicts("proc.name = anyof", {"proc.name": "anyof"}) == {True}
    assert checked("proc.name in anyof (a)") is None
    assert checked("fd.sport > anyof (1)") is None
