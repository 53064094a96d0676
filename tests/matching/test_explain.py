"""Explanations: the verdict of each part of a condition, and why a comparison does not hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.alert import Alert
from bridge.alert.forms.json_form import decode_json
from bridge.matching import compile_condition
from bridge.matching.analysis import explain as explain_module
from bridge.matching.analysis.explain import Explanation, Mismatch, compile_explanation, decisive
from tests.matching.verdicts import checked
from tests.support.builders import alert

CASES = Path(__file__).parent.parent / "data" / "conformance"


def explained(text: str, **fields: str) -> Explanation:
    condition = checked(text)
    assert condition is not None, text
    named = {name.replace("__", "."): value for name, value in fields.items()}
    return compile_explanation(condition, {"site": "berlin"})(alert(fields=named))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("proc.name = bash", Mismatch.NONE),
        ("proc.name = BASH", Mismatch.CASE),
        ("proc.name in (zsh, Bash)", Mismatch.CASE),
        ("proc.name contains ASH", Mismatch.CASE),
        ("proc.name = zsh", Mismatch.VALUE),
        ("proc.name != bash", Mismatch.VALUE),
        ("fd.name = x", Mismatch.MISSING),
        ("fd.name exists", Mismatch.MISSING),
        ("proc.vpid = 2", Mismatch.VALUE),
        ("proc.is_exe_writable = true", Mismatch.VALUE),
        ("fd.sip in (10.0.0.0/8)", Mismatch.VALUE),
        ("proc.name = proc.pname", Mismatch.VALUE),
        ("tolower(proc.pname) = bash", Mismatch.VALUE),
        ("label.site = Berlin", Mismatch.CASE),
    ],
)
def test_why_a_comparison_does_not_hold(text: str, why: Mismatch) -> None:
    """A missing field, a different case or a different value."""
    fields = {
        "proc__name": "bash", "proc__pname": "SSHD", "proc__vpid": "1", "proc__is_exe_writable": "false",
        "fd__sip": "192.168.0.1",
    }  # fmt: skip
    found = explained(text, **fields)
    assert (found.why, found.holds) == (why, why is Mismatch.NONE)


def test_the_values_of_every_field_in_a_comparison_are_shown() -> None:
    """Those inside a transformer too."""
    found = explained("tolower(proc.name) = bash", proc__name="Bash").found
    assert [(each.name, each.value) for each in found] == [("tolower(proc.name)", "bash"), ("proc.name", "Bash")]


def test_the_decisive_comparisons_are_those_that_made_the_verdict() -> None:
    """Those that fail in an `and` that fails; all alternatives of an `or` that fails."""
    found = explained("proc.name = bash and (user.name = a or not proc.name = bash)", proc__name="bash", user__name="b")
    assert not found.holds
    assert [[value.name for value in each.found] for each in decisive(found)] == [["user.name"], ["proc.name"]]


def cases() -> list[tuple[str, dict[str, object]]]:
    lines = [line for path in sorted(CASES.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    found = [json.loads(line) for line in lines if '"condition"' in line]
    return [(each["condition"], each.get("fields", {})) for each in found if isinstance(each.get("condition"), str)]


def test_an_explanation_agrees_with_the_verdict() -> None:
    """For every condition of the conformance cases, whatever the alert holds."""
    texts = {text for text, _ in cases()}
    assert len(texts) > 100
    bare = decode_json(b'{"rule":"r"}', 0)
    assert isinstance(bare, Alert)
    for text in texts:
        condition = checked(text)
        if condition is not None:
            holds, explain = compile_condition(condition, {}), compile_explanation(condition, {})
            for each in (bare, alert(fields={"proc.name": "BASH", "fd.sip": "10.0.0.1", "evt.type": "open"})):
                assert explain(each).holds is holds(each), text


def test_nothing_is_compiled_when_an_alert_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """One explanation serves many alerts; compiling is what costs."""
    condition = checked("proc.name = bash and not (user.name in (a, b) or tolower(fd.name) = x)")
    assert condition is not None
    explain = compile_explanation(condition, {})
    monkeypatch.setattr(explain_module, "compile_condition", None)
    monkeypatch.setattr(explain_module, "read_operand", None)
    monkeypatch.setattr(explain_module, "read_text", None)
    assert not explain(alert(fields={"proc.name": "sh"})).holds
    assert explain(alert(fields={"proc.name": "bash", "user.name": "c"})).holds
