"""README and the examples tell the truth."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.language import Known, Source, check

ROOT = Path(__file__).parent.parent
ROUTE_FILES = sorted((ROOT / "examples").rglob("*.route"))


@pytest.mark.parametrize("path", ROUTE_FILES, ids=lambda path: path.name)
def test_every_example_checks_clean(path: Path) -> None:
    """No problem of any kind."""
    assert check([Source(path.name, path.read_text(encoding="utf-8"))], Known(None, None)).diagnostics == ()


def test_the_readmes_routes_check_clean() -> None:
    """What README shows can be copied."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) if "route " in block and "{" in block]
    assert blocks
    for block in blocks:
        assert check([Source("README.md", block)], Known(None, None)).diagnostics == ()


def test_every_make_target_that_the_readme_names_exists() -> None:
    """`make run`, `make test` and the rest."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"run", "test"} <= named <= targets
