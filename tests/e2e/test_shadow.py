"""A shadow beside a running bridge: status, ``diff --shadow``, reload, and errors that stop nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import run
from tests.e2e.harness import Instance
from tests.support.waiting import wait_until

CANDIDATE = 'route "all" { when rule exists and rule != "x" to hook, page }\n'


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    yield instance
    instance.end()


def test_a_shadow_is_compared_on_live_traffic_and_follows_reloads(instance: Instance) -> None:
    """It starts with errors, which status shows and check reports; once corrected it is tried, and sends nothing."""
    shadow = instance.folder / "new.route"
    shadow.write_text('route "all" { when rul exists to hook }\n', encoding="utf-8")
    channels = {"hook": "file://hook.jsonl", "page": "file://page.jsonl"}
    instance.configure('route "all" { when rule exists to hook }\n', channels, shadow="*w.route")
    checked = run("check", "--config", "falco-bridge.yaml", cwd=instance.folder)
    assert (checked.returncode, "new.route:1:" in checked.stdout) == (1, True)
    bridge = instance.bridge()
    instance.await_logged('"started"')
    assert "shadow rejected" in instance.log

    def status() -> dict:
        done = run("status", "--json", "--config", "falco-bridge.yaml", cwd=instance.folder)
        return json.loads(done.stdout) if done.returncode == 0 else {}

    (problem,) = (each for each in status()["problems"] if each["subject"] == "shadow")
    assert "new.route:1" in problem["text"]
    refused = run("diff", "--shadow", "--config", "falco-bridge.yaml", cwd=instance.folder)
    assert (refused.returncode, "new.route:1" in refused.stderr) == (2, True)

    shadow.write_text(CANDIDATE, encoding="utf-8")
    run("reload", "--config", "falco-bridge.yaml", cwd=instance.folder)
    falco = instance.falco("--generate", "--count", "20", "--rate", "200")
    wait_until(lambda: (status().get("shadow") or {}).get("alerts", 0) >= 20, "20 alerts in the shadow")
    falco.kill()
    found = run("diff", "--shadow", "--config", "falco-bridge.yaml", "--json", cwd=instance.folder)
    assert found.returncode == 1
    rows = {(each["channel"], each["route"]): each for each in json.loads(found.stdout)["rows"]}
    page, hook = rows["page", "all"], rows["hook", "all"]
    assert page["changes"] == {"gained": page["after"]}
    assert (hook["before"], hook["changes"]) == (hook["after"], {})
    assert page["samples"]["gained"][0]["headline"]
    text = run("diff", "--shadow", "--config", "falco-bridge.yaml", cwd=instance.folder).stdout
    assert 'gained: page by "all"' in text
    assert "shadow    " in run("status", "--config", "falco-bridge.yaml", cwd=instance.folder).stdout
    assert instance.stop(bridge) == 0
    assert not (instance.folder / "page.jsonl").exists()
