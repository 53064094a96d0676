"""Proofs are sound, and simple cases are proved."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bridge.alert import Alert
from bridge.language.checker.check import check, check_condition
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Code
from bridge.language.diagnostics.source import SourceText
from bridge.language.falco.rules import FalcoRules, read_rules
from bridge.language.program.condition import All, Any, Compare, Condition, Exists, Not
from bridge.matching import compile_condition
from bridge.matching.analysis.lint import lint
from bridge.matching.analysis.proofs import always_holds, implies, never_holds
from bridge.matching.analysis.reach import extras
from tests.matching.test_agreement import ALERTS, CONDITIONS

NOTHING = Known(None, None)


def condition(text: str) -> Condition:
    found = check_condition(SourceText("c", text), NOTHING)
    assert isinstance(found, All | Any | Compare | Exists | Not), found
    return found


NEVER = [
    "rule = a and rule = b",
    "rule = a and rule != a",
    "rule in (a, b) and not rule in (a, b, c)",
    "rule = abc and rule startswith b",
    "rule = abc and not rule contains b",
    "not proc.name exists and proc.name = x",
    "not proc.name exists and proc.name != x",
    "fd.sport > 5 and fd.sport < 3",
    "fd.sport > 5 and fd.sport <= 5",
    "fd.sport = 22 and fd.sport > 1000",
    "priority >= error and priority < warning",
    "evt.is_open_read = true and evt.is_open_read = false",
    "proc.name startswith ab and proc.name startswith b",
    "proc.name endswith ab and proc.name endswith c",
    "proc.cmdline regex x and not proc.cmdline regex x",
    "(rule = a and rule = b) or (user.name = x and user.name = y)",
    "proc.name = val(proc.pname) and not proc.name = val(proc.pname)",
]
ALWAYS = [
    "rule = a or not rule = a",
    "priority >= debug",
    "not (rule = a and rule = b)",
    "proc.name exists or not proc.name exists",
]
POSSIBLE = ["rule = a and user.name = b", "rule != a and rule != b", "fd.sport >= 5 and fd.sport <= 5", "proc.name startswith a and proc.name startswith ab",
            "fd.cip = 10.0.0.1 and fd.cip = 10.0.0.0/8", "tags intersects (a) and tags intersects (b)",
            "evt.num > 5 and evt.num < -1", "user.uid > 5 and user.uid < -1", "fd.port < 5 and fd.port > 9",
            "proc.aname = a and proc.aname = b", "proc.aname startswith a and proc.aname startswith b", 'time = " 22"', "time = -1 and time > 3",
            "evt.rawtime >= 9007199254740992 and evt.rawtime < 9007199254740993",
            "proc.duration >= 99999999999999999999 and proc.duration <= 18446744073709551615",
            "proc.name contains oneof (a) and not proc.name contains oneof (a, a)",
            "evt.is_open_read exists and not evt.is_open_read = true and not evt.is_open_read = false"]  # fmt: skip


@pytest.mark.parametrize("text", NEVER)
def test_never_true_conditions(text: str) -> None:
    """The condition is never true, and its negation is always true."""
    assert never_holds(condition(text))
    assert always_holds(condition(f"not ({text})"))


@pytest.mark.parametrize("text", ALWAYS)
def test_always_true_conditions(text: str) -> None:
    """The condition is always true."""
    assert always_holds(condition(text))
    assert not never_holds(condition(text))


@pytest.mark.parametrize("text", POSSIBLE)
def test_possible_conditions_are_not_reported(text: str) -> None:
    """The condition is proved neither never true nor always true."""
    assert not never_holds(condition(text))
    assert not always_holds(condition(text))


@given(CONDITIONS, CONDITIONS, st.lists(ALERTS, min_size=1, max_size=6))
def test_no_alert_refutes_a_proof(one: str, other: str, alerts: list[Alert]) -> None:
    """Proofs about random conditions hold for random alerts."""
    first, second = condition(one), condition(other)
    never, always, follows = never_holds(first), always_holds(first), implies(first, second)
    for alert in alerts:
        holds = compile_condition(first, {})(alert)
        assert not (never and holds), one
        assert not (always and not holds), one
        if follows and holds:
            assert compile_condition(second, {})(alert), (one, other)


def lint_codes(text: str, rules: FalcoRules | None = None) -> list[Code]:
    checked = check([SourceText("t", text)], NOTHING)
    assert checked.program is not None, checked.diagnostics
    return [each.code for each in lint(checked.understood, rules)]


def test_shadows() -> None:
    """A route is shadowed if an earlier one stops all its alerts, not if it stops some."""
    narrow, wide = "k8s.ns.name = a and proc.name = b", "k8s.ns.name in (a, c)"
    assert lint_codes(f'route "1" {{ when {wide} drop }} route "2" {{ when {narrow} to x }}') == [Code.SHADOWED_ROUTE]
    assert lint_codes(f'route "1" {{ when {wide} to x }} route "2" {{ when {narrow} to x }}') == []
    assert lint_codes(f'route "1" {{ when {narrow} drop }} route "2" {{ when {wide} to x }}') == []
    assert lint_codes('route "1" { drop } route "2" { to x }') == [Code.SHADOWED_ROUTE]
    assert lint_codes('route "1" { drop } route "2" { when source = internal to x }') == []
    scheduled = f'schedule s = mon\nroute "1" {{ when {wide} during s drop }} route "2" {{ when {narrow} to x }}'
    assert lint_codes(scheduled) == []


def test_contradicting_schedules_are_reported() -> None:
    """Contradicting uses of one schedule are reported; two schedules are not."""
    schedules = "schedule s = mon\nschedule t = tue\n"
    assert lint_codes(f'{schedules}route "1" {{ during s not during s to x }}') == [Code.NEVER_TRUE]
    assert lint_codes(f'{schedules}route "1" {{ during s not during t to x }}') == []
    assert lint_codes(f'{schedules}route "1" {{ during s during s to x }}') == []


def test_a_condition_for_internal_alerts_may_always_hold() -> None:
    """A condition that tests for internal alerts is not reported as always true."""
    assert lint_codes('route "1" { when source = internal or not source = internal to x }') == []


def test_a_shadow_is_found_among_many_routes() -> None:
    """Shadowing is found through a common equality or without one."""
    ending = "".join(f'route "e{n}" {{ when proc.name = a{n} and fd.name exists drop }}' for n in range(2000))
    later = 'route "l" { when proc.name = a1700 and fd.name exists and evt.type = open to x }'
    assert lint_codes(ending + later) == [Code.SHADOWED_ROUTE]
    assert lint_codes(ending + later.replace("= a1700", "in (a1700, b)")) == []


def test_warnings_are_reported_along_with_errors() -> None:
    """Warnings appear along with errors, but not for routes with an invalid condition or schedule."""

    def codes(text: str) -> list[Code]:
        return [each.code for each in lint(check([SourceText("t", text)], NOTHING).understood, None)]

    wrong = (
        'route "w" { when proc.nam = a drop } route "s" { during nosuch drop } where no_macro { route "m" { drop } }'
    )
    assert codes(f'{wrong} route "1" {{ when proc.name = a and proc.name = b }}') == [Code.NEVER_TRUE]
    assert codes(f'{wrong} route "1" {{ when rule = a drop }} route "2" {{ when rule = a to x severity high }}') == [
        Code.SHADOWED_ROUTE
    ]


def test_fields_and_rules_that_cannot_match() -> None:
    """Fields that no matching rule outputs, and routes that no rule can match, are reported."""
    found = read_rules((SourceText("r", "- rule: A\n  output: '%user.name'\n  priority: ERROR\n- rule: B\n  output: '%proc.name'\n"
                                    "  priority: DEBUG\n  tags: [t]\n"),))  # fmt: skip
    assert isinstance(found, FalcoRules)
    for text, expected in (
        ("rule = A and user.name = x", []),
        ("rule = A and proc.name = x", [Code.NEVER_EMITTED]),
        ("priority >= warning and proc.name = x", [Code.NEVER_EMITTED]),
        ("tags intersects (t) and proc.name = x", []),
        ("proc.name = x or user.name = y", []),
        ("rule = C", [Code.NEVER_TRUE]),
        ("rule = A and evt.time exists", []),
    ):
        assert lint_codes(f'route "r" {{ when {text} to x }}', found) == expected, text


def test_suggested_fields_are_not_missing() -> None:
    """Fields of ``suggested_output`` and ``%container.info`` are known; without a falco.yaml the hint names the setting."""
    rules = (
        "- rule: S\n  output: '%proc.name'\n  priority: ERROR\n- rule: K\n  output: x\n  source: k8s_audit\n  priority: ERROR\n"
        "- rule: I\n  output: '%container.info'\n  priority: ERROR\n"
    )
    suggested = SourceText("falco.yaml", "append_output:\n  - suggested_output: true\n")
    other = SourceText("falco.yaml", "json_output: true\n")

    def hints(rule: str, *more: SourceText) -> list[str]:
        found = read_rules((SourceText("r", rules), *more))
        assert isinstance(found, FalcoRules)
        text = f'route "r" {{ when rule = {rule} and k8s.ns.name = a to x }}'
        return [each.hint for each in lint(check([SourceText("t", text)], NOTHING).understood, found)]

    assert hints("I") == hints("S", suggested) == []
    assert ["suggested_output" in hint for hint in hints("S")] == [True]
    assert ["extra_fields: [k8s.ns.name]" in hint for hint in hints("S", other)] == [True]
    for more in ((), (suggested,), (other,)):
        assert hints("K", *more) == ["the alert sources of these rules do not have this field"]


def test_appended_fields_belong_to_the_alert_source() -> None:
    """Entries contain only fields of the rule's alert source; fields of custom plugins are included."""
    found = read_rules((SourceText("r", "- rule: S\n  output: x\n  priority: ERROR\n- rule: K\n  output: x\n  source: k8s_audit\n"
                                    "  priority: ERROR\n"),))  # fmt: skip
    assert isinstance(found, FalcoRules)
    text = "proc.name = a or ka.verb = b or evt.pluginname = c or own.field = d or json.value[/x] = e"
    routes = check([SourceText("t", f'route "r" {{ when {text} to x }}')], NOTHING).understood
    entries = {extra.match: extra.fields for extra in extras(routes, found.rules.values(), all_rules=True)}
    assert entries == {
        ("rule", "S"): ("evt.pluginname", "json.value[/x]", "proc.name"),
        ("rule", "K"): ("evt.pluginname", "json.value[/x]", "ka.verb"),
    }


def test_missing_fields_are_given_as_yaml() -> None:
    """Entries cover every rule that can match, and quote names if necessary."""
    rules = "".join(
        f"- rule: '{name}'\n  output: '%user.name'\n  priority: ERROR\n" for name in ('A "x"', "B", "C: #d")
    )
    found = read_rules((SourceText("r", rules),))
    assert isinstance(found, FalcoRules)
    text = 'route "r" { when proc.aname[2] = a and evt.arg.flags = b and user.name = c to x }'
    (only,) = lint(check([SourceText("t", text)], NOTHING).understood, found)
    assert yaml.safe_load(only.hint.removeprefix("add to falco.yaml: ")) == {
        "append_output": [
            {"match": {"rule": name}, "extra_fields": ["evt.arg.flags", "proc.aname[2]"]}
            for name in ('A "x"', "B", "C: #d")
        ]
    }
