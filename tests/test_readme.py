"""README and the examples are correct: links, commands, routes and shown output."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.workbench.routes import load_routes

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
"""Language and text of each code block."""
EXAMPLES = sorted({path.parent for path in (ROOT / "examples").rglob("*.route")})


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_every_example_checks_clean(folder: Path) -> None:
    """No diagnostic of any severity."""
    assert load_routes(sorted(folder.glob("*.route"))).checked.diagnostics == ()


def test_the_readmes_routes_check_clean() -> None:
    """Routes copied from README need no change."""
    blocks = [text for _, text in BLOCKS if "route " in text and "{" in text]
    assert blocks
    for block in blocks:
        assert check([SourceText("README.md", block)], Known(None, None)).diagnostics == ()


def test_the_readmes_example_is_the_quick_start_and_its_output() -> None:
    """The routes are those of examples/quickstart, and the demo prints the message that README shows."""
    (routes,) = (text for language, text in BLOCKS if not language)
    assert routes in (ROOT / "examples" / "quickstart" / "quickstart.route").read_text(encoding="utf-8")
    (message,) = (text for language, text in BLOCKS if language == "text")
    demo = subprocess.run(
        [sys.executable, "-m", "bridge", "demo", "--rate", "200"], capture_output=True, text=True, timeout=100, check=True
    )  # fmt: skip
    assert message in demo.stdout


def test_the_readme_links_to_every_page_and_every_example() -> None:
    """`make run` and `make test` come before everything else that can be run."""
    targets = set(re.findall(r"\]\(([^)#:]+)\)", README))
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= targets
    assert {f"examples/{folder.name}" for folder in (ROOT / "examples").iterdir()} <= targets
    assert {page.name for page in ROOT.glob("*.md")} - {"README.md"} <= targets
    assert README.index("make run") < README.index("make test") < README.index("## Example")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_that_is_named_exists(name: str) -> None:
    """`make run`, `make test` and the others."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))
    assert {"test"} <= named <= targets
