"""Files that say themselves what must be said of them; ``FALCO_BRIDGE_GOLDEN=rewrite`` writes it anew.

``# expect: CODE LINE:COLUMN`` anywhere in a file, one for each diagnostic.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from bridge.language.checker.scope import Known
from bridge.workbench.routes import load_routes

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.route"))
KNOWN = Known(frozenset({"pager", "archive"}), frozenset({"cluster"}))
EXPECT = re.compile(r"# expect: ([A-Z]\d+) (\d+:\d+)")


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_what_is_said_is_what_the_file_expects(path: Path) -> None:
    """Every diagnostic with its code, line and column; no other."""
    said = [(d.code.id, f"{d.span.line}:{d.span.column}") for d in load_routes([path], KNOWN).checked.diagnostics]
    text = path.read_text(encoding="utf-8")
    if os.environ.get("FALCO_BRIDGE_GOLDEN") == "rewrite":
        bare = re.sub(r"[ \t]*# expect: .*", "", text).rstrip()
        path.write_text(
            bare + "\n\n" + "".join(f"# expect: {code} {place}\n" for code, place in said), encoding="utf-8"
        )
        pytest.skip("written anew")
    assert sorted(said) == sorted(EXPECT.findall(text))
