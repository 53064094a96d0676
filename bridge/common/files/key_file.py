"""Random keys in files that only the bridge's user can read."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from bridge.common.files.folder_sync import sync_folder

KEY_BYTES = 32


def read_key(path: Path) -> bytes | None:
    """The key in a file; None if there is no file, or no whole key in it. Raises OSError."""
    with suppress(FileNotFoundError):
        found = path.read_bytes()
        if len(found) == KEY_BYTES:
            return found
    return None


def create_key(path: Path) -> bytes:
    """A new key. Raises OSError."""
    key = secrets.token_bytes(KEY_BYTES)
    write_key(path, key)
    return key


def write_key(path: Path, key: bytes) -> None:
    """Write a key to a temporary file and rename it, so that a crash leaves no half of it. Raises OSError."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(descriptor, key)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
    sync_folder(path.parent)
