"""Errors of a journal. Each message names the journal, the cause and what to do next."""

from __future__ import annotations


class JournalError(Exception):
    """The journal cannot be used."""


class UnreadableError(JournalError):
    """One row cannot be read; the others can."""


class JournalOwnedError(JournalError):
    """Another bridge has the journal."""


class JournalBusyError(JournalError):
    """The journal cannot be written now (disk full, lock held by another program). The same call may work later."""
