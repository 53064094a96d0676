"""Reads and replaces files of any path that a person wrote: a device or a pipe neither hangs nor fills the memory."""

from __future__ import annotations

import codecs
import errno
import os
import stat
import tempfile
from pathlib import Path

LARGEST = 64 << 20


def read_bounded(path: Path, largest: int = LARGEST) -> bytes:
    """The content of a file. Raises OSError, also for one with more than ``largest`` bytes.

    Without a writer, a named pipe is empty.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a NUL, or half of a character
        raise OSError(errno.EINVAL, "no file can have this name") from error
    with os.fdopen(descriptor, "rb") as file:
        os.set_blocking(descriptor, True)
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(errno.EFBIG, f"larger than {largest} bytes", str(path))
    return content


def read_bounded_text(path: Path, encoding: str = "utf-8", errors: str = "strict", largest: int = LARGEST) -> str:
    """The text of a file, with the line ends of Unix. Raises OSError and UnicodeDecodeError."""
    return read_bounded(path, largest).decode(encoding, errors).replace("\r\n", "\n").replace("\r", "\n")


def encoded_like(text: str, data: bytes) -> bytes:
    """The bytes of a text, with the byte order mark and the line ends that the file with ``data`` has."""
    found = text.encode("utf-8-sig" if data.startswith(codecs.BOM_UTF8) else "utf-8")
    return found.replace(b"\n", b"\r\n") if b"\r\n" in data else found


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file's content at once, behind a link if it is one: a crash leaves either. Raises OSError."""
    target = path.resolve()
    mode = stat.S_IMODE(target.stat().st_mode)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        draft = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            draft.chmod(mode)
            draft.replace(target)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
