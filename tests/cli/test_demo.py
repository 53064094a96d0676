"""The demo as it is stopped, and what can be asked of what it left."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import ALERTS, ROOT, run
from tests.support.waiting import wait_until


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_demo_leaves_no_process_running(stop: signal.Signals, tmp_path: Path) -> None:
    """Its bridge and its simulated Falco end before it does."""
    played = tmp_path / "played"
    with (
        played.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "bridge", "demo", "--dir", str(tmp_path / "play"), "--rate", "1"],
            cwd=ROOT, stdout=output, stderr=subprocess.STDOUT,
        ) as demo,
    ):  # fmt: skip
        wait_until(lambda: "started" in played.read_text("utf-8"), "its bridge")
        demo.send_signal(stop)
        assert demo.wait(60) == 128 + stop
    assert '"event": "stopped"' in played.read_text("utf-8")
    assert not (tmp_path / "play" / "falco.sock").exists()


def test_a_config_names_the_routes_and_the_history_without_its_secrets(tmp_path: Path) -> None:
    """Decisions are found without typing paths; without the secrets, as in CI, tests still run."""
    assert run("demo", "--dir", tmp_path, "--rate", "500").returncode == 0
    path = tmp_path / "falco-bridge.yaml"
    path.write_text(path.read_text("utf-8").replace("console://", "slack://${file:not-here}"), encoding="utf-8")
    with (tmp_path / "quickstart.route").open("a", encoding="utf-8") as routes:
        routes.write(
            'test "rm pages" { event { k8s.ns.name = payments proc.cmdline = "rm -rf /" } expect "rm -rf in prod" to pager, archive }'
        )
    assert run("check", "--config", path).returncode == 1
    assert run("test", "--config", path).stdout.endswith("1 passed, 0 failed\n")
    condition = "destructive and k8s.ns.name in (prod) and label.cluster = quickstart"
    assert run("match", condition, "--config", path, "-c").stdout == "7\n"
    assert run("match", condition, "--config", path, "-c", ALERTS).stdout == "7\n"
    found = run("match", condition, "--config", path).stdout.splitlines()[0]
    explained = run("explain", "--config", path).stdout
    assert json.loads(found)["output_fields"]["proc.cmdline"] in explained
    one = re.findall(r"id ([0-9a-f]{32})\)", explained)[0]
    assert run("explain", "--config", path, "--id", one[:12]).stdout.count(f"id {one}") == 1
    assert run("explain", "--config", path, "--alerts", "-", given=found).stdout.count("id ") == 1
    for verb in ("test", "explain", "match"):
        wrong = run(verb, *(["rule = a"] if verb == "match" else []), "--config", tmp_path / "none.yaml")
        assert (wrong.returncode, "cannot be read" in wrong.stderr) == (2, True), verb
