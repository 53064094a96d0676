"""Somebody else's folder is told, with what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.journal import JournalError
from bridge.journal.sqlite import Journal

NOBODY = 65534


def as_nobody(path: Path) -> str:
    """What a process of a user without rights is told, in a fork of this one."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            Journal.open_for_router(path)
        except JournalError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        said = told.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The message names the folder and who must be let in; nothing is made."""
    folder = tmp_path / "journal"
    folder.mkdir(mode=0o755)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_mode & 0o005 != 0o005:
            parent.chmod(parent.stat().st_mode | 0o005)
    said = as_nobody(folder / "j.db")
    assert str(folder) in said
    assert "write access" in said
    assert list(folder.iterdir()) == []
