"""The key that signs acknowledgement links: a file beside the journal."""

from __future__ import annotations

from pathlib import Path

from bridge.common.errors import SetupError
from bridge.common.key_file import create_key, read_key

LINK_KEY_SUFFIX = ".links.key"


def link_key(journal: Path) -> bytes:
    """The key of this journal's bridge, created if there is none. Raises SetupError."""
    path = journal.with_name(journal.name + LINK_KEY_SUFFIX)
    try:
        return read_key(path) or create_key(path)
    except OSError as error:
        raise SetupError(
            f"cannot read or create {path} ({error.strerror}); the user that runs the bridge must own it"
        ) from error
