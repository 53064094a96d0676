"""Transformers with several arguments: cases of Falco's tests and source (libs, 0.44)."""

from __future__ import annotations

import pytest

from tests.matching.verdicts import checked, verdicts

FIELDS = {"fd.name": "/tmp/file_to_run", "fd.directory": "/tmp", "fd.types": ["file", "ipv4"], "evt.num": 1,
          "proc.name": "nc", "proc.args": "-e"}  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("join(fd.name, (fd.name,fd.directory)) = /tmp/file_to_run/tmp/file_to_run/tmp", True),
        ('join("-", (fd.name,fd.directory)) = /tmp/file_to_run-/tmp', True), ('join("->", ("aaa")) = aaa', True),
        ('join("->", (toupper(fd.name), "aaa")) = /TMP/FILE_TO_RUN->aaa', True),
        ('join("-", (fd.directory, join("->", ( "aaa", toupper(fd.name))))) = /tmp-aaa->/TMP/FILE_TO_RUN', True),
        ('join(",", ("aaa","bbb")) = "aaa,bbb"', True), ('join(",", (evt.num, evt.num)) = "1,1"', True),
        ('join(",", ()) = ""', True), ('join(",", ()) = ","', False), ('join(",", fd.types) = "file,ipv4"', True),
        ('join(",", (fd.types, "x", evt.num)) = "file,ipv4,x,1"', True), ('join(",", (fd.name, proc.pname)) exists', False),
        ('join(",", (proc.pname)) = ""', False), ("len(()) = 0", True), ('len(("a", fd.types)) = 3', True),
        ("concat(fd.name, fd.directory) = /tmp/file_to_run/tmp", True), ('concat("aaa", "bbb") = "aaa-bbb"', False),
        ('concat(fd.directory, concat("aaa", toupper(fd.name))) = /tmpaaa/TMP/FILE_TO_RUN', True),
        ('toupper(join("-", ("aaa", "bbb"))) = AAA-BBB', True), ('len(join("-", (fd.name, fd.directory))) = 21', True),
        ('b64(join("W", ("YWFhL", "JiYg"))) = "aaa-bbb"', True), ('b64(concat("YWFh", "YmJi")) = "aaabbb"', True),
        ("toupper(tolower(concat(fd.name, fd.directory))) startswith /TMP/FILE", True), ("len(fd.types) > 1", True),
        ('fd.name in concat(fd.directory, "/file_to_run")', True), ("proc.name != concat(proc.name, proc.aname[2])", False),
    ],
)  # fmt: skip
def test_join_and_concat(condition: str, expected: bool) -> None:
    """The result is the same by JSON and by gRPC, and missing if an argument is missing."""
    assert verdicts(condition, FIELDS) == {expected}


@pytest.mark.parametrize(
    ("arguments", "letters", "found"),
    [
        ('("-n","")', "n", "n"), ('("-t", "hello")', "t:", "t hello"), ('("-nt", "hello")', "nt:", "n t hello"),
        ('("-thello")', "t:", "t hello"), ('("-n", "--", "-t")', "nt:", "n"), ('("-x", "-n")', "n", "? n"),
        ('("arg1", "-n")', "n", ""), ('("-l", "-p", "8080", "-e", "/bin/sh")', "lp:e:", "l p 8080 e /bin/sh"),
        ('("-lpe", "/bin/sh")', "lp:e:", "l p e"), ('("-lpe", "/bin/sh")', "lpe:", "l p e /bin/sh"),
        ('("-n", "-t")', "", "? ?"), ('("")', "n", ""), ('("-", "-n")', "n", ""), ('("-t")', "t:", "_"),
        ('("-t")', ":t:", "_"), ('("--exec")', "e:", ""), ('("--exec", "-e", "x")', "e:", "e x"),
        ('("-n-t")', "nt", "n ? t"), ('("-nat", "hello")', "na:t", "n a t"), ('("-t", "-123")', "t:", "t -123"),
        ('("-t", "")', "t:", "t _"), ('("-v", "-v")', "v", "v v"), ('("-a1")', "a1", "a 1"), ('("-a:")', "a:", "a :"),
        ('("-:")', ":a", "?"), ('("-a", "b")', "aa:", "a b"), ('("-a", "b")', "a::", "a b"), ("()", "a", ""),
        ('("-rn", "pattern", "/path")', "rn", "r n"), ("(proc.args, proc.name)", "e:", "e nc"),
    ],
)  # fmt: skip
def test_getopt(arguments: str, letters: str, found: str) -> None:
    """The options that getopt() returns, with an empty text written as ``_``."""
    items = ["" if item == "_" else item for item in found.split()]
    call = f'getopt({arguments}, "{letters}")'
    assert verdicts(f'join(" ", {call}) = "{" ".join(items)}"', FIELDS) == {True}
    assert verdicts(f"len({call}) = {len(items)}", FIELDS) == {True}
    assert verdicts(f"{call} exists", FIELDS) == {True}
    everything = ", ".join(f'"{item}"' for item in items) or "absent"
    assert verdicts(f"{call} in ({everything})", FIELDS) == {True}
    assert verdicts(f"{call} intersects (absent)", FIELDS) == {False}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('getopt(("-e", "/bin/sh", "host"), "e:")[e] = /bin/sh', True), ('getopt(("-le/bin/sh"), "le:")["e"] = /bin/sh', True),
        ('getopt(("-l", "-e", "x"), "le:")[l] = l', True), ('getopt(("-t", "1", "-t2"), "t:")[t] = 2', True),
        ('getopt(("-l"), "le:")[e] exists', False), ('getopt(("-l"), "le:")[e] != x', False),
        ('getopt(("-e"), "e:")[e] = ""', True), ('getopt(("-x"), "e:")[x] exists', False),
        ('basename(getopt(("-e", "/bin/sh"), "e:")[e]) = sh', True), ('fd.name != getopt(("-e", "x"), "e:")[e]', True),
        ('proc.name in getopt((proc.args, proc.name), "e:")[e]', True),
    ],
)  # fmt: skip
def test_one_option(condition: str, expected: bool) -> None:
    """A selected option returns its last value, or its letter if it takes none, or is missing."""
    assert verdicts(condition, FIELDS) == {expected}


@pytest.mark.parametrize(
    "condition",
    ["join() = foo", 'join("-") = foo', 'join("-", "a", "b") = foo', 'join(fd.types, ("a", "b")) = foo',
     'join(("a", "b"), ("a", "b")) = foo', 'join("a", "b") = foo', "concat() = foo", 'concat("aaa") = foo',
     'concat(fd.types, "a") = foo', 'concat("a", ("a", "b")) = foo', 'getopt() intersects ("n")',
     'getopt(("a")) intersects ("n")', 'getopt(("a"), "n", "extra") intersects ("n")',
     'getopt("not_a_list", "n") intersects ("n")', 'getopt(("-n"), ("n")) intersects ("n")',
     'getopt(("-n"), "n")[nn] = n', 'getopt(("-n"), "n")[] = n', 'getopt(("-n"), "n") [n] = n', 'getopt(("-n"), "n")[n] in ((a))',
     "tolower(proc.name)[a] = n", 'getopt(("-n"), "n") = n', 'getopt(("-n"), "n")[n] intersects getopt(("-n"), "n")'],
)  # fmt: skip
def test_rejected_arguments(condition: str) -> None:
    """Wrong numbers or kinds of arguments and misplaced brackets are rejected."""
    assert checked(condition) is None
