"""Golden diagnostics: each ``.route`` file in ``golden/`` ends with the diagnostics that it must produce.

``# expect: CODE LINE:COLUMN message (hint)``, one line for each diagnostic. Run the tests with
``FALCO_BRIDGE_GOLDEN=rewrite`` to update the lines, and review the changes.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.workbench.routes import load_routes

FOLDER = Path(__file__).parent / "golden"
CASES = sorted(FOLDER.glob("*.route"))
KNOWN = Known(frozenset({"pager", "archive"}), frozenset({"cluster"}), retention_ns=30 * 86_400 * 10**9)
_EXPECT = re.compile(r"^# expect: (.*)$", re.MULTILINE)


def line_of(diagnostic: Diagnostic) -> str:
    span = diagnostic.span
    hint = f" ({diagnostic.hint})" if diagnostic.hint else ""
    return f"{diagnostic.code.id} {span.line}:{span.column} {diagnostic.message}{hint}".replace(f"{FOLDER}/", "")


def rewrite(path: Path, text: str, lines: list[str]) -> None:
    bare = re.sub(r"\n*^# expect: .*$", "", text, flags=re.MULTILINE).rstrip("\n")
    expected = "".join(f"\n# expect: {line}" for line in lines)
    path.write_text(bare + ("\n" + expected if lines else "") + "\n", encoding="utf-8")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_file_produces_the_diagnostics_that_it_expects(path: Path) -> None:
    """Code, place, message and hint of every diagnostic, and no other diagnostic."""
    found = sorted(map(line_of, load_routes([path], KNOWN).checked.diagnostics))
    text = path.read_text(encoding="utf-8")
    if os.environ.get("FALCO_BRIDGE_GOLDEN") == "rewrite":
        rewrite(path, text, found)
        pytest.skip("rewritten")
    assert found == sorted(_EXPECT.findall(text))


@pytest.mark.parametrize("code", [each for each in Code if each.id[0] != "C"], ids=lambda code: code.id)
def test_every_code_has_a_case(code: Code) -> None:
    """A file that is named after the code expects it. The codes of the config have their tests in tests/config."""
    named = [path for path in CASES if path.stem.startswith(code.id)]
    assert named
    for path in named:
        assert f"# expect: {code.id} " in path.read_text(encoding="utf-8"), path.name
