"""The folders in which the files of a pattern may appear."""

from __future__ import annotations

import os
from glob import glob, has_magic


def folders_of(pattern: str) -> list[str]:
    """The folders in which a new entry can make the pattern match another file."""
    parts = os.path.dirname(pattern).split("/")  # noqa: PTH120
    plain = next((at for at, part in enumerate(parts) if has_magic(part)), len(parts))
    base = "/".join(parts[:plain]) or "/"
    if not os.path.isdir(base):  # noqa: PTH112
        while not os.path.isdir(base):  # noqa: PTH112
            base = os.path.dirname(base) or "/"  # noqa: PTH120
        return [base]
    return [base, *(each for end in range(plain + 1, len(parts) + 1) for each in glob("/".join(parts[:end])))]  # noqa: PTH207
