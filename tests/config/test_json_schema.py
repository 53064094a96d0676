"""The JSON Schema accepts the configs that the bridge accepts, and rejects what an editor should underline."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from bridge.config.json_schema import config_schema
from bridge.config.schema.keys import keys_of
from bridge.config.schema.tree import sections
from tests.config.reading import GOOD
from tests.config.test_every_secret import a_config
from tests.config.test_show import FULL

ROOT = Path(__file__).parent.parent.parent
VALIDATOR = Draft202012Validator(config_schema())


def errors(text: str) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(config_schema())


@pytest.mark.parametrize("name", ["quickstart", "production"])
def test_the_examples_are_valid(name: str) -> None:
    """As are configs with every kind of source, and with every secret from a file."""
    assert errors((ROOT / "examples" / name / "falco-bridge.yaml").read_text(encoding="utf-8")) == []


def test_valid_configs_are_accepted(tmp_path: Path) -> None:
    """Shorthands, lists of one, words for None, references."""
    for text in (GOOD, FULL, a_config(tmp_path)[0], GOOD + "admin: a.sock\nlog: {level: '${LEVEL}'}\n"):
        assert errors(text) == []


@pytest.mark.parametrize(
    ("extra", "place"),
    [
        ("chanels: {}", "$"),
        ("log: {level: loud}", "$.log.level"),
        ("shutdown: {drain: soon}", "$.shutdown.drain"),
        ("labels: [a]", "$.labels"),
        ("labels: {a b: c}", "$.labels"),
        ("allow: {exec: [page]}", "$.allow.exec[0]"),
        ("metrics: {allow: []}", "$.metrics"),
        ("metrics: nowhere", "$.metrics"),
    ],
)
def test_errors_are_found(extra: str, place: str) -> None:
    """At their place."""
    assert errors(f"{GOOD}{extra}\n") == [place]


def test_a_missing_section_and_an_unknown_option_are_found() -> None:
    """Of a source and of a channel as well."""
    assert errors(GOOD.replace("journal: journal.db\n", "")) == ["$"]
    assert errors(GOOD.replace("archive: file://archive.jsonl", "archive: {url: 'file://a', rat: 1/s}")) == [
        "$.channels.archive"
    ]
    assert errors(GOOD.replace("grpc: unix:falco.sock", "stdin: true\n    tls: {}")) == ["$.sources[0]"]


def test_every_key_is_described() -> None:
    """Editors show the meaning that the page has."""
    text = json.dumps(config_schema(), ensure_ascii=False)
    keys = [key for section in sections().values() for key in keys_of(section)]
    assert [key.name for key in keys if json.dumps(key.description, ensure_ascii=False)[1:-1] not in text] == []


def test_the_command_prints_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "config-schema"], capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(done.stdout) == config_schema()
