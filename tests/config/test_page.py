"""docs/config.md is generated from the schema: it names every key, is current, and its example is a config."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import yaml

from bridge.config.page import places_in, with_tables
from bridge.config.schema.config import Config
from bridge.config.schema.keys import Key, keys_of
from bridge.config.schema.tree import sections
from tests.config.reading import read

PAGE = Path(__file__).parent.parent.parent / "docs" / "config.md"
TEXT = PAGE.read_text(encoding="utf-8")
KEYS = [(place, key) for place, section in sections().items() for key in keys_of(section)]


def test_the_page_is_current() -> None:
    """``make docs`` updates it."""
    assert with_tables(TEXT) == TEXT


def test_the_page_has_a_table_of_every_section() -> None:
    """Each once, in the schema's order."""
    assert places_in(TEXT) == list(sections())


def test_a_stale_table_is_found() -> None:
    """A changed cell, and a missing row."""
    row = next(line for line in TEXT.splitlines() if line.startswith("| `digest_after`"))
    for stale in (TEXT.replace("| `1024` |", "| `512` |"), TEXT.replace(f"{row}\n", "")):
        assert stale != TEXT
        assert with_tables(stale) == TEXT


@pytest.mark.parametrize(("place", "key"), KEYS, ids=[f"{place}.{key.name}" for place, key in KEYS])
def test_every_key_is_described(place: str, key: Key) -> None:
    """A sentence, a default unless it is required, and an example that is YAML."""
    assert re.fullmatch(r"[^|\n]+\.", key.description), place
    assert "|" not in key.default_text
    assert yaml.safe_load(key.example) is not None


def test_the_example_has_every_section_with_its_defaults(tmp_path: Path) -> None:
    """It can be copied, and what it says besides the required sections changes nothing."""
    (shown,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "routes").mkdir()
    (tmp_path / "routes" / "a.route").write_text("otherwise { to archive }\n", encoding="utf-8")
    document = yaml.safe_load(shown)
    assert set(document) == {key.name for key in keys_of(Config)}
    needed = {key: document[key] for key in ("sources", "channels", "routes", "metrics", "acknowledge", "heartbeat")}
    needed["journal"] = document["journal"]["path"]
    needed["console"] = document["console"]["listen"]
    needed["traces"] = document["traces"]["endpoint"]
    full, short = read(tmp_path, shown), read(tmp_path, yaml.safe_dump(needed))
    assert msgspec.structs.asdict(full) == msgspec.structs.asdict(short)
