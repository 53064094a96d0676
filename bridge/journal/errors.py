"""Errors of a journal. Each message names the journal, the cause and what to do next."""

from __future__ import annotations

from collections.abc import Collection


class JournalError(Exception):
    """The journal cannot be used."""


class NoJournalError(JournalError):
    """No bridge has run with the journal yet."""


class UnreadableError(JournalError):
    """One row cannot be read; the others can."""


class JournalOwnedError(JournalError):
    """Another bridge has the journal."""

    def __init__(self, holder: str, message: str) -> None:
        """``holder`` names that bridge for people."""
        super().__init__(message)
        self.holder = holder


class JournalBusyError(JournalError):
    """The journal cannot be written now (disk full, lock held by another program). The same call may work later."""


class LeaseLostError(JournalError):
    """Another member of the fleet has taken over what a transaction depends on. Nothing was changed."""

    def __init__(self, kind: str, names: Collection[str]) -> None:
        super().__init__(f"another bridge has taken over {kind} {', '.join(sorted(names))}")
        self.kind = kind
        self.names = frozenset(names)
