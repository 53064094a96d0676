"""No verb prints a character on which a terminal acts, for any content of alerts, files and names."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.common.control_characters import escaped, escaped_but_colours
from tests.cli.commands import run
from tests.e2e.harness import Instance
from tests.e2e.test_listeners import start
from tests.support.builders import falco_json
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066\u2067]")
HOSTILE = "a\x1b]0;title\x07\x1b[8m \x9b31m \x7f \x08 \u202e \u2066 \u200f z"
QUOTED = json.dumps(HOSTILE, ensure_ascii=False)


def assert_harmless(what: object, done: subprocess.CompletedProcess[str]) -> None:
    for text in (done.stdout, done.stderr):
        found = ACTING.search(text)
        assert found is None, (what, ascii(text[max(found.start() - 80, 0) : found.end() + 20]) if found else "")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    yield instance
    instance.end()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Alerts, routes, rules and a config with hostile text wherever text may be."""
    fields = {"proc.cmdline": HOSTILE, "proc.name": HOSTILE, HOSTILE: HOSTILE}
    line = falco_json(output=HOSTILE, rule=HOSTILE, hostname=HOSTILE, tags=[HOSTILE], output_fields=fields)
    unescaped = json.dumps(json.loads(line), ensure_ascii=False).encode()
    (tmp_path / "alerts.jsonl").write_bytes(unescaped + b"\n" + HOSTILE.encode() + b"\n")
    noisy = [
        falco_json(rule=HOSTILE, output_fields=fields, time=f"2026-03-04T05:06:0{number}.000000001Z")
        for number in range(9)
    ]
    (tmp_path / "noisy.jsonl").write_bytes(b"\n".join(noisy))
    route = f'route "{HOSTILE}" {{ when proc.name = "{HOSTILE}" or rule exists to archive }}\n'
    (tmp_path / "hostile.route").write_text(route + f"# {HOSTILE}\n", encoding="utf-8")
    broken = f'route "{HOSTILE}" {{ when proc.nam = {HOSTILE} to "{HOSTILE}" }}\n'
    (tmp_path / "broken.route").write_text(broken, encoding="utf-8")
    plain = 'route "plain" { when rule exists to archive }\n'
    (tmp_path / "plain.route").write_text(plain, encoding="utf-8")
    (tmp_path / "rules.yaml").write_text(f"- rule: {QUOTED}\n  condition: {QUOTED}\n", encoding="utf-8")
    config = f'channels: {{"{HOSTILE}": x}}\n{HOSTILE}: 1\nlog: {HOSTILE}\n'
    (tmp_path / "bad.yaml").write_text(config, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["match", "rule exists", "alerts.jsonl"],
        ["match", "rule exists", "alerts.jsonl", "--fields", "rule,proc.cmdline,hostname"],
        ["match", f'rule = "{HOSTILE}" and', "alerts.jsonl"],
        ["match", HOSTILE, "alerts.jsonl"],
        ["explain", "plain.route", "--alerts", "alerts.jsonl"],
        ["explain", "hostile.route", "--alerts", "alerts.jsonl"],
        ["explain", "plain.route"],
        ["test", "plain.route", "--alerts", "alerts.jsonl"],
        ["test", "hostile.route", "--alerts", "alerts.jsonl"],
        ["replay", "hostile.route", "--from", "alerts.jsonl"], ["replay", "plain.route", "--from", HOSTILE],
        ["suggest", "plain.route", "--from", "noisy.jsonl"],
        ["diff", "plain.route", "hostile.route", "--from", "alerts.jsonl"], ["diff", "broken.route", HOSTILE],
        ["replay", "hostile.route", "--from", "alerts.jsonl", "--json"], ["replay", HOSTILE, "--from", "alerts.jsonl"],
        ["check", "hostile.route"], ["check", "broken.route"], ["check", "broken.route", "--format", "json"],
        ["check", "broken.route", "--format", "github"], ["check", "plain.route", "--rules", "rules.yaml"],
        ["check", "--config", "bad.yaml"], ["config", "--show", "--config", "bad.yaml"],
        ["fmt", "broken.route"], ["falco-config", "hostile.route"], ["falco-config", "broken.route"],
        ["fields", HOSTILE], [HOSTILE], ["--config", "bad.yaml"], ["status", "--socket", HOSTILE],
        ["dead", "list", "--socket", HOSTILE], ["simulate", HOSTILE], ["send", HOSTILE],
        ["silence", "add", HOSTILE, "--socket", "none"], ["ack", HOSTILE, "--socket", "none"],
    ],
    ids=lambda words: ascii(" ".join(words))[:60],
)  # fmt: skip
def test_no_verb_prints_them(folder: Path, words: list[str]) -> None:
    """Of what is given as a file or as an argument; an argument cannot contain NUL."""
    given = (folder / "alerts.jsonl").read_text(encoding="utf-8")
    assert_harmless(words, run(*words, cwd=folder, given=given))


def test_json_stays_equal(folder: Path) -> None:
    done = run("match", "rule exists", "alerts.jsonl", cwd=folder)
    first = json.loads(done.stdout.splitlines()[0])
    assert first["output"] == HOSTILE
    assert first["output_fields"]["proc.cmdline"] == HOSTILE


def test_nor_does_a_running_bridge(instance: Instance) -> None:
    """Its metrics, its status, dead letters and the quarantine, as text and as JSON, and its log."""
    port, metrics = free_port(), free_port()
    instance.configure(
        'route "r" { to archive }\n', {"archive": "file://archive.jsonl"},
        sources=[{"http": f"127.0.0.1:{port}"}], metrics=f"127.0.0.1:{metrics}",
    )  # fmt: skip
    bridge = start(instance)
    for body in (falco_json(output=HOSTILE, rule=HOSTILE, hostname=HOSTILE), HOSTILE.encode()):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", body, method="POST")
        try:
            urllib.request.urlopen(request, timeout=60).close()
        except urllib.error.HTTPError as error:
            error.close()
    wait_until(lambda: len(instance.kept()) == 1, "the alert")
    for words in (["status"], ["status", "--json"], ["dead", "list"], ["quarantine", "list"], ["channels"],
                  ["quarantine", "list", "--json"], ["quarantine", "show", "1"],
                  ["history"], ["show", "1"], ["show", "1", "--json"], ["history", "--json"], ["history", "--csv"], ["history", "--fields", "rule,output"],
                  ["match", "rule exists"], ["match", "rule exists", "--fields", "output"]):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "bridge", *words, "--config", "falco-bridge.yaml"], cwd=instance.folder,
            capture_output=True, timeout=60, check=False, text=True,
        )  # fmt: skip
        assert_harmless(words, done)
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=60) as page:
        assert not ACTING.search(page.read().decode())
    assert instance.stop(bridge) == 0
    assert not ACTING.search(instance.log)


def test_colours_of_the_bridge_pass_on_a_terminal() -> None:
    assert escaped_but_colours("\x1b[1;31mred\x1b[0m \x1b]0;x\x07") == "\x1b[1;31mred\x1b[0m \\u001b]0;x\\u0007"
    assert escaped("\x1b[1m\t\n") == "\\u001b[1m\t\n"
