"""``config --show``: defaults filled in, secrets hidden, and the rest can be read back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

from bridge.config.schema.config import Config
from bridge.config.schema.keys import keys_of
from bridge.config.show import shown
from tests.config.reading import GOOD, read, write
from tests.config.test_every_secret import a_config

FULL = """\
sources:
  - http: 0.0.0.0:2801
    token: hunter2hunter2
    allow: [10.0.0.0/8, "fd00::1"]
    timezone: Asia/Seoul
  - {file: /var/log/*.log, read_from: start}
  - stdin: true
  - {socket: ingest.sock, group: staff}
  - grpc: [unix:a.sock, unix:b.sock]
channels:
  a: {url: "slack://hunter2/hunter2/hunter2", rate: 3 per 90s, burst: 4, digest_after: never}
  b: {url: "file://b.jsonl", rate: unlimited, fallback: a}
  c: {url: "pover://u@t", give_up_after: 1h30m}
routes: [a.route]
journal: {path: j.db, retention: {size: 500 MB}}
metrics: 127.0.0.1:9376
acknowledge: {public_url: "https://b.example.org/x", listen: "127.0.0.1:9378"}
console: {listen: "127.0.0.1:2804", token: hunter2hunter2, write: true, editors: [alice], public_url: "https://c.example.org"}
heartbeat: a
traces: {endpoint: http://collector:4318, headers: {X-Key: hunter2hunter2}}
admin: {listen: "127.0.0.1:9377", token: hunter2hunter2, hosts: [bridge.example.org]}
"""


def test_what_is_shown_is_the_config_with_its_defaults(tmp_path: Path) -> None:
    """Read back it gives the same, secrets apart."""
    config = read(tmp_path, FULL)
    text = shown(config)
    assert "hunter2" not in text
    document = yaml.safe_load(text)
    assert set(document) == {key.name for key in keys_of(Config)}
    assert document["sources"][0]["token"] == "***"
    assert document["channels"]["a"]["url"] == "slack://***"
    assert document["channels"]["b"]["url"] == f"file://{tmp_path}/b.jsonl"
    assert (document["channels"]["a"]["rate"], document["channels"]["a"]["burst"]) == ("3 per 90s", 4)
    assert (document["channels"]["b"]["rate"], document["channels"]["b"]["digest_after"]) == ("unlimited", "never")
    assert document["channels"]["c"]["notify_after"] == "1m"
    assert document["shutdown"] == {"drain": "30s"}
    again = read(
        tmp_path,
        text.replace("slack://***", "slack://hunter2/hunter2/hunter2")
        .replace("pover://***", "pover://u@t")
        .replace("'***'", "hunter2hunter2"),
    )
    assert again == config


def test_every_secret_of_the_schema_is_hidden(tmp_path: Path) -> None:
    """A key that is added later as well."""
    text, names = a_config(tmp_path)
    output = shown(read(tmp_path, text))
    assert output.count("***") == len(names)
    assert "first-" not in output


def test_the_command_prints_it(tmp_path: Path) -> None:
    """Or the errors, with exit 2."""
    command = [sys.executable, "-m", "bridge", "config", "--show", "--config", "falco-bridge.yaml"]
    write(tmp_path, GOOD.replace("${TOKEN}", "A/B/C"))
    good = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    assert yaml.safe_load(good.stdout)["channels"]["secops"]["url"] == "slack://***"
    write(tmp_path, GOOD.replace("routes", "rotues"))
    bad = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "error[C502]: unknown key `rotues`" in bad.stderr
