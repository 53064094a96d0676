"""No secret can be forgotten: every secret key of the schema is found, masked, hidden and rotated.

The configs are made from the schema, so that a key that is added later is tested without a change here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.common.secret import Secret
from bridge.config.load import load_config
from bridge.config.schema.config import Config
from bridge.config.schema.keys import Key, Section, item_of, keys_of, value_of
from bridge.config.schema.tree import parts_of, sections
from bridge.config.schema.values import ChannelUrl, DatabaseUrl
from bridge.config.secrets import masked_texts, secrets_of, with_secrets
from tests.config.reading import read

IN_URLS = {ChannelUrl: "webhook://h/?+X-Token={}", DatabaseUrl: "postgresql://role:{}@h/d"}
"""Where a secret is in a URL."""


def is_secret(key: Key) -> bool:
    """Whether its value, or each value of its mapping, is a secret."""
    kind = value_of(key.type) or key.type
    return isinstance(kind, type) and issubclass(kind, Secret)


def has_secret(section: type[Section]) -> bool:
    return any(is_secret(key) or any(map(has_secret, parts_of(key))) for key in keys_of(section))


def written(section: type[Section], files: Iterator[str]) -> dict[str, Any]:
    """A section with its required keys and all its secrets, each from a file of its own."""
    values: dict[str, Any] = {}
    for key in keys_of(section):
        parts = [part for part in parts_of(key) if has_secret(part)]
        if is_secret(key):
            reference = f"${{file:{next(files)}}}"
            secret = IN_URLS.get(key.type, "{}").format(reference)
            values[key.name] = {"X-Name": secret} if value_of(key.type) else secret
        elif parts:
            items = [written(part, files) for part in parts]
            values[key.name] = items if item_of(key.type) else {"c": items[0]} if value_of(key.type) else items[0]
        elif key.required:
            values[key.name] = yaml.safe_load(key.example)
    if section.one_of and not set(section.one_of) & set(values):
        first = next(key for key in keys_of(section) if key.name == section.one_of[0])
        values[first.name] = yaml.safe_load(first.example)
    return values


def a_config(folder: Path) -> tuple[str, list[str]]:
    """A config with every secret of the schema, and the files that they are in."""
    names: list[str] = []

    def files() -> Iterator[str]:
        while True:
            names.append(f"secret-{len(names)}")
            (folder / names[-1]).write_text(f"first-{names[-1]}\n", encoding="utf-8")
            yield names[-1]

    values = written(Config, files())
    values["routes"] = "a.route"
    values["console"] |= {"public_url": "https://console.example.org", "viewers": ["*"]}
    return yaml.safe_dump(values), names


def test_the_schema_has_secrets_in_these_sections() -> None:
    """The tests below would pass for a schema without any."""
    found = {place for place, section in sections().items() if any(map(is_secret, keys_of(section)))}
    assert found == {
        "sources.http", "channels", "channels.tls", "journal", "heartbeat", "admin", "metrics", "console", "console.oidc", "traces",
    }  # fmt: skip


def test_keys_that_are_named_like_secrets_are_secrets() -> None:
    """A token of type ``str`` would be shown everywhere."""
    suspicious = {"token", "password", "passphrase", "secret", "url"}
    keys = [(place, key) for place, section in sections().items() for key in keys_of(section)]
    assert [(place, key.name) for place, key in keys if key.name in suspicious and not is_secret(key)] == []


def test_every_secret_is_found_and_masked(tmp_path: Path) -> None:
    """And appears in no text of the config."""
    text, names = a_config(tmp_path)
    config = read(tmp_path, text)
    count = sum(is_secret(key) for section in sections().values() for key in keys_of(section))
    assert len(names) == len(secrets_of(config)) == count
    assert {f"first-{name}" for name in names} <= masked_texts(config)
    assert "first-" not in repr(config)


def test_every_secret_rotates_alone(tmp_path: Path) -> None:
    """One file changes; its secret does, and no other."""
    text, names = a_config(tmp_path)
    running = read(tmp_path, text)
    for name in names:
        before = secrets_of(running)
        (tmp_path / name).write_text(f"second-{name}\n", encoding="utf-8")
        loaded = load_config(tmp_path / "falco-bridge.yaml", {})
        assert loaded.config is not None
        assert tmp_path / name in loaded.secret_files
        running = with_secrets(running, loaded.config)
        after = secrets_of(running)
        assert after.keys() == before.keys()
        (changed,) = [place for place in after if after[place] != before[place]]
        assert f"second-{name}" in after[changed].reveal()
    assert not any("first-" in secret.reveal() for secret in secrets_of(running).values())


@pytest.mark.parametrize(("running", "loaded"), [("token: 0123456789", ""), ("", "token: 0123456789")])
def test_a_secret_neither_appears_nor_disappears(tmp_path: Path, running: str, loaded: str) -> None:
    """A listener that asks for a token goes on asking, and one that does not is not closed by a rotation."""
    rest = "channels: {c: 'console://'}\nroutes: a.route\njournal: j.db\n"
    configs = [read(tmp_path, f"sources:\n  - http: 127.0.0.1:1\n    {line}\n{rest}") for line in (running, loaded)]
    assert with_secrets(*configs) == configs[0]


def test_a_source_is_found_by_its_name(tmp_path: Path) -> None:
    """Another one that was added before it does not get its secret."""

    def config(sources: list[Mapping[str, str]]) -> Config:
        rest = {"channels": {"c": "console://"}, "routes": "a.route", "journal": "j.db"}
        return read(tmp_path, yaml.safe_dump({"sources": sources, **rest}))

    old = config([{"http": "127.0.0.1:1", "name": "b", "token": "of-b-first"}])
    new = config(
        [
            {"http": "127.0.0.1:2", "name": "a", "token": "of-a-first"},
            {"http": "127.0.0.1:1", "name": "b", "token": "of-b-second"},
        ]
    )
    assert [secret.reveal() for secret in secrets_of(with_secrets(old, new)).values()] == ["of-b-second", "console://"]
