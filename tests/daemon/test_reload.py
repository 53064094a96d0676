"""Reload of a running bridge: on a change of a file, on command; on an error the running config stays."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import Instance
from tests.support.waiting import wait_until

CHANNELS = {"a": "file://a.jsonl", "b": "file://b.jsonl"}
THROTTLED = 'route "r" { to a throttle 1 per 10h }\n'


class Running:
    """A bridge that alerts are sent to one by one."""

    def __init__(self, folder: Path, routes: str) -> None:
        self.instance = Instance(folder)
        self._sent = 0
        self.configure(routes)
        self.bridge = self.instance.bridge()
        self.instance.await_logged("started")

    def configure(self, routes: str, channels: dict[str, str] | None = None) -> None:
        self.instance.configure(routes, channels or CHANNELS, sources=[{"socket": "in.sock"}])

    def change(self, routes: str) -> None:
        """Write the route file, and wait until it is in use or was rejected."""
        before = self.reloads()
        (self.instance.folder / "test.route").write_text(routes, encoding="utf-8")
        wait_until(lambda: self.reloads() > before, "the reload")

    def reloads(self) -> int:
        return self.instance.log.count('"reloaded"') + self.instance.log.count('"reload rejected')

    def send(self) -> None:
        self._sent += 1
        alert = {"rule": "x", "output": f"o{self._sent}", "priority": "Error", "time": "2026-03-04T05:06:07.1Z",
                 "output_fields": {"evt.num": self._sent}}  # fmt: skip
        (self.instance.folder / "one.jsonl").write_text(json.dumps(alert) + "\n", encoding="utf-8")
        assert self.command("send", "one.jsonl", "--socket", "in.sock").returncode == 0

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bridge", *words], cwd=self.instance.folder, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip

    def lines(self, channel: str) -> int:
        path = self.instance.folder / f"{channel}.jsonl"
        return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, THROTTLED)
    yield running
    running.instance.end()


def test_a_changed_route_file_is_used_and_the_state_of_unchanged_clauses_is_kept(running: Running) -> None:
    """A throttle whose text stays holds on; one that changed begins again, and the log names it."""
    running.send()
    wait_until(lambda: running.lines("a") == 1, "the first notification")
    running.change(THROTTLED + 'route "s" { to b }\n')
    running.send()
    wait_until(lambda: running.lines("b") == 1, "the new route")
    assert running.lines("a") == 1
    running.change('route "r" { to a throttle 2 per 10h }\n')
    assert '"clause state removed"' in running.instance.log
    running.send()
    wait_until(lambda: running.lines("a") == 2, "the new throttle")


def test_an_error_keeps_the_running_routes_and_is_shown_until_it_is_fixed(running: Running) -> None:
    """In the log, in the status and by the command, whose exit code is 1."""
    running.change('route "r" { when proc.nmae = x to a }\n')
    rejected = running.command("reload", "--config", "falco-bridge.yaml")
    assert (rejected.returncode, "unknown field `proc.nmae`" in rejected.stderr) == (1, True)
    status = running.command("status", "--config", "falco-bridge.yaml")
    assert "the changed config is not in use: " in status.stdout
    assert ".route:1: error[" in status.stdout, "the file and the line of the error"
    running.send()
    wait_until(lambda: running.lines("a") == 1, "the running route")
    running.change('route "r" { to b }\n')
    assert "not in use" not in running.command("status", "--config", "falco-bridge.yaml").stdout
    running.send()
    wait_until(lambda: running.lines("b") == 1, "the fixed route")


def test_the_command_says_which_groups_keep_their_previous_routes(running: Running) -> None:
    """The routes of the others are replaced. The exit code is 1: what was written is not all in use."""
    team = running.instance.folder / "team.route"
    team.write_text('route "t" { to b }\n', encoding="utf-8")
    config = running.instance.folder / "falco-bridge.yaml"
    grouped = "routes:\n- test.route\n- {files: team.route, name: team}"
    config.write_text(config.read_text("utf-8").replace("routes:\n- test.route", grouped), encoding="utf-8")
    assert running.command("reload", "--config", "falco-bridge.yaml").returncode == 0
    team.write_text('route "t" { to nowhere }\n', encoding="utf-8")
    refused = running.command("reload", "--config", "falco-bridge.yaml")
    assert (refused.returncode, "unknown channel `nowhere`" in refused.stderr) == (1, True)
    assert refused.stderr.endswith("falco-bridge reload: the bridge keeps the previous routes of team\n")
    assert json.loads(running.command("reload", "--json", "--config", "falco-bridge.yaml").stdout)["kept"] == ["team"]
    team.write_text('route "t" { to a }\n', encoding="utf-8")
    assert running.command("reload", "--config", "falco-bridge.yaml").returncode == 0


def test_channels_are_replaced_and_keys_that_need_a_restart_are_named(running: Running) -> None:
    """The source stays open throughout."""
    running.instance.configure(
        'route "r" { to c }\n', {"c": "file://c.jsonl"}, sources=[{"socket": "in.sock"}], journal="other.db",
        admin="journal.db.admin.sock",
    )  # fmt: skip
    done = running.command("reload", "--config", "falco-bridge.yaml")
    assert (done.returncode, "`journal.path` has changed; restart" in done.stdout) == (0, True), done.stderr
    running.send()
    wait_until(lambda: running.lines("c") == 1, "the new channel")
    assert not (running.instance.folder / "other.db").exists()
    assert running.instance.stop(running.bridge) == 0


def test_fields_of_a_list_can_be_used_and_a_changed_list_is_read_again(running: Running) -> None:
    """An unknown field is an error until ``fields`` names a list with it; a list without it keeps the running routes."""
    fields, folder = "proc.newcount    How many. (Type: UINT64)\n", running.instance.folder
    (folder / "fields.txt").write_text(fields, encoding="utf-8")
    running.change('route "r" { when proc.newcount > 5 to b }\n')
    assert "unknown field `proc.newcount`" in running.instance.log
    sources: list[dict[str, object]] = [{"socket": "in.sock"}]
    before = running.reloads()
    running.instance.configure('route "r" { when proc.newcount > 5 to b }\n', CHANNELS, sources=sources,
                               fields="fields.txt")  # fmt: skip
    wait_until(lambda: running.reloads() > before and running.command("check", "--config", "falco-bridge.yaml")
               .returncode == 0, "the list")  # fmt: skip
    wait_until(lambda: running.instance.log.count('"reloaded"') >= 1, "the reload with the list")
    before = running.reloads()
    (folder / "fields.txt").write_text(fields.replace("newcount", "newnumber"), encoding="utf-8")
    wait_until(lambda: running.reloads() > before, "the changed list")
    rejected = running.command("reload", "--config", "falco-bridge.yaml")
    assert rejected.returncode == 1
    assert "unknown field `proc.newcount`" in rejected.stdout + rejected.stderr
    running.send()
    (folder / "one.jsonl").write_text(json.dumps({
        "rule": "x", "output": "o", "priority": "Error", "time": "2026-03-04T05:06:07.1Z",
        "output_fields": {"proc.newcount": 6}}) + "\n", encoding="utf-8")  # fmt: skip
    assert running.command("send", "one.jsonl", "--socket", "in.sock").returncode == 0
    wait_until(lambda: running.lines("b") == 1, "the notification of the alert with the field")
    assert running.lines("a") == 0


def test_an_import_that_is_missing_or_wrong_is_used_once_it_is_corrected(running: Running) -> None:
    """The rejected files are watched as well, although no running route imports them."""
    folder = running.instance.folder / "more"
    folder.mkdir()
    (folder / "more.route").write_text('route "r" { to nowhere }\n', encoding="utf-8")
    running.change('import "more/more.route"\n')
    assert running.instance.log.count('"reloaded"') == 0
    (folder / "more.route").write_text('route "r" { to b }\n', encoding="utf-8")
    wait_until(lambda: '"reloaded"' in running.instance.log, "the corrected import")
    running.send()
    wait_until(lambda: running.lines("b") == 1, "its route")
