"""Editors with the settings of docs/editors.md, as far as they are installed here."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.editor.test_settings import blocks
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
DRIVERS = Path(__file__).parents[1] / "data" / "editors"
BIN = Path(sys.executable).parent
HOMES = {"CONFIG": ".config", "STATE": ".local/state", "DATA": ".local/share", "CACHE": ".cache"}
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
    nvim = newest("nvim", r"NVIM v(\d+)\.(\d+)", (0, 10))
    settings = tmp_path / "init.lua"
    settings.write_text("\n".join(blocks("lua")), encoding="utf-8")
    compiles = shutil.which("cc") is not None
    if compiles:
        (build,) = (each for each in blocks("sh") if "nvim/site" in each)
        subprocess.run(build, shell=True, check=True, cwd=ROOT, env={**os.environ, "HOME": str(tmp_path)})
    seen = driven([nvim, "--headless", "-u", settings, "-S", DRIVERS / "neovim.lua"], tmp_path)
    assert seen["problem"] == ""
    assert seen["problems"] == [["R201", 8, "falco-bridge"]]
    assert (seen["filetype"], seen["root"]) == ("route", str(tmp_path))
    assert "macro danger = proc.name = bash" in seen["hover"]
    assert seen["definition"] == 1
    assert {"danger", "proc.name"} <= set(seen["completion"])
    assert seen["colours"] == (["keyword"] if compiles else [])
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


def test_helix(tmp_path: Path) -> None:
    """A diagnostic, its quick fix and the layout, with keys and the screen."""
    helix, tmux = newest("hx", r"helix (\d+)\.(\d+)", (24, 3)), newest("tmux", r"tmux (\d+)\.(\d+)", (3, 0), "-V")
    settings = tmp_path / ".config" / "helix" / "languages.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("\n".join(blocks("toml")), encoding="utf-8")
    routes, terminal = prepared(tmp_path), [tmux, "-S", str(tmp_path / "tmux")]

    def shown() -> str:
        return subprocess.run([*terminal, "capture-pane", "-p"], capture_output=True, text=True, check=True).stdout

    def keys(*names: str) -> None:
        subprocess.run([*terminal, "send-keys", *names], check=True)

    size = ["-x", "160", "-y", "40"]
    subprocess.run([*terminal, "new-session", "-d", *size, helix, str(routes)], env=environment(tmp_path), check=True)
    try:
        wait_until(lambda: "● 1" in shown(), "one diagnostic")
        keys("]", "d")
        wait_until(lambda: "did you mean `proc.name`?" in shown(), "the text of the diagnostic")
        keys("Space", "a")
        wait_until(lambda: shown().count("did you mean `proc.name`?") > 1, "the menu of quick fixes")
        keys("Enter")
        wait_until(lambda: "when proc.name = bash" in shown(), "the quick fix")
        keys(":fmt", "Enter")
        wait_until(lambda: "when      danger" in shown(), "the layout")
        keys(":write", "Enter")
        wait_until(lambda: "to        pager" in routes.read_text("utf-8"), "the file")
    finally:
        subprocess.run([*terminal, "kill-server"], check=False)


def newest(name: str, pattern: str, least: tuple[int, int], option: str = "--version") -> str:
    """An editor of this version or a later one: that of the tests' packages, or that of the machine."""
    for found in (BIN / name, shutil.which(name)):
        if found is None or not Path(found).is_file():
            continue
        version = subprocess.run([found, option], capture_output=True, text=True, check=True).stdout
        match = re.search(pattern, version)
        if match is not None and tuple(int(each) for each in match.groups()) >= least:
            return str(found)
    if name == "nvim" and os.environ.get("CI") == "true" and (sys.platform, platform.machine()) == ("linux", "x86_64"):
        pytest.fail("the extra dev installs Neovim on this platform, but it is missing")
    pytest.skip(f"{name} {least[0]}.{least[1]} or later is not installed, so its settings are not tried")


def driven(command: list[Any], folder: Path) -> Any:
    """What an editor saw that ran a script of ``tests/data/editors``."""
    seen = folder / "seen.json"
    own = {**environment(folder), "ROUTE": str(prepared(folder)), "SEEN": str(seen)}
    options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    ran = subprocess.run(command, env=own, timeout=240, check=False, **options)
    assert seen.is_file(), ran.stdout + ran.stderr
    return json.loads(seen.read_text(encoding="utf-8"))


def prepared(folder: Path) -> Path:
    """A file of routes with an error, beside its config."""
    (folder / "falco-bridge.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "a.route").write_text(ROUTES, encoding="utf-8")
    return folder / "a.route"


def environment(home: Path) -> dict[str, str]:
    """That of a person whose home this is, with falco-bridge installed."""
    homes = {f"XDG_{name}_HOME": str(home / place) for name, place in HOMES.items()}
    return {**os.environ, **homes, "HOME": str(home), "PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "xterm-256color"}
