"""The site: every page is in its navigation, and its pictures are current."""

from __future__ import annotations

import os
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


def test_the_built_site_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    """No script, style, font or picture, and no diagram whose program the theme would load."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 90
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source|video)\b[^>]*\bsrc=\"?([^\" >]+)", text)
        loaded += re.findall(r"<link\b[^>]*\bhref=\"?([^\" >]+)", text)
        assert loaded or page.name == "mail.html"
        assert [each for each in loaded if re.match(r"(?:https?:)?//", each)] == [], page
        assert 'class="mermaid"' not in text, page
    for style in (tmp_path / "site").rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//|@import", style.read_text(encoding="utf-8")), style
