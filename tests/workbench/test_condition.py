"""A condition on its own: its names, its errors, and that it sees alerts as routes do."""

from __future__ import annotations

from pathlib import Path

from bridge.workbench.alert_files import Line, read_alerts
from bridge.workbench.bounds import RoutingCounts, parse_bound
from bridge.workbench.condition import ConditionErrors, LoadedCondition, load_condition
from bridge.workbench.explanation import Explainer
from bridge.workbench.routes import load_routes
from tests.support.builders import alert
from tests.workbench.text_alerts import LINE, write_routes


def test_macros_lists_and_labels_can_be_used(tmp_path: Path) -> None:
    """Those of every imported file."""
    (tmp_path / "a.route").write_text("macro shell = proc.name in (shells)\nlist shells = (bash)", encoding="utf-8")
    loaded = load_condition("shell and label.site = berlin", [tmp_path / "a.route"], {"site": "berlin"})
    assert isinstance(loaded, LoadedCondition)
    assert loaded.predicate(alert(fields={"proc.name": "bash"}))
    assert not loaded.predicate(alert(fields={"proc.name": "vim"}))


def test_errors_are_diagnostics_with_the_texts_that_they_quote(tmp_path: Path) -> None:
    """Of the condition, and of files that no such file."""
    wrong = load_condition("proc.name =", [], {})
    assert isinstance(wrong, ConditionErrors)
    assert [each.span.path for each in wrong.diagnostics] == ["CONDITION"]
    assert wrong.sources["CONDITION"].text == "proc.name ="
    missing = load_condition("rule exists", [tmp_path / "none.route"], {})
    assert isinstance(missing, ConditionErrors)
    assert "no such file" in missing.diagnostics[0].message


def test_a_recorded_text_alert_is_completed_by_every_offline_tool(tmp_path: Path) -> None:
    """As intake completes it: otherwise ``test``, ``explain`` and ``match`` would disagree with the bridge."""
    path, alerts = write_routes(tmp_path), tmp_path / "alerts.jsonl"
    alerts.write_bytes(LINE + b"\n")
    (line,) = read_alerts(str(alerts))
    assert isinstance(line, Line)
    assert (line.alert.rule, dict(line.alert.fields)) == ("", {})
    loaded = load_routes([path])
    router = loaded.router({})
    counts = RoutingCounts(router)
    counts.add([line])
    assert counts.failure(parse_bound("to pager exactly 1")) is None
    explained = Explainer(router, {}).explain(line.alert, line.at_ns)
    assert (explained.alert.rule, explained.routes[0].matched) == ("Shell", True)
    condition = load_condition("rule = Shell and user.name = root", [path], {})
    assert isinstance(condition, LoadedCondition)
    assert condition.predicate(condition.complete(line.alert))
