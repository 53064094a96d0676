"""How far files were read, kept in the journal with what was read: enough to find each again under another name."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_HEAD = 256


@dataclass(frozen=True, slots=True)
class Position:
    """One file and what of it is in the journal."""

    path: str
    """The name under which it was read, also if it bears another by now."""
    device: int
    inode: int
    offset: int
    head: int
    """Checksum of its beginning, as far as that had been read: an inode's number may be given anew."""


def write(positions: Iterable[Position]) -> str:
    """As the journal keeps it."""
    return json.dumps([[each.path, each.device, each.inode, each.offset, each.head] for each in positions])


def read(text: str | None) -> list[Position]:
    """What ``write`` made; nothing where there is none."""
    return [] if text is None else [Position(*each) for each in json.loads(text)]


def head_of(descriptor: int, offset: int) -> int:
    """The checksum of a file's first bytes, as far as ``offset``."""
    return zlib.crc32(os.pread(descriptor, min(_HEAD, offset), 0))


def find(position: Position) -> Path | None:
    """Where the file is now: under its own name, or renamed beside it."""
    own = Path(position.path)
    try:
        candidates = [own, *sorted(each for each in own.parent.iterdir() if each != own)]
    except OSError:
        return None
    return next((each for each in candidates if _is(each, position)), None)


def _is(path: Path, position: Position) -> bool:
    try:
        known = path.stat()
        if (known.st_dev, known.st_ino) != (position.device, position.inode) or known.st_size < position.offset:
            return False
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return head_of(descriptor, position.offset) == position.head
    finally:
        os.close(descriptor)
