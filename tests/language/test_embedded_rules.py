"""Rules and ``append_output`` are read out of Helm values, ConfigMaps and the objects of Falco's operator."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.language.diagnostics.source import SourceText
from bridge.language.falco.rules import FalcoRules, read_rules

FOLDER = Path(__file__).parents[1] / "data" / "manifests"


def read(text: str) -> FalcoRules | str:
    return read_rules((SourceText("f.yaml", text),))


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.stem)
def test_every_form_gives_the_same_rules(path: Path) -> None:
    """In the order of their names, with what later ones append and with the output that falco.yaml appends."""
    rules = read(path.read_text(encoding="utf-8"))
    assert isinstance(rules, FalcoRules)
    assert rules.lists == {"secret_files": ("/etc/shadow", "/etc/sudoers")}
    assert rules.macros == {"reads": "evt.type in (open, openat, openat2) and evt.is_open_read=true"}
    (rule,) = rules.rules.values()
    assert rule.output == "Secret %fd.name read by %user.name of %k8s.ns.name on CPU %evt.cpu"
    assert rule.fields == {"fd.name", "user.name", "k8s.ns.name", "evt.cpu", "proc.pid", "home_directory"}
    assert rule.tags == ("filesystem",)
    assert rules.configured


def test_values_append_to_the_rules_of_other_files() -> None:
    """As the chart mounts them beside Falco's own rules."""
    own = SourceText("falco_rules.yaml", "- rule: Read secrets\n  output: a %proc.name\n  priority: ERROR\n")
    values = SourceText("values.yaml", "falco:\n  append_output:\n  - extra_fields: [evt.cpu]\n")
    rules = read_rules((own, values))
    assert isinstance(rules, FalcoRules)
    assert rules.rules["Read secrets"].fields == {"proc.name", "evt.cpu"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("customRules: {}\n", "without rules: it has nothing in `customRules` and no `falco`"),
        ("apiVersion: v1\nkind: ConfigMap\n", "is a Kubernetes ConfigMap without rules of Falco"),
        ("apiVersion: v1\nkind: ConfigMap\ndata: [1]\n", "is a Kubernetes ConfigMap without rules of Falco"),
        ("apiVersion: v1\nkind: List\nitems: 1\n", "is a Kubernetes List without rules of Falco"),
        ("apiVersion: apps/v1\nkind: DaemonSet\n", "is a Kubernetes DaemonSet, not a rules file of Falco"),
        ("apiVersion: artifact.falcosecurity.dev/v1\nkind: Rulesfile\nspec: {}\n", "it has no `inlineRules`"),
        ("customRules:\n  a.yaml: |\n    - rule: [\n", "has `a.yaml`, which is not YAML"),
        ("customRules:\n  a.yaml: |\n    - rule: x\n      y: z\n     w: v\n", "`a.yaml`, which is not YAML, line 5: "),
        ("customRules:\n  a.yaml: word\n", "without rules"),
    ],
)
def test_what_has_no_rules_is_explained(text: str, problem: str) -> None:
    """With the line of the whole file where a text in it is not YAML."""
    said = read(text)
    assert isinstance(said, str)
    assert said.startswith("f.yaml ")
    assert problem in said


def test_a_value_that_refers_to_itself_ends() -> None:
    """YAML can do that."""
    assert isinstance(read("falco: &f\n  customRules: {}\n  falco: *f\n"), str)
