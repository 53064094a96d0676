"""Configs of the examples, with their paths and secrets in a test's folder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from bridge.config.load import load_config
from bridge.config.schema.config import Config

EXAMPLES = Path(__file__).parents[2] / "examples"
SECRETS = {"slack": "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "pagerduty": "a" * 32}
"""Well-formed secrets of services that check their form."""


def run(*arguments: object) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "bridge", *map(str, arguments)], cwd=EXAMPLES.parent, capture_output=True, text=True,
        timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def secrets_of(text: str) -> list[Path]:
    return [Path(path) for path in re.findall(r"\$\{file:([^}]+)\}", text)]


def prepared(text: str, folder: Path) -> Path:
    """The config rewritten to a test folder, with its absolute paths and secrets there."""
    for path in secrets_of(text):
        secret = folder / path.relative_to("/")
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.write_text(SECRETS.get(path.name, "0123456789abcdef") + "\n", encoding="utf-8")
    config = folder / "falco-bridge.yaml"
    config.write_text(re.sub(r"(?<=[ :/])/?(?=/(?:run|var)/)", lambda _: str(folder), text), encoding="utf-8")
    return config


def read_config(path: Path) -> Config:
    loaded = load_config(path, {})
    assert loaded.config is not None, loaded.errors().text()
    return loaded.config


def make_folders(root: Path) -> None:
    """The folders that the machine has where the example runs."""
    for folder in ("var/lib/falco-bridge", "var/log/falco", "run/falco-bridge", "run/falco"):
        (root / folder).mkdir(parents=True, exist_ok=True)
