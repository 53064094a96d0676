"""The secret of the hashes of keys, in a row of the database."""

from __future__ import annotations

import secrets

from bridge.journal.postgres.database import Database

NAME = "state keys"
"""The name of its row."""
_BYTES = 32


class SecretRow:
    """Every bridge that uses the database has the same secret."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stored(self) -> bytes | None:
        """The secret; None if there is none."""
        return next(iter(self._database.rows(bytes, "SELECT content FROM secrets WHERE name = ?", (NAME,))), None)

    def get(self) -> bytes:
        """The secret, created if there is none. Raises JournalError."""
        found = self.stored()
        if found is not None:
            return found
        with self._database.transaction() as statements:
            statements.execute(
                "INSERT INTO secrets VALUES (?, ?) ON CONFLICT DO NOTHING", (NAME, secrets.token_bytes(_BYTES))
            )
        found = self.stored()
        assert found is not None
        return found
