"""Seeded mistakes in routes: each file of ``tests/data/mistakes/routes`` is one, with what ``check`` says about it.

A file has four parts: the text with the mistake, the text after the fix, what an engineer would want to read
(``LINE:COLUMN part of the message | another part``, one line for each diagnostic), and the exact output. Run the tests
with ``FALCO_BRIDGE_GOLDEN=rewrite`` to update the outputs, and review the changes.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Diagnostic, Severity
from bridge.language.diagnostics.render import render_text
from bridge.workbench.fixes import apply_fixes, certain_fixes
from bridge.workbench.routes import LoadedRoutes, load_routes

FOLDER = Path(__file__).parent.parent / "data" / "mistakes"
CASES = sorted((FOLDER / "routes").glob("*.txt"))
KNOWN = Known(frozenset({"pager", "archive", "secops", "oncall"}), frozenset({"cluster"}))
FEWEST_CASES = 200


class Case(NamedTuple):
    wrong: str
    fixed: str
    wanted: tuple[str, ...]
    output: str


def read(path: Path) -> Case:
    wrong, rest = path.read_text(encoding="utf-8").split("==== fixed\n")
    fixed, rest = rest.split("==== wanted\n")
    wanted, output = rest.split("==== check\n")
    return Case(wrong, fixed, tuple(wanted.splitlines()), output)


def loaded(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedRoutes:
    """The text as a file beside the rules files and the .route file that cases import."""
    shutil.copytree(FOLDER / "files", folder, dirs_exist_ok=True)
    monkeypatch.chdir(folder)
    Path("mistake.route").write_text(text, encoding="utf-8")
    return load_routes([Path("mistake.route")], KNOWN)


def without_advice(routes: LoadedRoutes) -> list[Diagnostic]:
    return [each for each in routes.checked.diagnostics if each.severity is not Severity.ADVICE]


def says(diagnostic: Diagnostic, wanted: str) -> bool:
    place, _, parts = wanted.partition(" ")
    text = f"{diagnostic.message} {diagnostic.hint}"
    here = f"{diagnostic.span.line}:{diagnostic.span.column}"
    return place == here and all(part.strip() in text for part in parts.split(" | "))


def test_there_are_enough_mistakes() -> None:
    assert len(CASES) >= FEWEST_CASES


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_mistake_is_reported_at_its_place_with_its_fix(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each wanted diagnostic is there, no other one is, and the output is the recorded one."""
    case = read(path)
    routes = loaded(case.wrong, tmp_path, monkeypatch)
    found = without_advice(routes)
    for wanted in case.wanted:
        match = [each for each in found if says(each, wanted)]
        assert match, wanted
        found.remove(match[0])
    assert found == []
    output = render_text(routes.checked.diagnostics, routes.sources)
    if os.environ.get("FALCO_BRIDGE_GOLDEN") == "rewrite":
        text = path.read_text(encoding="utf-8").split("==== check\n")[0]
        path.write_text(f"{text}==== check\n{output}", encoding="utf-8")
        pytest.skip("rewritten")
    assert output == case.output


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_fixed_text_has_no_mistake(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the hint says to write is valid."""
    assert without_advice(loaded(read(path).fixed, tmp_path, monkeypatch)) == []


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_certain_fixes_give_the_fixed_text(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every diagnostic has a certain fix, ``check --fix`` writes exactly the fixed text; it never adds a mistake."""
    case = read(path)
    routes = loaded(case.wrong, tmp_path, monkeypatch)
    before = without_advice(routes)
    text = apply_fixes(case.wrong, certain_fixes(before, "mistake.route"))
    if all(each.fix is not None and each.fix.certain for each in before):
        assert text == case.fixed
    elif text != case.wrong:
        assert len(without_advice(loaded(text, tmp_path, monkeypatch))) < len(before)
