"""``falco-bridge explain`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.commands import ALERTS, ROUTES, RULES, run


def test_explain_shows_each_route_and_comparison() -> None:
    """As text and as JSON."""
    line = next(
        line for line in ALERTS.read_text(encoding="utf-8").splitlines() if "rm -rf" in line and "payments" in line
    )
    text = run("explain", ROUTES, given=line)
    assert text.returncode == 0
    assert 'route "rm -rf in prod": matched' in text.stdout
    assert '✓ proc.cmdline contains "rm -rf" [macro destructive]: proc.cmdline is' in text.stdout
    explained = json.loads(run("explain", ROUTES, "--format", "json", given=line).stdout)
    assert [route["matched"] for route in explained["routes"]] == [True, False]
    assert [route["result"] for route in explained["routes"]] == ["matched", "no match"]
    assert explained["notifications"][0] == {"channel": "pager", "routes": ["rm -rf in prod"]}
    either, place = explained["routes"][0]["condition"]["parts"]
    assert (either["parts"][0]["macro"], place["macro"]) == ("destructive", None)
    failed = explained["routes"][1]["condition"]
    assert (failed["holds"], failed["why"], failed["values"]["rule"]) == (
        False,
        "different value",
        json.loads(line)["rule"],
    )
    assert "notified: pager (rm -rf in prod), archive (rm -rf in prod)" in text.stdout
    assert run("explain", ROUTES, given="").returncode == 2


def test_a_macro_of_falcos_rules_is_explained_in_its_own_words(tmp_path: Path) -> None:
    """Appended conditions included."""
    more = "- macro: spawned\n  condition: and proc.name in (shells)\n  override: {condition: append}\n"
    (tmp_path / "rules.yaml").write_text(RULES + more, encoding="utf-8")
    routes = tmp_path / "a.route"
    routes.write_text('import falco "rules.yaml"\nroute "r" { when spawned to x }', encoding="utf-8")
    alert = '{"rule": "Shell", "output_fields": {"evt.type": "execve", "proc.name": "SH"}}'
    text = run("explain", str(routes), given=alert).stdout
    assert "✓ evt.type = execve [macro spawned]: evt.type is" in text
    assert '✗ proc.name in (shells) [macro spawned]: proc.name is "SH" (different case)' in text
