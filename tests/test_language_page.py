"""docs/language.md: every example is run, and the grammar is covered completely."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.alert import Alert
from bridge.alert.forms.json_form import decode_json
from bridge.channels.message.compose import compose
from bridge.channels.render import plain
from bridge.delivery.delivery import Delivery
from bridge.language.checker.check import check, check_condition
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.language.program.condition import Kind, Operator, Quantifier
from bridge.language.program.fields.kinds import NUMERIC, allows
from bridge.language.program.fields.transformers import NAMES
from bridge.language.syntax.grammar_file import grammar_text
from bridge.matching import compile_condition
from bridge.routing.router import Router
from bridge.routing.state import State
from bridge.workbench.route_tests import RouteTestRunner

PAGE = (Path(__file__).parent.parent / "docs" / "language.md").read_text(encoding="utf-8")
KNOWN = Known(None, None)
WORDS = {
    "text": {Kind.TEXT},
    "bytes": {Kind.BYTES},
    "numbers": set(NUMERIC),
    "priority": {Kind.PRIORITY},
    "booleans": {Kind.BOOL},
    "addresses": {Kind.IP},
    "networks": {Kind.NET},
    "lists": {Kind.LIST},
}


def codes(text: str) -> list[str]:
    return re.findall("`([^`]+)`", text)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its header row."""
    section = PAGE.split(f"# {heading}\n", 1)[1].split("\n#", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def verdicts() -> list[tuple[str, bool]]:
    tables = [*rows("Operators"), *rows("Transformers")]
    return [(text, column == 2) for row in tables for column in (2, 3) for text in codes(row[column])
            if " " in text]  # fmt: skip


def the_alert() -> Alert:
    (text,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    alert = decode_json(text.encode(), 0)
    assert isinstance(alert, Alert)
    return alert


@pytest.mark.parametrize(("text", "holds"), verdicts())
def test_conditions_on_the_page_have_the_documented_result(text: str, *, holds: bool) -> None:
    """Each condition has the documented result for the documented alert."""
    condition = check_condition(SourceText("page", text), KNOWN)
    assert not isinstance(condition, tuple), condition
    assert compile_condition(condition, {})(the_alert()) is holds


def test_every_operator_and_transformer_has_examples() -> None:
    """Every operator and transformer has examples for true and false."""
    operators = {name for row in rows("Operators") for name in codes(row[0])}
    assert operators >= {*Operator, *Quantifier, "==", "exists", "not", "and", "or"}
    assert {name.removesuffix("()") for row in rows("Transformers") for name in codes(row[0])} == set(NAMES)
    examples = " ".join(text for text, holds in verdicts() if holds)
    for name in (*operators, *NAMES):
        assert name in examples, name
    assert len(verdicts()) > 60


@pytest.mark.parametrize("operator", Operator)
def test_the_types_of_an_operator_are_those_of_the_checker(operator: Operator) -> None:
    """The documented types of an operator are those of the checker."""
    (takes,) = [row[1] for row in rows("Operators") if operator.value in codes(row[0])]
    documented = set[Kind]().union(*(WORDS[word] for word in takes.split(", ")))
    assert documented == {kind for kind in Kind if kind is not Kind.UNKNOWN and allows(kind, operator)}


def test_every_keyword_of_the_grammar_is_on_the_page() -> None:
    """Every keyword is in an example or in code format."""
    words = set(re.findall(r"^[A-Z_]+(?:\.\d)?: /([a-z]+)\b", grammar_text(), re.MULTILINE))
    alternatives = re.findall(r"^[A-Z_]+(?:\.\d)?: /\(([a-z|]+)\)", grammar_text(), re.MULTILINE)
    words |= {word for each in alternatives for word in each.split("|")}
    blocks = re.findall(r"```route\n(.*?)```", PAGE, re.DOTALL)
    shown = " ".join([*blocks, *codes(re.sub("```.*?```", "", PAGE, flags=re.DOTALL))])
    assert len(words) > 60
    assert not sorted(word for word in words if not re.search(rf"\b{word}\b", shown))


def test_texts_on_the_page_print_the_documented_result() -> None:
    """Each text prints the documented result in a composed message."""
    alert = the_alert()
    pairs = [pair for row in rows("Texts") for pair in zip(codes(row[0]), codes(row[1]), strict=False)]
    for text, printed in pairs:
        program = check([SourceText("page", f'route "r" {{ to x  message "{text}" }}')], KNOWN).program
        assert program is not None
        (notification,) = Router(program, {}).step(State(), alert, alert.time_ns).notifications
        assert printed in plain.body(compose(Delivery(0, alert, notification, 0, 0), {})).splitlines(), text
    assert len(pairs) > 6


def test_the_tests_on_the_page_pass() -> None:
    """The tests in the examples pass."""
    ran = 0
    for block in re.findall(r"```route\n(.*?)```", PAGE, re.DOTALL):
        if "\ntest " not in block:
            continue
        text = re.sub("^import .*$", "", block, flags=re.MULTILINE)
        checked = check([SourceText("page", text)], KNOWN)
        assert checked.program is not None, checked.diagnostics
        for case in checked.tests:
            assert not RouteTestRunner(Router(checked.program, {}), {}).run(case), case.name
            ran += 1
    assert ran
