"""The example dashboard and alert rules parse, and name only metrics and labels that the bridge exports."""

from __future__ import annotations

import json
import re
from pathlib import Path

import promql_parser
import pytest
import yaml

from bridge.operator.metrics.catalogue import METRICS

EXAMPLES = Path(__file__).parent.parent / "examples" / "monitoring"
BY_NAME = {metric.name: metric for metric in METRICS}
SUFFIXES = ("_bucket", "_count", "_sum")


def rules() -> dict[str, tuple[str, str]]:
    """The expression and the summary of each alert rule."""
    document = yaml.safe_load((EXAMPLES / "prometheus-rules.yaml").read_text(encoding="utf-8"))
    return {
        rule["alert"]: (rule["expr"], rule["annotations"]["summary"])
        for group in document["groups"]
        for rule in group["rules"]
    }


def panels() -> dict[str, list[tuple[str, str]]]:
    """The expressions and legends of each panel."""
    document = json.loads((EXAMPLES / "grafana-dashboard.json").read_text(encoding="utf-8"))
    return {
        panel["title"]: [(target["expr"], target["legendFormat"]) for target in panel["targets"]]
        for panel in document["panels"]
    }


CASES = {
    **{f"rule {name}": case for name, case in rules().items()},
    **{f"panel {title}": case for title, cases in panels().items() for case in cases},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_expressions_parse_and_name_what_exists(case: tuple[str, str]) -> None:
    """Every metric is exported, with every label that the expression or the text names."""
    expression, text = case
    promql_parser.parse(expression.replace("$__rate_interval", "5m"))
    names = re.findall(r"falco_bridge_\w+", expression)
    metrics = [BY_NAME.get(name) or BY_NAME[base(name)] for name in names]
    assert metrics
    labels = {label for metric in metrics for label in metric.labels} | {"le"}
    named = re.findall(r"by \(([^)]*)\)", expression) + re.findall(r"\{(\w+)[!=]", expression)
    used = {label.strip() for each in named for label in each.split(",")}
    used |= set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", text)) - {"value"}
    assert used <= labels


def base(name: str) -> str:
    """The histogram that a series belongs to."""
    return next(name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix))


def test_every_panel_has_its_own_place() -> None:
    """No two panels overlap."""
    document = json.loads((EXAMPLES / "grafana-dashboard.json").read_text(encoding="utf-8"))
    cells = [
        (x, y)
        for panel in document["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
