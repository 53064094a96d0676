"""The file of terminal material: encrypted, readable by the bridge's user only, emptied when its lines are complete.

A file is a header and blocks. A block is appended for each batch, and synced before the batch is acknowledged if it
holds material. The first block of a file is the state from before; writing the file again with the present state
removes all other blocks. Each block is encrypted with AES-256-GCM under a random nonce, and bound to its number in the
file. A block that a crash cut off at the end of the file was not acknowledged, or holds no material, and is removed.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.common.files.folder_sync import sync_folder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_HEADER = b"falco-bridge terminal 1\n"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_LENGTH_BYTES = 4
_OPEN = os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_MODE = 0o600


class MaterialUnreadableError(Exception):
    """The file cannot be decrypted: its key was lost, or it was changed."""


class MaterialFile:
    """An open file. Its methods raise OSError; a failed ``append`` may be called again."""

    def __init__(self, path: Path, key_path: Path) -> None:
        self.path = path
        self._key_path = key_path
        self._cipher: AESGCM | None = None
        self._file: int | None = None
        self._blocks = 0
        self.size = 0
        """Bytes of the blocks after the first."""
        self._end = 0

    def exists(self) -> bool:
        """Whether there is material of an earlier run."""
        return self.path.exists()

    def read(self) -> list[bytes]:
        """Every block. Raises MaterialUnreadableError."""
        from cryptography.exceptions import InvalidTag

        data = self.path.read_bytes()
        if not data.startswith(_HEADER):
            raise MaterialUnreadableError(f"{self.path} is not a file of terminal material")
        blocks: list[bytes] = []
        position = len(_HEADER)
        while (start := position + _LENGTH_BYTES) <= len(data):
            end = start + int.from_bytes(data[position:start], "big")
            if end == start or end > len(data):  # zeros, or less than a block
                break
            try:
                blocks.append(self._decrypted(data[start:end], len(blocks)))
            except (InvalidTag, ValueError) as error:  # ValueError: it is shorter than a nonce
                raise MaterialUnreadableError(f"{self.path} was written with another key, or was changed") from error
            position = end
        return blocks

    def replace(self, state: bytes) -> None:
        """Write the file again with this state as its only block. It replaces the present file at once."""
        temporary = self.path.with_name(f"{self.path.name}.new")
        block = self._encrypted(state, 0)
        with suppress(FileNotFoundError):
            temporary.unlink()
        descriptor = os.open(temporary, os.O_RDWR | os.O_EXCL | _OPEN, _MODE)
        try:
            _write(descriptor, _HEADER + block, 0)
            os.fsync(descriptor)
            temporary.replace(self.path)
        except BaseException:
            os.close(descriptor)
            raise
        self.close()  # from here on, blocks belong to the new file, also if its folder cannot be synced
        self._file, self._blocks, self.size = descriptor, 1, 0
        self._end = len(_HEADER) + len(block)
        sync_folder(self.path.parent)

    def append(self, block: bytes, *, durable: bool = True) -> None:
        """Add a block. Returns once it is on disk. One that is not ``durable`` may be lost with the machine."""
        assert self._file is not None, "replace comes first"
        encrypted = self._encrypted(block, self._blocks)
        _write(self._file, encrypted, self._end)
        if durable:
            os.fdatasync(self._file)
        self._end += len(encrypted)
        self._blocks += 1
        self.size += len(encrypted)

    def remove(self) -> None:
        """Remove the file."""
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file. It stays."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _encrypted(self, data: bytes, number: int) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._with_key().encrypt(nonce, data, _bound(number))
        return len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed

    def _decrypted(self, sealed: bytes, number: int) -> bytes:
        return self._with_key().decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(number))

    def _with_key(self) -> AESGCM:
        """The cipher. The key is created at its first use."""
        if self._cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._cipher = AESGCM(_read_key(self._key_path))
        return self._cipher


def _bound(number: int) -> bytes:
    return _HEADER + number.to_bytes(8, "big")


def _read_key(path: Path) -> bytes:
    with suppress(FileNotFoundError):
        found = path.read_bytes()
        if len(found) == _KEY_BYTES:
            return found
    key = secrets.token_bytes(_KEY_BYTES)
    temporary = path.with_name(f"{path.name}.new")
    with suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = os.open(temporary, os.O_WRONLY | os.O_EXCL | _OPEN, _MODE)
    try:
        _write(descriptor, key, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
    sync_folder(path.parent)
    return key


def _write(descriptor: int, data: bytes, position: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, position)
        view, position = view[written:], position + written
