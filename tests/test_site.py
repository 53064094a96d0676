"""Every page of the docs has a place in the site's navigation."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_page_is_in_the_navigation() -> None:
    """In mkdocs.yml, once. Pages of diagnostics are reached through their index."""
    shown = re.findall(r": ([\w/.-]+\.md)", (ROOT / "mkdocs.yml").read_text("utf-8"))
    assert len(shown) == len(set(shown))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} == {name for name in shown if "/" not in name} - {
        "index.md"
    }
