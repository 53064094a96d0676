"""Routes on terminal commands are checked as routes on Falco's rules are, where these are imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.cli.main import main
from bridge.language.checker.check import check_condition
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Code
from bridge.language.diagnostics.source import SourceText
from bridge.language.falco.rules import read_rules
from bridge.matching.analysis.own_rules import rules_for
from bridge.terminal.derived import alert_of
from bridge.terminal.terminals import commands_of
from bridge.workbench.routes import load_routes
from tests.support.terminals import RECORDINGS, recording

RULES = "- rule: Shell\n  condition: evt.type = execve\n  output: shell (user=%user.name)\n  priority: NOTICE\n"


@pytest.mark.parametrize(
    ("route", "codes"),
    [
        ('when source = terminal and cmd.text contains "rm" to pager title "%cmd.who %k8s.pod.name %cmd.text"', set()),
        ("when cmd.wrote contains /etc to pager", set()),
        ('when rule = "Command typed in a terminal" to pager', set()),
        ("when source = terminal and proc.cmdline contains rm to pager", {Code.NEVER_EMITTED}),
        ("when source = terminal and rule = Shell to pager", {Code.NEVER_TRUE}),
        ("when source = terminl to pager", {Code.MISSPELT_SOURCE}),
        ("when cmd.txt contains rm to pager", {Code.UNKNOWN_FIELD}),
        ("when cmd.confidence > high to pager", {Code.WRONG_VALUE}),
    ],
)
def test_check_knows_commands(route: str, codes: set[Code], tmp_path: Path) -> None:
    """Its rule, its alert source, and its fields with their types."""
    folder = tmp_path
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    (folder / "a.route").write_text(f'import falco "rules.yaml"\nroute "a" {{ {route} }}\n', encoding="utf-8")
    found = {each.code for each in load_routes([folder / "a.route"]).checked.diagnostics}
    assert {each.id for each in found} == {each.id for each in codes}


def test_falco_config_asks_no_rule_for_fields_of_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The bridge adds them itself."""
    folder = tmp_path
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    (folder / "a.route").write_text(
        'route "a" { when cmd.text contains rm or user.name = x to pager }\n', encoding="utf-8"
    )
    assert main(["falco-config", str(folder / "a.route"), "--rules", str(folder / "rules.yaml")]) == 0
    assert "cmd." not in capsys.readouterr().out


def test_every_field_of_a_command_is_in_the_catalogue() -> None:
    """Of all recordings."""
    falcos = read_rules((SourceText("rules.yaml", RULES),)).rules.values()
    checked = check_condition(SourceText("c", "source = terminal"), Known(None, None))
    assert not isinstance(checked, tuple)
    (rule,) = rules_for(checked, list(falcos))
    commands = [command for name in RECORDINGS for command in commands_of(recording(name))]
    assert {name for command in commands for name in alert_of(command).fields} <= rule.fields
