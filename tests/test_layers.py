"""Who may import whom, and what the core must not do: no I/O and no clock."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BRIDGE = ROOT / "bridge"
_ENVIRONMENT = os.environ | {"PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))}

NOT_THIN = {BRIDGE / "__init__.py", BRIDGE / "simulate" / "__init__.py"}
"""The version, and an environment variable that must be set before grpc is imported."""
PURE = ("alert", "language", "matching", "routing", "terminal")
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


def test_the_contracts_between_rooms_hold() -> None:
    """The contracts of pyproject.toml: layers, independence, who may know SQLite."""
    done = subprocess.run(
        ["lint-imports", "--no-cache"], cwd=ROOT, env=_ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "path", sorted(set(BRIDGE.rglob("__init__.py")) - NOT_THIN), ids=lambda path: str(path.relative_to(BRIDGE))
)
def test_packages_only_export(path: Path) -> None:
    """An ``__init__`` has a docstring, imports and an ``__all__`` that names exactly what is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstring, *rest = tree.body
    assert isinstance(docstring, ast.Expr), "no docstring"
    names = [alias.asname or alias.name for node in rest if isinstance(node, ast.ImportFrom) for alias in node.names]
    values = [ast.literal_eval(node.value) for node in rest if isinstance(node, ast.Assign)]
    assert len(rest) == sum(isinstance(node, ast.ImportFrom | ast.Assign) for node in rest)
    assert [sorted(value) for value in values] == ([sorted(names)] if names else []), "__all__ differs"


def test_no_module_imports_itself_through_others() -> None:
    """The imports of all modules have no cycle, including imports inside functions and for type checking."""
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in modules()
    }
    graph = {name: names.keys() & set(imported(path)) - {name} for name, path in names.items()}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(BRIDGE)))
def test_the_core_is_pure(path: Path) -> None:
    """alert, language, matching and routing neither touch the world nor ask what time it is."""
    if room_of(path) not in PURE:
        return
    impure = {name.split(".")[0] for name in imported(path) if not name.startswith("urllib.parse")} & IMPURE_MODULES
    assert not impure, f"{path.relative_to(BRIDGE)} imports {sorted(impure)}"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not calls & {"print", "input", "datetime.now", "datetime.utcnow"}, path
    if str(path.relative_to(BRIDGE)) not in PACKAGED_FILES:
        assert "open" not in calls, path
        assert not {call for call in calls if call.endswith((".read_text", ".read_bytes", ".write_text"))}, path
