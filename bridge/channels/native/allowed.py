"""What on this machine channels may touch: the programs they may start, the folders they may write to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Allowed:
    """Said by the config; without it, nothing."""

    programs: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    journal: Path | None = None
    """The bridge's own, which lies in one of the folders and is nobody's to write to."""

    def folder_of(self, path: Path) -> Path | None:
        """The allowed folder that a file lies below, told by its name alone; links on the way are another matter."""
        plain = Path(os.path.normpath(path))
        return next((folder for folder in self.folders if plain != folder and plain.is_relative_to(folder)), None)

    def is_journal(self, path: Path) -> bool:
        """Whether a file is the journal, or one that SQLite and the bridge keep beside it."""
        return self.journal is not None and os.path.normpath(path).startswith(os.path.normpath(self.journal))

    def as_settings(self) -> dict[str, object]:
        """As it goes to another process."""
        return {
            "programs": [str(program) for program in self.programs],
            "folders": [str(folder) for folder in self.folders],
            "journal": None if self.journal is None else str(self.journal),
        }


def from_settings(settings: Mapping[str, object]) -> Allowed:
    """What ``as_settings`` told."""
    programs, folders, journal = (settings[name] for name in ("programs", "folders", "journal"))
    assert isinstance(programs, list)
    assert isinstance(folders, list)
    return Allowed(
        tuple(map(Path, programs)), tuple(map(Path, folders)), None if journal is None else Path(str(journal))
    )


NOTHING = Allowed()
