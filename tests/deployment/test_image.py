"""The Containerfile: its build steps run, and nothing is installed without a hash."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
TEXT = re.sub(r"\\\n\s*", " ", (ROOT / "Containerfile").read_text(encoding="utf-8"))


def copied() -> list[tuple[list[str], str]]:
    """What is copied from the repository, and where to."""
    lines = [line.split()[1:] for line in TEXT.splitlines() if line.startswith("COPY ") and "--from" not in line]
    return [(words[:-1], words[-1]) for words in lines]


def test_what_is_copied_is_what_the_wheel_needs(tmp_path: Path) -> None:
    """The wheel is built from the copied files alone, and is the same as that of the repository."""
    for names, target in copied():
        for path in (ROOT / name for name in names):
            folder = tmp_path / target.lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(path, folder)
    wheels = [names_of(wheel(folder, tmp_path / name)) for name, folder in (("a", tmp_path / "src"), ("b", ROOT))]
    assert wheels[0] == wheels[1]
    assert "bridge/_data/grammar/route.lark" in wheels[0]


def wheel(source: Path, target: Path) -> Path:
    """Built with the development environment's hatchling, so that no network is needed."""
    command = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w", target, source]
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = target.glob("*.whl")
    return found


def names_of(path: Path) -> set[str]:
    return {name for name in zipfile.ZipFile(path).namelist() if "__pycache__" not in name}


def test_the_context_contains_what_is_copied_and_no_more() -> None:
    """.dockerignore excludes everything else, such as .venv and .git."""
    first, *allowed, last = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert (first, last) == ("*", "**/__pycache__")
    patterns = [each.removeprefix("!") for each in allowed]
    names = [name for names, _ in copied() for name in names]
    assert all(any(fnmatch.fnmatch(name, each) for each in patterns) for name in names)
    assert all(any(fnmatch.fnmatch(name, each) for name in names) for each in patterns)


def test_nothing_is_installed_without_a_hash() -> None:
    """And nothing from an index but what the lock files name."""
    commands = re.findall(r"pip install[^&\n]*", TEXT)
    assert len(commands) == 3
    for command in commands:
        assert "--require-hashes" in command or "--no-index" in command, command


def test_the_image_runs_as_a_user_without_rights() -> None:
    """With the user and folders of the Helm chart."""
    assert "\nUSER 65532:65532\n" in TEXT
    assert "install -d -m 0700 -o 65532 -g 65532 /var/lib/falco-bridge /run/falco-bridge" in TEXT


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="only root can start a process as process 1 of a namespace",
)
def test_process_1_stops_at_sigterm(tmp_path: Path) -> None:
    """The image has no init, so the kernel drops signals that the bridge does not handle."""
    (tmp_path / "a.route").write_text("otherwise { to console }\n", encoding="utf-8")
    (tmp_path / "falco-bridge.yaml").write_text(
        "sources: [{socket: in.sock}]\nchannels: {console: 'console://'}\nroutes: a.route\njournal: journal.db\n"
        "log: {format: json}\n",
        encoding="utf-8",
    )
    log = tmp_path / "log"
    with log.open("wb") as out:
        outer = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-m", "bridge", "--config", "falco-bridge.yaml"],
            cwd=tmp_path, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        wait_until(lambda: '"started"' in log.read_text(encoding="utf-8"), "the start")
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text(encoding="ascii").split()
        (inner,) = map(int, children)
        assert re.search(r"NSpid:\s+\d+\s+1\n", Path(f"/proc/{inner}/status").read_text(encoding="utf-8"))
        os.kill(inner, signal.SIGTERM)
        assert outer.wait(100) == 0
    finally:
        outer.kill()
        outer.wait()
    assert '"stopped"' in log.read_text(encoding="utf-8")
