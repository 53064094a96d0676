"""Conditions agree with recorded results of Falco's engine for 400 alerts, by JSON and by gRPC."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.alert import Alert
from bridge.alert.forms.grpc_form import decode_grpc
from bridge.alert.forms.json_form import decode_json
from bridge.alert.wire.outputs_pb2 import response
from bridge.language.checker.check import check_condition
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.language.program.condition import Compare, Condition, Literal, Operator
from bridge.language.program.regex import is_posix
from bridge.matching import Matcher, compile_condition
from bridge.matching.normal import terms_of

DATA = Path(__file__).parent.parent / "data" / "conformance"
NOTHING = Known(None, None)

OUR_LIMITS = ("levels deep", "invalid regex")
"""The bridge rejects more than 100 levels, and regexes that RE2 rejects. Falco accepts those and never matches."""
LEXING = {"proc.cmdline = #comment", "proc.cmdline = {a}", "proc.cmdline existsand user.name exists"}
"""Comments are supported, braces end a route, and keywords must be separated."""
TEXTUAL_LISTS = {"proc.cmdline = gl_t", "k8s.ns.name = prod", "tolower(gl_a) = abc"}
"""Falco replaces names of lists anywhere; the bridge only where an item is allowed."""
TAKEN_HERE = {"concat(proc.cmdline, fd.name) = a"}
"""concat() exists since Falco 0.44."""
QUIRKS = {"proc.cmdline in (gl_c)"}
"""Falco does not expand lists that are nested three deep."""


def load(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


ROWS = {row["id"]: row for row in load("rows.jsonl")}


def from_json(row: dict[str, Any]) -> Alert:
    alert = decode_json(json.dumps({"rule": "r", "output_fields": row["fields"]}).encode(), 0)
    assert isinstance(alert, Alert)
    return alert


def from_grpc(row: dict[str, Any]) -> Alert:
    alert = decode_grpc(response(rule="r", output_fields=row["grpc_fields"]).SerializeToString(), 0)
    assert isinstance(alert, Alert)
    return alert


ALERTS_BY_FORMAT = {
    "json": {i: from_json(row) for i, row in ROWS.items()},
    "grpc": {i: from_grpc(row) for i, row in ROWS.items()},
}


def undecided(format_name: str) -> set[str]:
    """Rows with the text <NA>, which is missing from every source, and by gRPC joined lists."""
    unclear = {i for i, row in ROWS.items() if "<NA>" in json.dumps(row["fields"])}
    if format_name == "grpc":
        groups = {i: row["fields"]["ka.user.groups"] for i, row in ROWS.items()}
        unclear |= {i for i, items in groups.items() if "" in (items or ()) or any("," in item for item in items or ())}
    return unclear


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def compiled(case: dict[str, Any]) -> Condition | tuple[Any, ...]:
    lists, macros = case.get("lists") or {}, case.get("macros") or {}
    lines = [f"list {n} = ({', '.join(i if i in lists else quoted(i) for i in v)})" for n, v in lists.items()]
    lines += [f"macro {name} = {text}" for name, text in macros.items()]
    return check_condition(SourceText("case", case["condition"]), NOTHING, [SourceText("names", "\n".join(lines))])


def is_perl(condition: Condition) -> bool:
    """A regex outside of RE2's POSIX syntax: Falco never matches it, the bridge does."""
    regexes = [each for each in terms_of(condition) if isinstance(each, Compare) and each.operator is Operator.REGEX]
    return any(isinstance(each.right, Literal) and not is_posix(each.right.text) for each in regexes)


@pytest.mark.parametrize("format_name", ALERTS_BY_FORMAT)
def test_falcos_verdicts(format_name: str) -> None:
    """Every condition matches exactly the rows that Falco matched."""
    unclear, wrong, compared = undecided(format_name), [], 0
    for case in load("verdicts.jsonl"):
        text = case["condition"]
        if text in LEXING | TEXTUAL_LISTS | QUIRKS or "<NA>" in text:
            continue
        condition = compiled(case)
        if isinstance(condition, tuple):
            if not any(limit in each.message for each in condition for limit in OUR_LIMITS):
                wrong.append((text, [each.message for each in condition]))
            continue
        if is_perl(condition):
            continue
        predicate = compile_condition(condition, {})
        matched = {i for i, alert in ALERTS_BY_FORMAT[format_name].items() if i not in unclear and predicate(alert)}
        compared += 1
        if matched != set(case["matched"]) - unclear:
            wrong.append((text, sorted(matched ^ (set(case["matched"]) - unclear))))
    assert not [each for each in wrong if "contains itself" not in str(each[1])]
    assert compared > 550


def test_conditions_that_falco_rejects() -> None:
    """Conditions that Falco rejects are rejected, except for the documented differences."""
    taken = [
        case["condition"]
        for case in load("refused.jsonl")
        if case["condition"] not in TAKEN_HERE
        and not case.get("lists")
        and not case.get("macros")
        and "too long" not in case["error"]
        and not isinstance(compiled(case), tuple)
    ]
    assert len(taken) <= 1, taken


@pytest.mark.parametrize(
    "condition",
    ["proc.name < 1e5", "proc.name < -0x1", "proc.name < .5", "proc.name < 1e+", 'proc.name in "a"', "proc.name in 5",
     "fd.name pmatch /etc", r'fd.name glob "*\\"', r"not proc.name in (a, 'b\\')", r'concat("a\\", proc.name) = b'],
)  # fmt: skip
def test_text_that_falcos_lexer_rejects(condition: str) -> None:
    """Exponents without a sign, lists without parentheses and a quote after a backslash are rejected as in Falco."""
    assert isinstance(check_condition(SourceText("case", condition), NOTHING), tuple)


@pytest.mark.parametrize(
    "condition",
    ["proc.name < 0x1F", "proc.name < 1.", "proc.name < +1.e-5", "proc.name in a", "proc.name intersects a_1",
     r'proc.name = "a\ "', r'proc.name contains "a\\b"'],
)  # fmt: skip
def test_text_that_falcos_lexer_accepts(condition: str) -> None:
    """Unusual conditions that Falco accepts are accepted."""
    assert not isinstance(check_condition(SourceText("case", condition), NOTHING), tuple)


def test_additions_of_falco_0_44() -> None:
    """The additions of Falco 0.44 are accepted."""
    for case in load("additions-0.44.jsonl"):
        condition = compiled(case)
        if case["expected"] == "error":
            assert isinstance(condition, tuple), case["condition"]
        elif not case.get("unobservable"):
            assert not isinstance(condition, tuple), case["condition"]
            assert compile_condition(condition, {})(from_json(case)) is case["expected"], case["condition"]


def test_the_matcher_returns_routes_in_order_up_to_a_stop() -> None:
    """Routes match in file order, ``stop`` ends the search, internal alerts match only routes that test for them."""
    from bridge.language.checker.check import check

    text = """
    route "a" { when rule = r to x }
    route "b" { when fd.name startswith "/etc" to x stop }
    route "c" { to x }
    route "own" { when source = internal to x }
    """
    program = check([SourceText("t.route", text)], NOTHING).program
    assert program is not None
    matcher = Matcher(program, {})
    etc = decode_json(b'{"rule":"r","output_fields":{"fd.name":"/etc/x"}}', 0)
    other = decode_json(b'{"rule":"q"}', 0)
    internal = decode_json(b'{"rule":"r","source":"internal"}', 0)
    assert isinstance(etc, Alert)
    assert isinstance(other, Alert)
    assert isinstance(internal, Alert)
    assert matcher.match(etc, 0) == (0, 1)
    assert matcher.match(other, 0) == (2,)
    assert matcher.match(internal, 0) == (3,)
