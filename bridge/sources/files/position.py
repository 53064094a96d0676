"""Where a file was read up to, as stored in the checkpoint, and how to find the file again after it was renamed."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Container, Iterable, Mapping
from dataclasses import astuple, dataclass

STARTED = ""
"""The part of a checkpoint that records that the source has run, even if there was no file."""
HEAD_BYTES = 256
"""The length of a file's beginning that identifies it together with its inode number."""


@dataclass(frozen=True, slots=True)
class Position:
    """A file, and how much of it is committed."""

    path: str
    """The name under which the file was found. It may have been renamed since."""
    device: int
    inode: int
    offset: int
    head: int
    """The checksum of its beginning, because inode numbers are reused."""
    real: str = ""
    """The path with links resolved."""
    written_ns: int = 0
    """When it was last written before it was read, in nanoseconds since the epoch. 0 in older checkpoints."""
    head_bytes: int = -1
    """The length of the beginning that ``head`` covers. -1 in older checkpoints, where it follows from ``offset``."""

    @property
    def key(self) -> tuple[int, int]:
        """Its device and inode."""
        return self.device, self.inode

    @property
    def head_length(self) -> int:
        """The length of the beginning that ``head`` covers, in bytes."""
        return min(HEAD_BYTES, self.offset) if self.head_bytes < 0 else self.head_bytes

    def text(self) -> str:
        """The form that is stored in the checkpoint."""
        return json.dumps(astuple(self))


def read(checkpoint: Mapping[str, str]) -> dict[int, Position]:
    """The files of a checkpoint by their numbers, in the order in which they were found."""
    texts = {int(part): text for part, text in checkpoint.items() if part != STARTED}
    return {number: Position(*json.loads(texts[number])) for number in sorted(texts)}


def read_bytes(descriptor: int, size: int, offset: int) -> bytes:
    """So many bytes of a file, or all up to its end. A network file system may return less in one read."""
    found = os.pread(descriptor, size, offset)
    while found and len(found) < size:
        more = os.pread(descriptor, size - len(found), offset + len(found))
        if not more:
            break
        found += more
    return found


def head_of(descriptor: int, length: int) -> int:
    """The checksum of a file's first bytes, up to HEAD_BYTES."""
    return zlib.crc32(read_bytes(descriptor, min(HEAD_BYTES, length), 0))


def head_of_file(descriptor: int) -> tuple[int, int]:
    """The length and the checksum of a file's beginning, up to HEAD_BYTES."""
    return head_of_data(read_bytes(descriptor, HEAD_BYTES, 0))


def head_of_data(data: bytes) -> tuple[int, int]:
    """The same of the first bytes of a file that were read."""
    return min(HEAD_BYTES, len(data)), zlib.crc32(data[:HEAD_BYTES])


def find(positions: Iterable[Position]) -> list[str | None]:
    """The current path of each file: its name, or another one in the same folder. None if it is gone or replaced.

    A file that cannot be opened is taken to be the same. So is one of the same name and with the same whole beginning:
    another start of the machine may number its devices differently, and a restored file has another inode.
    """
    folders: dict[str, dict[tuple[int, int], tuple[str, int]]] = {}
    return [_find(position, folders) for position in positions]


def rotated_between(path: str, since_ns: int, known: Container[tuple[int, int]]) -> list[str]:
    """The files that had this name and were rotated before the source saw them, oldest first.

    They are uncompressed files in the same folder whose names begin with this name, that are not ``known`` by device
    and inode, and that were last written at ``since_ns`` (the last write of the file before them) or later.
    """
    real = os.path.realpath(path)
    folder, name = os.path.split(real)
    found: list[tuple[int, str]] = []
    for number, (other, written_ns) in _files_by_inode(folder).items():
        if _rotated(other[len(folder) + 1 :], name) and number not in known and written_ns >= since_ns:
            found.append((written_ns, other))
    return [each for _, each in sorted(found)]


def copy_of(position: Position, known: Container[tuple[int, int]] = ()) -> str | None:
    """The copy that copytruncate made of a file: in the same folder, with the same beginning, and no shorter.

    If the known beginning is shorter than HEAD_BYTES, the copy is the oldest such file that is not ``known`` by device
    and inode and was written since the file was read. None if there is none.
    """
    if position.head_length < HEAD_BYTES:
        since_ns = position.written_ns
        others = rotated_between(position.real or position.path, since_ns, known) if since_ns else []
        return next((path for path in others if matches(path, position)), None)
    folder, name = os.path.split(position.real or position.path)
    found = (path for path, _ in _files_by_inode(folder).values() if _rotated(path[len(folder) + 1 :], name))
    return next((path for path in found if matches(path, position)), None)


_COMPRESSED = (".gz", ".xz", ".zst", ".bz2", ".lz4")


def _rotated(other: str, name: str) -> bool:
    return other.startswith((name + ".", name + "-")) and not other.endswith(_COMPRESSED)


def _find(position: Position, folders: dict[str, dict[tuple[int, int], tuple[str, int]]]) -> str | None:
    for name in dict.fromkeys((position.path, position.real)):
        folder = os.path.dirname(name)  # noqa: PTH120  # called for thousands of files
        if folder not in folders:
            folders[folder] = _files_by_inode(folder)
        found = folders[folder].get(position.key)
        if found is not None and matches(found[0], position, unreadable=True):
            return found[0]
    return position.path if position.head_length == HEAD_BYTES and matches(position.path, position) else None


def _files_by_inode(folder: str) -> dict[tuple[int, int], tuple[str, int]]:
    """The path and last write of every file in the folder, by device and inode, with links followed."""
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


def matches(path: str, position: Position, *, unreadable: bool = False) -> bool:
    """Whether the file can be the one at this position, by its beginning and size.

    ``unreadable``: the answer if it cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:
        return unreadable
    try:
        length = position.head_length
        return os.fstat(descriptor).st_size >= max(position.offset, length) and (
            head_of(descriptor, length) == position.head
        )
    finally:
        os.close(descriptor)
