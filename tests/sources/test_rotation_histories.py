"""Random histories of a file that is written and rotated while the bridge runs, waits, is killed, or is down.

A history takes place in one thread. Its seed alone decides when the bridge scans, so it is the same at any load.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from bridge.sources.contract import Batch
from bridge.sources.files.schedule import ScanSchedule
from bridge.sources.files.source import FileSource
from tests.conftest import FULL

HISTORIES = 200 if FULL else 25
_STEP_NS = 1_000_000_000
"""Between two writes. Writes within one tick of the file system's clock cannot be distinguished."""


class Killed(BaseException):
    """Ends the source as SIGKILL does."""


class SeededSchedule(ScanSchedule):
    """Scans take place after a random number of rounds, not after a time."""

    def __init__(self, chance: random.Random, likelihood: float) -> None:
        super().__init__()
        self._chance = chance
        self._likelihood = likelihood

    def due(self) -> bool:
        return self._chance.random() < self._likelihood

    def wait_seconds(self) -> float:
        return 0.0


class History:
    """A log, its writer, and a journal."""

    def __init__(self, folder: Path, chance: random.Random, scans: float) -> None:
        self.scans = scans
        self.path = folder / "falco.log"
        self.checkpoint: dict[str, str] = {}
        self.read_rules: list[str] = []
        self.written = 0
        self._chance = chance
        self._now_ns = 1_767_225_600 * 10**9
        self.path.touch()
        self.write()

    def write(self) -> None:
        with self.path.open("a") as file:
            for _ in range(self._chance.randint(1, 8)):
                size = self._chance.choice(
                    (1, 300, 300)
                )  # also files that are shorter than the beginning that is stored
                alert = {"rule": f"r{self.written}", "priority": "Notice", "output": "x" * size, "output_fields": {}}
                file.write(json.dumps(alert) + "\n")
                self.written += 1
        self._set_time(self.path)

    def rotate(self, *, by_copy: bool) -> None:
        for number in range(40, 0, -1):
            old = self.path.with_name(f"falco.log.{number}")
            if old.exists():
                old.rename(self.path.with_name(f"falco.log.{number + 1}"))
        newest = self.path.with_name("falco.log.1")
        if by_copy:
            shutil.copyfile(self.path, newest)
            self._set_time(newest)
            os.truncate(self.path, 0)
        else:
            self.path.rename(newest)
            self.path.touch()
        self.write()

    def _set_time(self, path: Path) -> None:
        self._now_ns += _STEP_NS
        os.utime(path, ns=(self._now_ns, self._now_ns))

    def change(self) -> None:
        """Write or rotate, once or several times."""
        for _ in range(self._chance.randint(1, 4)):
            match self._chance.choice(("write", "rename", "copy", "copy")):
                case "copy":
                    self.rotate(by_copy=True)
                case "rename":
                    self.rotate(by_copy=False)
                case _:
                    self.write()

    def read(self, commits: int = 0) -> None:
        """Run a bridge for so many commits, with a change during each, and kill it.

        Without a number, read what the file holds and stop.
        """
        schedule = SeededSchedule(self._chance, self.scans)
        source = FileSource("files", str(self.path), dict(self.checkpoint), "start", schedule=schedule, max_batch=3)
        left = commits

        def accept(batch: Batch) -> None:
            nonlocal left
            left -= 1
            if left == 0 and self.checkpoint and self._chance.random() < 0.5:
                raise Killed
            if left > 0:
                self.change()
            changed = {**self.checkpoint, **batch.checkpoint}
            self.checkpoint = {part: text for part, text in changed.items() if text is not None}
            self.read_rules += [alert.rule for alert in batch.alerts]
            if left == 0:
                raise Killed

        if commits:
            self.write()
        else:
            source.stop()
        with suppress(Killed):
            source.run(accept)


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_every_line_is_read_once(seed: int, tmp_path: Path) -> None:
    """Through kills at every commit, any rotations in between, and scans that come late."""
    chance = random.Random(seed)
    history = History(tmp_path, chance, scans=chance.choice((1.0, 0.5, 0.2, 0.05)))
    for _ in range(chance.randint(2, 6)):
        history.read(chance.choice((1, 2, 3, 5, 8)))
        history.change()
    for _ in range(2):
        history.read()
    assert sorted(history.read_rules, key=lambda rule: int(rule[1:])) == [
        f"r{number}" for number in range(history.written)
    ]
