"""Editors with the settings of docs/editors.md, as far as they are installed here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.editor.test_settings import blocks

DRIVERS = Path(__file__).parents[1] / "data" / "editors"
BIN = Path(sys.executable).parent
CONFIG = """\
sources: [{stdin: true}]
channels: {pager: json://127.0.0.1:9/}
routes: [a.route]
"""
ROUTES = """\
macro danger = proc.name = bash

route "one" {
  when danger and k8s.ns.name = prod
  to pager
}
route "two" {
  when proc.nam = bash
  to   pager
}
"""
RENAMED = """\
macro risky = proc.name = bash

route "one" {
  when      risky and k8s.ns.name = prod
  to        pager
}

route "two" {
  when      proc.nam = bash
  to        pager
}
"""


def test_neovim(tmp_path: Path) -> None:
    """Diagnostics, hover, definition, completion, a quick fix, a new name and the layout."""
    nvim = newest("nvim", r"NVIM v(\d+)\.(\d+)", (0, 11))
    settings = tmp_path / "init.lua"
    settings.write_text("\n".join(blocks("lua")), encoding="utf-8")
    seen = driven([nvim, "--headless", "--clean", "-u", settings, "-S", DRIVERS / "neovim.lua"], tmp_path)
    assert seen["problem"] == ""
    assert seen["problems"] == [["R201", 8, "falco-bridge"]]
    assert (seen["filetype"], seen["root"]) == ("route", str(tmp_path))
    assert "macro danger = proc.name = bash" in seen["hover"]
    assert seen["definition"] == 1
    assert {"danger", "proc.name"} <= set(seen["completion"])
    assert seen["text"] == RENAMED.replace("proc.nam ", "proc.name ")


def test_emacs(tmp_path: Path) -> None:
    """Diagnostics, hover, completion, quick fixes, a new name and the layout."""
    emacs = newest("emacs", r"GNU Emacs (\d+)\.(\d+)", (29, 1))
    settings = tmp_path / "init.el"
    settings.write_text("\n".join(blocks("elisp")), encoding="utf-8")
    seen = driven([emacs, "--batch", "-Q", "-l", settings, "-l", DRIVERS / "emacs.el"], tmp_path)
    assert seen["mode"] == "route-mode"
    assert [each for each in seen["problems"] if "R201" in each]
    assert "macro danger = proc.name = bash" in seen["hover"]
    assert {"danger", "proc.name"} <= set(seen["completion"])
    assert [each for each in seen["fixes"] if "proc.name" in each]
    assert seen["text"] == RENAMED


def newest(name: str, pattern: str, least: tuple[int, int]) -> str:
    """An editor of this version or a later one: that of the tests' packages, or that of the machine."""
    for found in (BIN / name, shutil.which(name)):
        if found is None or not Path(found).is_file():
            continue
        version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
        match = re.search(pattern, version)
        if match is not None and tuple(int(each) for each in match.groups()) >= least:
            return str(found)
    pytest.skip(f"{name} {least[0]}.{least[1]} or later is not installed, so its settings are not tried")


def driven(command: list[Any], folder: Path) -> Any:
    """What an editor saw that ran a script of ``tests/data/editors``."""
    (folder / "falco-bridge.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "a.route").write_text(ROUTES, encoding="utf-8")
    seen = folder / "seen.json"
    folders = {f"XDG_{each}_HOME": str(folder / each) for each in ("CONFIG", "STATE", "DATA", "CACHE")}
    own = {
        "ROUTE": str(folder / "a.route"),
        "SEEN": str(seen),
        "HOME": str(folder),
        "PATH": f"{BIN}:{os.environ['PATH']}",
    }
    ran = subprocess.run(
        command,
        env={**os.environ, **folders, **own},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert seen.is_file(), ran.stdout + ran.stderr
    return json.loads(seen.read_text(encoding="utf-8"))
