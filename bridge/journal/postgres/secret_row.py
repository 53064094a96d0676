"""A secret of the journal, in a row of the database: every bridge that uses the database has the same one."""

from __future__ import annotations

import secrets

from bridge.journal.postgres.database import Database

_BYTES = 32


class SecretRow:
    """32 bytes."""

    def __init__(self, database: Database, name: str) -> None:
        """``name`` is one of `bridge.journal.secret_names`."""
        self._database = database
        self._name = name

    def stored(self) -> bytes | None:
        """The secret; None if there is none."""
        return next(iter(self._database.rows(bytes, "SELECT content FROM secrets WHERE name = ?", (self._name,))), None)

    def get(self, first: bytes | None = None) -> bytes:
        """The secret. If there is none it becomes ``first``, or a new one. Raises JournalError."""
        found = self.stored()
        if found is not None:
            return found
        with self._database.transaction() as statements:
            statements.execute(
                "INSERT INTO secrets VALUES (?, ?) ON CONFLICT DO NOTHING",
                (self._name, first or secrets.token_bytes(_BYTES)),
            )
        found = self.stored()
        assert found is not None
        return found
