"""README and the examples tell the truth."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.language import Known, Source, check
from bridge.workbench.routes import load_routes

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted({path.parent for path in (ROOT / "examples").rglob("*.route")})


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_every_example_checks_clean(folder: Path) -> None:
    """No problem of any kind."""
    assert load_routes(sorted(folder.glob("*.route"))).checked.diagnostics == ()


def test_the_readmes_routes_check_clean() -> None:
    """What README shows can be copied."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) if "route " in block and "{" in block]
    assert blocks
    for block in blocks:
        assert check([Source("README.md", block)], Known(None, None)).diagnostics == ()


def test_the_readme_leads_to_every_page_and_every_example() -> None:
    """Nobody has to guess what there is; `make run` and `make test` come first."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"\]\(([^)#:]+)\)", text))
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= targets
    assert {f"examples/{folder.name}" for folder in (ROOT / "examples").iterdir()} <= targets
    assert text.index("make run") < text.index("make test") < text.index("Falco sees")


def test_every_make_target_that_the_readme_names_exists() -> None:
    """`make run`, `make test` and the rest."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"run", "test"} <= named <= targets
