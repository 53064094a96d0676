"""No file makes the parser, checker, formatter, renderer or matcher crash, hang or use too much memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.alert import Priority, make_alert
from bridge.language.checker.check import Checked, check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Code
from bridge.language.diagnostics.render import as_mapping, render_text
from bridge.language.diagnostics.source import SourceText
from bridge.language.format.formatter import format_text
from bridge.matching import Matcher, compile_condition
from bridge.matching.analysis.lint import lint
from tests.conftest import FULL

EVERYTHING = (Path(__file__).parent / "everything.route").read_text(encoding="utf-8")
KNOWN = Known(frozenset({"secops", "oncall", "triage"}), frozenset({"cluster"}))
ALERT = make_alert(time_ns=0, priority=Priority.ERROR, rule="r", source="s", hostname="h", tags=("t",), output="o",
                   fields={"proc.cmdline": "rm -rf /", "k8s.ns.name": "payments"})  # fmt: skip


def survive(text: str) -> Checked:
    """Check, render, format and match a file."""
    source = SourceText("t", text)
    checked = check([source], KNOWN)
    render_text(checked.diagnostics, {"t": source})
    for each in checked.diagnostics:
        as_mapping(each)
        assert 0 <= each.span.start <= each.span.end <= len(text) + 1 or each.span.path != "t"
    if checked.program is not None:
        lint(checked.understood, None)
        Matcher(checked.program, {}).match(ALERT, 0)
    format_text(source)
    return checked


@settings(max_examples=2000 if FULL else 150, deadline=None)
@given(st.data())
def test_mutated_files(data: st.DataObject) -> None:
    """Mutated files: pieces removed, repeated and moved, characters changed."""
    text = EVERYTHING
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 40)))
        piece = text[start:end]
        other = data.draw(st.sampled_from(["", piece * 2, "{", "}", '"', "(", "\x00", "é", "#", "\\", "not ", "%"]))
        text = text[:start] + other + text[end:]
    survive(text)


@settings(max_examples=1000 if FULL else 100, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes(data: bytes) -> None:
    """Random bytes, decoded as UTF-8."""
    survive(data.decode("utf-8", "replace"))


ROUTE = 'route "r" {{ when {} to oncall }}'
DEEP = [
    "(" * 20_000 + "rule = a" + ")" * 20_000,
    "not " * 20_000 + "rule = a",
    "tolower(" * 5000 + "proc.name" + ")" * 5000 + " = a",
    "(" * 50_000,
    "join(" + "(" * 5000 + "proc.name" + ")" * 5000 + ', "x") = a',
]


@pytest.mark.parametrize("condition", DEEP, ids=range(len(DEEP)))
def test_deep_nesting_is_rejected(condition: str) -> None:
    """Deep nesting is reported as an error."""
    codes = {each.code for each in survive(ROUTE.format(condition)).diagnostics}
    assert codes & {Code.TOO_DEEP, Code.SYNTAX, Code.WRONG_ARGUMENTS}


def test_wheres_within_wheres_are_bounded() -> None:
    """Two thousand nested blocks are reported as an error."""
    text = "where rule = a { " * 2000 + 'route "r" { drop }' + " }" * 2000
    assert Code.TOO_DEEP in {each.code for each in survive(text).diagnostics}


def test_macros_that_lead_to_macros_are_bounded() -> None:
    """A chain of a thousand macros is reported as an error."""
    lines = ["macro m0 = rule = a"] + [f"macro m{n} = m{n - 1}" for n in range(1, 1000)]
    assert Code.TOO_DEEP in {each.code for each in survive("\n".join([*lines, ROUTE.format("m999")])).diagnostics}


def test_huge_lists_and_long_values() -> None:
    """Lists are accepted up to their limit, and values of a megabyte are accepted."""
    items = ", ".join(f"item{n}" for n in range(50_000))
    assert survive(f"list l = ({items})\n" + ROUTE.format("proc.name in (l)")).errors == 0
    nested = "\n".join([f"list l = ({items})", "list m = (l, l, l)", ROUTE.format("proc.name in (m)")])
    assert Code.TOO_LARGE in {each.code for each in survive(nested).diagnostics}
    assert survive(ROUTE.format(f'proc.cmdline = "{"x" * 1_000_000}"')).errors == 0


def test_the_number_of_diagnostics_is_limited() -> None:
    """Ten thousand broken lines produce a limited number of diagnostics."""
    found = survive("list = (\n" * 3000)
    assert 1 <= len(found.diagnostics) <= 60


PATTERNS = [
    "(a+)+$",
    "(a|a)*b",
    "(.*.*)*x",
    "a{1,1000}{1,1000}",
    "(" * 500 + "a" + ")" * 500,
    "[" * 300,
    "\\p{Greek}+",
    "(?i)" + "a?" * 500,
]


@pytest.mark.parametrize("pattern", PATTERNS, ids=range(len(PATTERNS)))
def test_pathological_regexes_are_rejected_or_linear(pattern: str) -> None:
    """A regex is rejected by RE2 or runs on a long text in linear time."""
    quoted = pattern.replace("\\", "\\\\")
    checked = survive(ROUTE.format(f'proc.cmdline regex "{quoted}"'))
    if checked.program is not None:
        long = make_alert(time_ns=0, priority=Priority.ERROR, rule="r", source="s", hostname="h", tags=(), output="o",
                          fields={"proc.cmdline": "a" * 100_000})  # fmt: skip
        (route,) = checked.program.routes
        assert route.when is not None
        assert Matcher(checked.program, {}).match(long, 0) == (0,) * compile_condition(route.when, {})(long)


@pytest.mark.parametrize("inner", ["a" * 300_000, '\\"' * 150_000], ids=["letters", "escapes"])
def test_a_long_unclosed_string(inner: str) -> None:
    """Long strings and many escapes take less than the timeout of the test."""
    checked = check([SourceText("t", f'route "r" {{ when proc.name = "{inner}')], KNOWN)
    assert {each.code.id for each in checked.diagnostics} == {"S101", "L406"}
