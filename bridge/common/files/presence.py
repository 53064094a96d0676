"""What is at a path, as far as this user can see. No permission to look is an answer, not an error."""

from __future__ import annotations

import os
from pathlib import Path


def is_folder(path: Path) -> bool:
    """Whether a folder is there, also behind a link. False where this user cannot look."""
    return os.path.isdir(path)  # noqa: PTH112  # Path.is_dir raises PermissionError


def is_file(path: Path) -> bool:
    """Whether a regular file is there, also behind a link. False where this user cannot look."""
    return os.path.isfile(path)  # noqa: PTH113  # Path.is_file raises PermissionError


def exists(path: Path) -> bool:
    """Whether something is there, behind a link if it is one. False where this user cannot look."""
    return os.path.exists(path)  # noqa: PTH110  # Path.exists raises PermissionError
