"""Conditions of Falco's stock rules are accepted, and mutations are accepted or rejected with a place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.language.checker.check import check_condition
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Diagnostic
from bridge.language.diagnostics.source import SourceText
from bridge.language.falco.rules import FalcoRules, read_rules

PATH = Path(__file__).parent.parent / "data" / "stock_rules.yaml"
ENTRIES: list[dict[str, Any]] = yaml.safe_load(PATH.read_text(encoding="utf-8"))
CONDITIONS = {str(e.get("rule") or e.get("macro")): str(e["condition"]) for e in ENTRIES if "condition" in e}


def known() -> Known:
    rules = read_rules((SourceText(str(PATH), PATH.read_text(encoding="utf-8")),))
    assert isinstance(rules, FalcoRules)
    return Known(None, None, rules)


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_stock_condition_is_accepted(name: str) -> None:
    """Each condition is accepted with Falco's lists and macros."""
    found = check_condition(SourceText(name, CONDITIONS[name]), known())
    assert not isinstance(found, tuple), [each.message for each in found if isinstance(each, Diagnostic)]


MUTATIONS = [
    ("and", "AND"), ("and", "&&"), (" in (", " in "), (")", ""), ("=", "=="), ("=", "= ("), ("contains", "contain"), ("'", ""),
    ("proc.name", "proc.nam"), ("evt.type", "evt.typ"), ("ka.target.resource", "ka.target.resourc"), ("ka.uri", "ka.url"), ("shell_binaries", "(shell_binaries"), (" not ", " nott "),
]  # fmt: skip


@pytest.mark.parametrize("name", CONDITIONS)
def test_nearly_right_ones_never_crash_the_checker(name: str) -> None:
    """Each mutation is either rejected with a place in the text or compiled."""
    text = CONDITIONS[name]
    refused = 0
    for old, new in MUTATIONS:
        if old in text:
            found = check_condition(SourceText(name, text.replace(old, new, 1)), known())
            if isinstance(found, tuple):
                refused += 1
                assert all(each.message and each.span.start <= len(text) + 5 for each in found)
    assert refused
