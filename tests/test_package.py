"""The built wheel is complete: its command works outside the repository."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(each) for each in command], cwd=cwd, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(300)
def test_the_wheel_works_in_a_fresh_venv(tmp_path: Path) -> None:
    """Built without isolation and run with the development environment's packages, so that no network is needed."""
    pip = ("-m", "pip", "--disable-pip-version-check")
    run(sys.executable, *pip, "wheel", "--no-build-isolation", "--no-deps", "-q", "-w", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "bridge/_data/grammar/route.lark",
        "bridge/_data/quickstart/alerts.jsonl",
        "bridge/alert/fields.json",
    } <= names
    venv.create(tmp_path / "venv", with_pip=False)
    site = next((tmp_path / "venv" / "lib").glob("python*")) / "site-packages"
    run(sys.executable, *pip, "install", "--no-deps", "-q", "--target", site, wheel, cwd=tmp_path)
    (site / "development.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    python = tmp_path / "venv" / "bin" / "python"
    where = run(python, "-c", "import bridge; print(bridge.__file__)", cwd=tmp_path)
    assert str(tmp_path) in where
    assert "falco-bridge 0." in run(python, "-m", "bridge", "--version", cwd=tmp_path)
    route = site / "bridge" / "_data" / "quickstart" / "quickstart.route"
    assert "no problems" in run(python, "-m", "bridge", "check", route, cwd=tmp_path)
    assert "Delivered:" in run(python, "-m", "bridge", "demo", "--rate", "200", cwd=tmp_path)


def test_nothing_says_to_install_the_name_from_an_index() -> None:
    """It may belong to somebody else there: the bridge is installed from the repository or a wheel."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).split()
    pattern = re.compile(
        r"\b(?:pip3?|pipx|uv|uvx|poetry|conda)\b[^\n`|]*\b(?:install|add|run|tool)\b[^\n`|]*\bfalco-bridge(?![\w/.-])"
    )
    wrong = [
        f"{name}: {found}"
        for name in listed
        if (ROOT / name).is_file() and name != "tests/test_package.py"
        for found in pattern.findall((ROOT / name).read_text(encoding="utf-8", errors="replace"))
    ]
    assert wrong == []
    assert pattern.search("pip install falco-bridge")
    assert not pattern.search("/opt/falco-bridge/bin/pip install .")
