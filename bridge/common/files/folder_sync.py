"""Makes the name of a new file survive a crash of the machine."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_IMPOSSIBLE = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM})
"""The file system cannot sync a folder, or the user may write to the folder and not read it."""


def sync_folder(folder: Path) -> None:
    """Sync a folder in which a file was made or renamed, where that is possible. Raises OSError."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _IMPOSSIBLE:
            raise
