"""Random histories of one file: written, rotated by renaming and by copytruncate, while the bridge runs, is held up, killed or away."""

from __future__ import annotations

import json
import os
import random
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from bridge.sources.contract import Batch
from bridge.sources.files import source as file_source
from bridge.sources.files.source import FileSource
from tests.conftest import FULL

HISTORIES = 200 if FULL else 25
_APART_NS = 1_000_000_000
"""Between two writes; real ones that are closer than the file system's clock ticks are told apart by nothing."""


class Killed(BaseException):
    """As SIGKILL: nothing is put in order."""


class History:
    """A log, who writes and rotates it, and a journal."""

    def __init__(self, folder: Path, jitter: random.Random) -> None:
        self.path = folder / "falco.log"
        self.checkpoint: dict[str, str] = {}
        self.kept: list[str] = []
        self.written = 0
        self._dice = jitter
        self._now_ns = 1_767_225_600 * 10**9
        self.path.touch()
        self.write()

    def write(self) -> None:
        with self.path.open("a") as file:
            for _ in range(self._dice.randint(1, 8)):
                alert = {"rule": f"r{self.written}", "time": "2026-01-01T00:00:00Z", "output": "x" * 300}
                file.write(json.dumps(alert) + "\n")
                self.written += 1
        self._is_written(self.path)

    def rotate(self, *, by_copy: bool) -> None:
        for number in range(40, 0, -1):
            old = self.path.with_name(f"falco.log.{number}")
            if old.exists():
                old.rename(self.path.with_name(f"falco.log.{number + 1}"))
        newest = self.path.with_name("falco.log.1")
        if by_copy:
            shutil.copyfile(self.path, newest)
            self._is_written(newest)
            os.truncate(self.path, 0)
        else:
            self.path.rename(newest)
            self.path.touch()
        self.write()

    def _is_written(self, path: Path) -> None:
        self._now_ns += _APART_NS
        os.utime(path, ns=(self._now_ns, self._now_ns))

    def happens(self) -> None:
        """Something, or several things in a row. A file's copy is known again where its beginning had been read."""
        with self.path.open() as file:
            first = file.readline()
        known = bool(first) and json.loads(first)["rule"] in self.kept
        for _ in range(self._dice.randint(1, 4)):
            match self._dice.choice(("write", "rename", "copy", "copy")):
                case "copy" if known:
                    self.rotate(by_copy=True)
                case "rename":
                    self.rotate(by_copy=False)
                    known = False
                case _:
                    self.write()

    def read(self, commits: int = 0) -> None:
        """By a bridge that follows for so many commits, during each of which something happens, and is then killed.

        Without a number it reads what stands there, and leaves.
        """
        source = FileSource("files", str(self.path), dict(self.checkpoint), "start")
        left = commits

        def accept(batch: Batch) -> None:
            nonlocal left
            left -= 1
            if left == 0 and self.checkpoint and self._dice.random() < 0.5:
                raise Killed
            if left > 0:
                self.happens()
            changed = {**self.checkpoint, **batch.checkpoint}
            self.checkpoint = {part: text for part, text in changed.items() if text is not None}
            self.kept += [alert.rule for alert in batch.alerts]
            if left == 0:
                raise Killed

        if commits:
            self.write()
        else:
            source.stop()
        with suppress(Killed):
            source.run(accept)


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_every_line_comes_in_once_whatever_happens(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through kills at every commit, and any rotations in between."""
    monkeypatch.setattr(file_source, "_MAX_BATCH", 3)
    jitter = random.Random(seed)
    history = History(tmp_path, jitter)
    for _ in range(jitter.randint(2, 6)):
        history.read(jitter.choice((1, 2, 3, 5, 8)))
        history.happens()
    for _ in range(2):
        history.read()
    assert sorted(history.kept, key=lambda rule: int(rule[1:])) == [f"r{number}" for number in range(history.written)]
