"""``fmt`` changes blanks and line breaks, nothing else, and has nothing to do the second time."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.format.formatter import WIDTH, format_text
from bridge.language.syntax.parser import parse

ROOT = Path(__file__).parent.parent.parent
EVERYTHING = (Path(__file__).parent / "everything.route").read_text(encoding="utf-8")


def formatted(text: str) -> str:
    result = format_text(SourceText("t", text))
    assert isinstance(result, str), result
    return result


def meaning(node: Any) -> Any:
    """The tree without spans."""
    if isinstance(node, Span):
        return None
    if dataclasses.is_dataclass(node):
        return (type(node).__name__, *(meaning(getattr(node, field.name)) for field in dataclasses.fields(node)))
    if isinstance(node, tuple):
        return tuple(meaning(each) for each in node)
    return "=" if node == "==" else node


def tree(text: str) -> Any:
    parsed = parse(SourceText("t", text))
    assert not parsed.diagnostics, parsed.diagnostics
    return meaning(parsed.file)


def comments(text: str) -> list[str]:
    return [each.text for each in parse(SourceText("t", text)).comments]


def assert_kept(text: str) -> str:
    once = formatted(text)
    assert tree(once) == tree(text), once
    assert comments(once) == comments(text), once
    assert formatted(once) == once
    return once


def test_formatting_preserves_the_tree_and_the_comments() -> None:
    """A formatted file has the same tree and the same comments, and formatting it again changes nothing."""
    assert_kept(EVERYTHING)


def test_the_layout_is_the_one_that_the_docs_show() -> None:
    """What people see in README and the examples is what fmt makes."""
    for path in sorted((ROOT / "examples").rglob("*.route")):
        text = path.read_text(encoding="utf-8")
        assert formatted(text) == text, path


def test_a_route_is_laid_out_in_columns() -> None:
    """One clause per line, values in one column, one empty line around blocks."""
    assert formatted("list  a=(x,'y')\nroute 'r'{when rule=a and b to x,y # why\nstop}route \"s\" {drop}") == (
        'list a = (x, "y")\n\nroute "r" {\n  when      rule = a and b\n  to        x, y  # why\n  stop\n}\n\n'
        'route "s" {\n  drop\n}\n'
    )


def test_brackets_stay_where_they_were() -> None:
    """Arguments in brackets are quoted only if necessary."""
    once = assert_kept(
        """macro m = proc.env["HOME"] = a and json.value['/a b'] = b and getopt((proc.args, "x"), "e:")["e"] = c and len(()) = 0"""
    )
    for part in (
        "proc.env[HOME] = a",
        "json.value['/a b'] = b",
        'getopt((proc.args, "x"), "e:")[e] = c',
        "len(()) = 0",
    ):
        assert part in once


def test_long_conditions_break_at_their_joints() -> None:
    """Lines are broken at the width."""
    terms = [f'proc.cmdline contains "some command number {n}"' for n in range(6)]
    once = assert_kept(
        f'route "r" {{ when ({" or ".join(terms)}) and not rule in ({", ".join("abcdefghij" * 9)}) drop }}'
    )
    assert max(map(len, once.splitlines())) <= WIDTH
    assert '\n             or proc.cmdline contains "some command number 1"\n' in once


def test_strings_and_order_around_comments_are_preserved() -> None:
    """Strings are unchanged, also multi-line ones, and a quote in a comment starts no string."""
    once = assert_kept(
        'route "r" {\n when proc.cmdline contains "a\n   b" # it\'s\n   and x.y = \'c\n\n "d" # e\' to x }\n'
        "where # 1\n a # 2\n and b # 3\n { # 4\n }"
    )
    assert 'contains "a\n   b" # it\'s\n' in once


def test_a_syntax_error_leaves_the_file_alone() -> None:
    """A file with syntax errors returns diagnostics."""
    assert not isinstance(format_text(SourceText("t", "route {")), str)


PIECES = st.sampled_from(EVERYTHING.replace("\n", " \n ").split(" "))
GAPS = st.sampled_from([" ", "  ", "\n", "\n\n\n", " # c\n", "\n# own\n", "\t"])


@given(st.lists(st.tuples(PIECES, GAPS), max_size=60))
def test_everything_that_parses_is_formatted(pairs: list[tuple[str, str]]) -> None:
    """Random sequences of words with comments and white space are formatted stably or rejected."""
    text = "".join(piece + gap for piece, gap in pairs)
    if not parse(SourceText("t", text)).diagnostics:
        assert_kept(text)


TOKENS = [token for token in EVERYTHING.split("\n") if token]


@given(st.data())
def test_white_space_and_comments_anywhere(data: st.DataObject) -> None:
    """White space in the input does not affect the layout, except for line breaks around comments."""
    gaps = st.sampled_from([" ", "\n", "\n\n", " # c\n", "\n # own line\n"])
    inside_string = False
    parts: list[str] = []
    bare = "\n".join(line.partition(" #")[0] for line in EVERYTHING.split("\n") if not line.lstrip().startswith("#"))
    for letter in bare:
        if letter == '"':
            inside_string = not inside_string
        parts.append(data.draw(gaps) if letter == "\n" and not inside_string else letter)
    assert_kept("".join(parts))


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "# a\n\n\n# b"])
def test_files_without_statements_keep_their_comments(text: str) -> None:
    """An empty file stays empty."""
    assert comments(formatted(text)) == comments(text)
    assert formatted(formatted(text)) == formatted(text)


def test_the_rest_of_a_long_join_is_on_lines_of_its_own() -> None:
    """One if it fits, else one for each part."""
    condition = " and ".join(f"ka.target.name{letter} = aaaaaaaa" for letter in "abcd")
    keys = "k8s.ns.name = ka.target.namespace, k8s.pod.name = ka.target.name"
    short = formatted(f'route "r" {{ to x with a = {condition} within 1m by {keys} }}')
    assert f"\n            within 1m by {keys}\n" in short
    long = assert_kept(f'route "r" {{ to x with a = {condition} within 1m by {keys}, {keys} wait 15s }}')
    assert f"\n            within 1m\n            by {keys}, {keys}\n            wait 15s\n" in long
    assert_kept(f'route "r" {{ to x then {condition} within 1m by {keys} }}')
