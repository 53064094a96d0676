"""The site: every page is in its navigation, and its pictures are current."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_page_is_in_the_navigation() -> None:
    """In mkdocs.yml, once. Pages of diagnostics are reached through their index."""
    shown = re.findall(r": ([\w/.-]+\.md)", (ROOT / "mkdocs.yml").read_text("utf-8"))
    assert len(shown) == len(set(shown))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} == {name for name in shown if "/" not in name} - {
        "index.md"
    }


def test_the_pictures_are_what_the_code_sends() -> None:
    """`make docs` writes them again."""
    done = subprocess.run(
        [sys.executable, "docs/site/pictures.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
