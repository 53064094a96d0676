"""ARCHITECTURE.md leads to what there is, and every file says what it is for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
FILES = [
    path for path in sorted((ROOT / "bridge").rglob("*.py")) if "_pb2" not in path.name and "_data" not in path.parts
]


def test_every_file_that_it_names_is_there() -> None:
    """By its path, or by the end of it."""
    named = set(re.findall(r"`([\w./-]+\.(?:py|lark|json))`", TEXT))
    paths = [
        f"/{path.relative_to(ROOT)}"
        for path in (*FILES, *ROOT.glob("grammar/*"), *ROOT.glob("tests/*.py"), *ROOT.glob("bridge/alert/*.json"))
    ]
    assert named
    assert not [each for each in named if not any(path.endswith(f"/{each}") for path in paths)]


def test_every_room_is_told_and_every_told_room_is_there() -> None:
    """A row a package, with files of its own to begin with."""
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", TEXT, re.MULTILINE))
    rooms = {path.parent.name for path in (ROOT / "bridge").glob("*/__init__.py")} - {"_data"}
    assert set(rows) == rooms
    for room, begin in rows.items():
        for name in re.findall(r"`([\w/]+\.py)`", begin):
            assert (ROOT / "bridge" / room / name).exists(), f"{room}/{name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_says_in_its_first_line_what_it_is_for(path: Path) -> None:
    """A whole sentence or a noun, ended: what `make files` prints."""
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    assert re.fullmatch(r'"""[^"].*\.(""")?', first), first
