"""ARCHITECTURE.md and CONTRIBUTING.md name paths that exist, and every module states its purpose."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
GUIDES = [ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", ROOT / "docs" / "performance.md"]
FILES = [
    path for path in sorted((ROOT / "bridge").rglob("*.py")) if "_pb2" not in path.name and "_data" not in path.parts
]
PATHS = [
    f"/{path.relative_to(ROOT)}"
    for folder in ("bridge", "docs", "examples", "grammar", "tests")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
] + [f"/{path.name}" for path in ROOT.iterdir() if path.is_file()]
NAMED_BY_EXAMPLE = {"CODE.md", "payments.route", "falco.yaml", "falco-bridge.yaml"}


def named_files(text: str) -> set[str]:
    found = re.findall(r"`([\w./-]+\.(?:py|lark|jsonl?|md|route|toml|yaml))`", text)
    return {name for name in found if name.rsplit("/", 1)[-1] not in NAMED_BY_EXAMPLE}


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_every_named_file_exists(page: Path) -> None:
    """By its path, or by the end of its path."""
    named = named_files(page.read_text(encoding="utf-8"))
    assert named
    assert [name for name in sorted(named) if not any(path.endswith(f"/{name}") for path in PATHS)] == []


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_every_named_folder_exists(page: Path) -> None:
    """A name in code font that ends with a slash is a folder of the repository or of `bridge/`."""
    named = set(re.findall(r"`([\w/.-]+/)`", page.read_text(encoding="utf-8"))) - {"bridge/_data/"}
    assert [
        name for name in sorted(named) if not any((base / name).is_dir() for base in (ROOT, ROOT / "bridge"))
    ] == []  # fmt: skip


def test_every_room_has_a_row_and_every_row_a_room() -> None:
    """Each row names files of its room to start reading at."""
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", TEXT, re.MULTILINE))
    rooms = {path.parent.name for path in (ROOT / "bridge").glob("*/__init__.py")} - {"_data"}
    assert set(rows) == rooms
    for room, files in rows.items():
        names = re.findall(r"`([\w/]+\.py)`", files)
        assert names, room
        for name in names:
            assert (ROOT / "bridge" / room / name).exists(), f"{room}/{name}"


def test_at_least_twenty_changes_have_a_place() -> None:
    """Each row of "To change …" names a path from the repository's root."""
    section = TEXT.split("## To change …\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 20
    for row in rows:
        paths = re.findall(r"`([\w.-]+/[\w./-]+)`", row)
        assert paths, row
        assert all((ROOT / path).exists() for path in paths), row


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_states_its_purpose_in_its_first_line(path: Path) -> None:
    """One sentence or noun phrase with a full stop: what `make files` prints."""
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    assert re.fullmatch(r'"""[^"].*\.(""")?', first), first
