"""The examples are valid: configs and routes pass `check`, `test` and `fmt`."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import yaml

from bridge.terminal.rules import KINDS, Kind
from tests.support.examples import EXAMPLES, make_folders, prepared, run
from tests.support.ports import on_free_ports


def test_every_route_file_is_formatted() -> None:
    """`fmt --check` finds nothing to change."""
    run("fmt", "--check", *sorted(EXAMPLES.rglob("*.route")))


def test_the_production_config_checks_and_its_tests_pass(tmp_path: Path) -> None:
    """No diagnostics once the secrets exist, and all route tests pass."""
    shutil.copytree(EXAMPLES / "production", tmp_path, dirs_exist_ok=True)
    config = prepared(
        on_free_ports((EXAMPLES / "production" / "falco-bridge.yaml").read_text(encoding="utf-8")), tmp_path
    )
    make_folders(tmp_path)
    assert run("check", "--config", config) == "no problems\n"
    assert run("test", "--config", config).endswith("3 passed, 0 failed\n")


def test_the_terminal_config_checks_and_its_tests_pass(tmp_path: Path) -> None:
    """No diagnostics, and the routes page for what the recorded session of the quick start types."""
    shutil.copytree(EXAMPLES / "terminal", tmp_path, dirs_exist_ok=True)
    config = prepared(
        on_free_ports((EXAMPLES / "terminal" / "falco-bridge.yaml").read_text(encoding="utf-8")), tmp_path
    )
    make_folders(tmp_path)
    assert run("check", "--config", config) == "no problems\n"
    assert run("test", "--config", config).endswith("3 passed, 0 failed\n")
    shown = run("commands", "--from", EXAMPLES / "quickstart" / "terminal.jsonl")
    assert "root (alice@example.com, by Kubernetes audit)" in shown.splitlines()[0]
    assert '|sh" > /etc/cron.d/x\n            wrote /etc/cron.d/x\n' in shown


def test_the_terminal_rules_are_those_that_the_bridge_knows() -> None:
    """By name, with the fields that it reads, and never the one that shows other events' bytes."""
    rules: dict[str, dict[str, Any]] = {}
    for name in ("cheap.rules.yaml", "full.rules.yaml"):
        document = yaml.safe_load((EXAMPLES / "terminal" / name).read_text(encoding="utf-8"))
        rules |= {each["rule"]: each for each in document if "rule" in each}
    assert set(rules) == set(KINDS) - {"fb: shell ended"}
    needed = {
        "evt.num",
        "proc.name",
        "proc.pid",
        "proc.pid.ts",
        "proc.ppid",
        "proc.vpid",
        "proc.tty",
        "proc.sid",
        "container.id",
    }
    for name, rule in rules.items():
        fields = set(re.findall(r"%([a-z0-9.]+)", rule["output"]))
        assert needed <= fields, name
        assert "evt.buffer" not in fields
        if KINDS[name] in {Kind.PAINT, Kind.END, Kind.LINE}:
            assert {"evt.arg.data", "evt.rawres"} <= fields
        if KINDS[name] is Kind.KEY:
            assert not {field for field in fields if "data" in field or "buffer" in field}


def test_kubernetes_leaves_ps0_as_bash_needs_it() -> None:
    """It reads `$$` as a dollar sign; bash then announces a line."""
    pod = yaml.safe_load((EXAMPLES / "terminal" / "pod.yaml").read_text(encoding="utf-8"))
    (variable,) = pod["spec"]["containers"][0]["env"]
    guide = (EXAMPLES.parent / "docs" / "terminal.md").read_text(encoding="utf-8")
    assert f"PS0='{variable['value'].replace('$$', '$')}'" in guide


def test_the_workflow_for_pull_requests_runs_commands_that_exist() -> None:
    """Each with options that its verb has. Nothing from the event is pasted into a script."""
    from bridge.cli.main import VERBS, make_parser

    workflow = yaml.safe_load((EXAMPLES / "ci" / "routes.yml").read_text(encoding="utf-8"))
    scripts = [step["run"] for step in workflow["jobs"]["routes"]["steps"] if "run" in step]
    assert not [script for script in scripts if "${{" in script]
    commands = [line.strip() for script in scripts for line in script.splitlines() if "falco-bridge " in line]
    verbs = [shlex.split(command.partition(" > ")[0])[1:] for command in commands]
    assert [words[0] for words in verbs] == ["check", "fmt", "test", "diff"]
    for words in verbs:
        make_parser(VERBS).parse_args(words)
