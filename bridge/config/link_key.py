"""The key that signs acknowledgement links: a file beside the journal, or a row of its database."""

from __future__ import annotations

from pathlib import Path

from bridge.common.errors import SetupError
from bridge.common.files.key_file import create_key, read_key
from bridge.journal import opening
from bridge.journal.location import Location, files_of

LINK_KEY_SUFFIX = ".links.key"
_of_databases: dict[tuple[object, ...], bytes] = {}
"""By what the config says of the database: one whose password has just changed may refuse the next connection."""


def link_key(journal: Location) -> bytes:
    """The key of this journal's bridge, created if there is none. Raises SetupError and JournalError.

    A database has one key for all its bridges. Its first one becomes that of the file, if there is one.
    """
    known = () if isinstance(journal, Path) else journal.written()
    if known in _of_databases:
        return _of_databases[known]
    files = files_of(journal)
    path = files.with_name(files.name + LINK_KEY_SUFFIX)
    try:
        stored = read_key(path)
        if isinstance(journal, Path):
            return stored or create_key(path)
    except OSError as error:
        raise SetupError(
            f"cannot read or create {path} ({error.strerror}); the user that runs the bridge must own it"
        ) from error
    return _of_databases.setdefault(known, opening.link_key(journal, stored))
