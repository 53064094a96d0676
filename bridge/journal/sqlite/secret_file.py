"""The secret of the hashes of keys, in a file beside the journal."""

from __future__ import annotations

from pathlib import Path

from bridge.common.files.key_file import create_key, read_key
from bridge.journal.errors import JournalError


class SecretFile:
    """The file has the journal's name and ends with ``.key``; only the bridge's user can read it."""

    def __init__(self, journal: Path) -> None:
        self._path = journal.with_name(journal.name + ".key")

    def stored(self) -> bytes | None:
        """The secret; None if there is none, or if it cannot be read."""
        try:
            return read_key(self._path)
        except OSError:
            return None

    def get(self) -> bytes:
        """The secret, created if there is none. Raises JournalError."""
        try:
            found = read_key(self._path)
            if found is None:
                found = create_key(self._path)
        except OSError as error:
            raise JournalError(f"cannot read or create {self._path}: {error.strerror}") from error
        return found
