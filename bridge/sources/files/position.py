"""How far files were read, kept in the journal with what was read: enough to find each again under another name."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Container, Iterable, Mapping
from dataclasses import astuple, dataclass

FOLLOWED = ""
"""The part of a checkpoint that says that the source has begun, also where there was no file yet."""
HEAD = 256
"""Bytes of a file's beginning that tell it from another one under the same number."""


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
    real: str = ""
    """Where it was, links followed."""

    def text(self) -> str:
        """As the journal keeps it."""
        return json.dumps(astuple(self))


def read(checkpoint: Mapping[str, str]) -> dict[int, Position]:
    """Every file of a checkpoint by its number, in the order in which they were found."""
    texts = {int(part): text for part, text in checkpoint.items() if part != FOLLOWED}
    return {number: Position(*json.loads(texts[number])) for number in sorted(texts)}


def head_of(descriptor: int, offset: int) -> int:
    """The checksum of a file's first bytes, as far as ``offset``."""
    return zlib.crc32(os.pread(descriptor, min(HEAD, offset), 0))


def find(positions: Iterable[Position]) -> list[str | None]:
    """Where each file is now: under its own name, or renamed beside it; None where it is gone, or is another."""
    folders: dict[str, dict[tuple[int, int], tuple[str, int]]] = {}
    return [_find(position, folders) for position in positions]


def rotated_between(path: str, since_ns: int, known: Container[tuple[int, int]]) -> list[str]:
    """Files that bore this name for a while and were renamed before anybody saw them, oldest first.

    They stand beside it, their names begin with its name, they are not compressed, not ``known`` by device and inode,
    and were written at ``since_ns`` or later, when the one before them was written last.
    """
    real = os.path.realpath(path)
    folder, name = os.path.split(real)
    found: list[tuple[int, str]] = []
    for number, (other, written_ns) in _numbered(folder).items():
        own = other[len(folder) + 1 :]
        if _rotated(own, name) and number not in known and written_ns >= since_ns:
            found.append((written_ns, other))
    return [each for _, each in sorted(found)]


def copy_of(position: Position) -> str | None:
    """Where copytruncate has put what was read of a file and the rest of it: beside it, beginning alike and no shorter.

    None where there is none, or too little was read to know it again.
    """
    folder, name = os.path.split(position.real or position.path)
    if position.offset < HEAD:
        return None
    others = (path for path, _ in _numbered(folder).values() if _rotated(path[len(folder) + 1 :], name))
    return next((path for path in others if _matches(path, position)), None)


_COMPRESSED = (".gz", ".xz", ".zst", ".bz2", ".lz4")


def _rotated(own: str, name: str) -> bool:
    return own.startswith((name + ".", name + "-")) and not own.endswith(_COMPRESSED)


def _find(position: Position, folders: dict[str, dict[tuple[int, int], tuple[str, int]]]) -> str | None:
    number = position.device, position.inode
    for name in dict.fromkeys((position.path, position.real)):
        folder = os.path.dirname(name)  # noqa: PTH120  # once for each of thousands
        if folder not in folders:
            folders[folder] = _numbered(folder)
        found = folders[folder].get(number)
        if found is not None and _matches(found[0], position):
            return found[0]
    return None


def _numbered(folder: str) -> dict[tuple[int, int], tuple[str, int]]:
    """Every file in the folder by its device and inode, links followed: its path, and when it was written last."""
    found: dict[tuple[int, int], tuple[str, int]] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    known = entry.stat()
                except OSError:
                    continue
                found[known.st_dev, known.st_ino] = entry.path, known.st_mtime_ns
    except OSError:
        pass
    return found


def _matches(path: str, position: Position) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return os.fstat(descriptor).st_size >= position.offset and head_of(descriptor, position.offset) == position.head
    finally:
        os.close(descriptor)
