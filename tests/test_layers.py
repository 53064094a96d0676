"""Who may import whom: rooms import only from rooms before them, and the core does no I/O and reads no clock."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

BRIDGE = Path(__file__).parent.parent / "bridge"

ROOMS = (
    "common",
    "alert",
    "language",
    "matching",
    "routing",
    "delivery",
    "journal",
    "http",
    "sources",
    "simulate",
    "channels",
    "courier",
    "config",
    "pipeline",
    "operator",
    "workbench",
    "daemon",
    "cli",
)
PURE = ("alert", "language", "matching", "routing")
IMPURE_MODULES = {
    "asyncio", "http", "io", "logging", "multiprocessing", "os", "random", "select", "selectors", "shutil", "signal",
    "socket", "sqlite3", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "grpc", "requests", "structlog",
}  # fmt: skip
PACKAGED_FILES = {"alert/catalogue.py", "language/syntax/grammar_file.py"}
"""The only pure files that read anything: data that ships inside the package."""


def modules() -> list[Path]:
    return [path for path in sorted(BRIDGE.rglob("*.py")) if not path.name.endswith("_pb2.py")]


def imported(path: Path) -> Iterator[str]:
    """Every module that the file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path: Path) -> str:
    return path.relative_to(BRIDGE).parts[0]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(BRIDGE)))
def test_rooms_import_only_from_rooms_before_them(path: Path) -> None:
    """A room knows the rooms below it and none above it."""
    room = room_of(path)
    if room not in ROOMS:
        assert path.name in {"__init__.py", "__main__.py"}, f"{path} stands outside every room"
        return
    allowed = ROOMS[: ROOMS.index(room) + 1]
    strangers = [
        name
        for name in imported(path)
        if name.startswith("bridge.") and name.split(".")[1] in ROOMS and name.split(".")[1] not in allowed
    ]
    assert not strangers, f"{path.relative_to(BRIDGE)} imports {strangers}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(BRIDGE)))
def test_the_core_is_pure(path: Path) -> None:
    """alert, language, matching and routing neither touch the world nor ask what time it is."""
    if room_of(path) not in PURE:
        return
    impure = {name.split(".")[0] for name in imported(path)} & IMPURE_MODULES
    assert not impure, f"{path.relative_to(BRIDGE)} imports {sorted(impure)}"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not calls & {"print", "input", "datetime.now", "datetime.utcnow"}, path
    if str(path.relative_to(BRIDGE)) not in PACKAGED_FILES:
        assert "open" not in calls, path
        assert not {call for call in calls if call.endswith((".read_text", ".read_bytes", ".write_text"))}, path


def test_every_folder_is_a_known_room() -> None:
    """A new room must take its place in the order."""
    folders = {path.name for path in BRIDGE.iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert folders == set(ROOMS)
