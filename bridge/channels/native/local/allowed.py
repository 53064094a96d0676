"""The programs that channels may start and the folders that they may write to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Allowed:
    """The config's ``allow``; by default nothing is allowed."""

    programs: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    journal: Path | None = None
    """The bridge's journal. Channels may not write to it, even if its folder is allowed."""

    def folder_of(self, path: Path) -> Path | None:
        """The allowed folder that contains ``path``, by name only; symbolic links are not resolved."""
        normal = Path(os.path.normpath(path))
        return next((folder for folder in self.folders if normal != folder and normal.is_relative_to(folder)), None)

    def is_journal(self, path: Path) -> bool:
        """Whether a file is the journal, or one of its companions (``-wal``, ``.lock`` …)."""
        return self.journal is not None and os.path.normpath(path).startswith(os.path.normpath(self.journal))

    def as_settings(self) -> dict[str, object]:
        """As JSON values, for another process."""
        return {
            "programs": [str(program) for program in self.programs],
            "folders": [str(folder) for folder in self.folders],
            "journal": None if self.journal is None else str(self.journal),
        }


def from_settings(settings: Mapping[str, object]) -> Allowed:
    """The inverse of ``as_settings``."""
    programs, folders, journal = (settings[name] for name in ("programs", "folders", "journal"))
    assert isinstance(programs, list)
    assert isinstance(folders, list)
    return Allowed(
        tuple(map(Path, programs)), tuple(map(Path, folders)), None if journal is None else Path(str(journal))
    )


NOTHING = Allowed()
