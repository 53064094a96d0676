"""What can be wrong with a journal, each told in a sentence that says what to do next."""

from __future__ import annotations


class JournalError(Exception):
    """The journal cannot be used as it is; the message names the file, the cause and the way out."""


class JournalBusyError(JournalError):
    """It cannot be written for now (full disk, lock held too long); the same call may work later."""
