"""The journal in SQLite."""

from bridge.journal.sqlite.journal import Entry, Journal
from bridge.journal.sqlite.lock import FileLock

__all__ = ["Entry", "FileLock", "Journal"]
