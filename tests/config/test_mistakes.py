"""Seeded mistakes in configs: each file of ``tests/data/mistakes/configs`` is one, with what ``check`` says about it.

The parts of a file are those of ``tests/language/test_mistakes.py``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.config.load import LoadedConfig, load_config
from bridge.config.warn import config_warnings
from bridge.language.diagnostics.diagnostic import Diagnostic
from bridge.language.diagnostics.render import render_text
from tests.language.test_mistakes import FOLDER, read, says

CASES = sorted((FOLDER / "configs").glob("*.txt"))


def checked(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[LoadedConfig, list[Diagnostic]]:
    """The config in a folder with a .route file, a folder of them, and a certificate; with its diagnostics."""
    monkeypatch.chdir(folder)
    Path("teams").mkdir(exist_ok=True)
    for name in ("main.route", "teams/a.route"):
        Path(name).write_text("otherwise { to archive }\n", encoding="utf-8")
    Path("ca.crt").write_text("a certificate", encoding="utf-8")
    Path("bridge.yaml").write_text(text, encoding="utf-8")
    loaded = load_config(Path("bridge.yaml"), {})
    return loaded, [*loaded.diagnostics, *config_warnings(loaded)]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_mistake_is_reported_at_its_place_with_its_fix(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each wanted diagnostic is there, no other one is, and the output is the recorded one."""
    case = read(path)
    loaded, found = checked(case.wrong, tmp_path, monkeypatch)
    output = render_text(found, {loaded.source.path: loaded.source}).replace(str(tmp_path), "FOLDER")
    for wanted in case.wanted:
        match = [each for each in found if says(each, wanted)]
        assert match, wanted
        found.remove(match[0])
    assert found == []
    if os.environ.get("FALCO_BRIDGE_GOLDEN") == "rewrite":
        text = path.read_text(encoding="utf-8").split("==== check\n")[0]
        path.write_text(f"{text}==== check\n{output}", encoding="utf-8")
        pytest.skip("rewritten")
    assert output == case.output


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_fixed_config_has_no_mistake(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the hint says to write is valid."""
    assert checked(read(path).fixed, tmp_path, monkeypatch)[1] == []
