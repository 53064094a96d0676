"""Configs for tests: a good one, and helpers that read one or return its errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bridge.config.load import LoadedConfig, load_config
from bridge.config.schema.config import Config
from bridge.language.diagnostics.diagnostic import Diagnostic

GOOD = """\
sources:
  - grpc: unix:falco.sock
channels:
  secops: slack://${TOKEN}
  archive: file://archive.jsonl
routes: ["*.route"]
journal: journal.db
labels: {cluster: eu-1}
shutdown: {drain: 1500ms}
"""
ENVIRON = {"TOKEN": "A/B/hunter2hunter2"}


def write(folder: Path, text: str) -> Path:
    """The path of a config with a route file beside it."""
    (folder / "a.route").write_text("otherwise { to archive }\n", encoding="utf-8")
    path = folder / "falco-bridge.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str, environ: Mapping[str, str] = ENVIRON) -> LoadedConfig:
    return load_config(write(folder, text), environ)


def read(folder: Path, text: str, environ: Mapping[str, str] = ENVIRON) -> Config:
    """The values of a config that must be valid."""
    loaded = load(folder, text, environ)
    assert loaded.config is not None, loaded.errors().text()
    return loaded.config


def errors(folder: Path, text: str, environ: Mapping[str, str] = ENVIRON) -> list[Diagnostic]:
    """The errors of a config that must not be valid."""
    loaded = load(folder, text, environ)
    assert loaded.config is None
    assert loaded.diagnostics
    return list(loaded.diagnostics)
