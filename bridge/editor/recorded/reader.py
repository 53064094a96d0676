"""Opens the journal of a config for an editor, beside the server's loop."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bridge.config.load import ConfigErrors, find_instance_paths
from bridge.journal.errors import JournalError
from bridge.journal.location import Location

Result = TypeVar("Result")


def with_journal(config: Path, read: Callable[[Location], Result]) -> Result | None:
    """What ``read`` returns for the config's journal; None if it cannot be read. Blocks.

    The URL of a database may be a secret, which is read now and not stored with the rest of the config.
    """
    try:
        found = find_instance_paths(config, os.environ)
        return None if isinstance(found, ConfigErrors) else read(found.journal)
    except (JournalError, OSError, sqlite3.Error):
        return None
