"""docs/config.md tells every key of the config, and no key that there is not."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from bridge.config.load import Config, load_config
from bridge.config.reader import Reader

PAGE = Path(__file__).parent.parent / "docs" / "config.md"
EVERY_MAPPING = """
sources:
  - {grpc: "h:1", tls: {}}
  - {http: "127.0.0.1:2801", tls: {}}
channels: {a: {url: "console://"}}
routes: none.route
journal: {path: j.db, retention: {}}
log: {}
shutdown: {}
allow: {}
metrics: {listen: "127.0.0.1:9376"}
"""
"""Something of every kind that has keys of its own."""
PART_OF = {
    "the config": "The config",
    "a source": "sources",
    "tls": "sources",
    "channel a": "channels",
    "retention": "journal",
}


def told() -> dict[str, dict[str, Sequence[str]]]:
    """By section, the rows of its table by their keys."""
    sections: dict[str, dict[str, Sequence[str]]] = {}
    for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        rows = [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in part.splitlines()
            if line.startswith("| `")
        ]
        sections[part.splitlines()[0]] = {row[0].strip("`"): row[1:] for row in rows}
    return sections


def known(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Mapping[str, set[str]]:
    """What the reader is told to know, by section."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    read = Reader.mapping

    def mapping(self: Reader, node: yaml.Node, what: str, keys: Sequence[str] | None) -> dict[str, yaml.Node]:
        if keys is not None:
            found[PART_OF.get(what, what)] |= set(keys)
        return read(self, node, what, keys)

    monkeypatch.setattr(Reader, "mapping", mapping)
    (folder / "falco-bridge.yaml").write_text(EVERY_MAPPING, encoding="utf-8")
    load_config(folder / "falco-bridge.yaml", {})
    return found


def test_every_key_is_told_with_its_default_and_an_example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A key that is not told does not exist; a key that does not exist is not told."""
    page = told()
    assert {section: set(rows) for section, rows in page.items()} == known(monkeypatch, tmp_path)
    for section, rows in page.items():
        for key, (meaning, _default, example) in rows.items():
            assert meaning, (section, key)
            assert re.fullmatch(r"`[^`]+`", example), (section, key)


def test_the_page_shows_a_config_of_every_section_with_the_defaults(tmp_path: Path) -> None:
    """It can be copied, and what it says beside the four sections that must be there changes nothing."""
    (shown,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "routes").mkdir()
    (tmp_path / "routes" / "a.route").write_text("otherwise { to archive }\n", encoding="utf-8")
    document = yaml.safe_load(shown)
    assert set(document) == set(told()["The config"])
    needed = {key: document[key] for key in ("sources", "channels", "routes", "metrics")} | {
        "journal": document["journal"]["path"]
    }
    path = tmp_path / "falco-bridge.yaml"
    path.write_text(shown, encoding="utf-8")
    full = load_config(path, {})
    path.write_text(yaml.safe_dump(needed), encoding="utf-8")
    short = load_config(path, {})
    assert isinstance(full, Config), full
    assert isinstance(short, Config), short
    told_alike = [
        name
        for name in ("journal", "log", "labels", "drain_seconds", "admin", "allowed", "keep")
        if getattr(full, name) == getattr(short, name)
    ]
    assert told_alike == ["journal", "log", "labels", "drain_seconds", "admin", "allowed", "keep"]
