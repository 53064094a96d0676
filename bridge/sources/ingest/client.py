"""Hands alerts to a running bridge, or leaves them in its spool: ``falco-bridge send``, a process an alert.

It is started for every alert, so it imports next to nothing.
"""

from __future__ import annotations

import os
import socket
import stat
import time

MAX_BYTES = 8 << 20
"""Bytes that one hand-over, or one file in the spool, may hold."""
MAX_FILES = 10_000
MAX_SPOOL_BYTES = 256 << 20
"""A spool that holds so much takes no more: whoever fills it must not fill the disk."""
UNFINISHED = "."
"""Names in the spool that begin so are still being written."""

ACCEPTED, REFUSED, TOO_LARGE, TOO_SLOW = "200", "400", "413", "408"
"""How an answer begins. Progress: all is committed; rejected: something is no alert, and was kept aside."""


class UnreachedError(Exception):
    """No bridge committed it; the text says why."""


class SpoolError(Exception):
    """The spool did not take it; the text says why, and the way out."""


def send_alerts(path: str, alerts: bytes, seconds: float) -> str:
    """The bridge's answer, once it has committed them. Raises UnreachedError."""
    deadline = time.monotonic() + seconds
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.settimeout(seconds)
            connection.connect(path)
            connection.sendall(alerts)
            connection.shutdown(socket.SHUT_WR)
            answer = _read_answer(connection, deadline)
        except OSError as error:
            raise UnreachedError(_describe(path, error, seconds)) from error
    if not answer.startswith((ACCEPTED, REFUSED, TOO_LARGE)):
        raise UnreachedError(answer.partition(" ")[2] or f"what listens at {path} hung up")
    return answer


def _read_answer(connection: socket.socket, deadline: float) -> str:
    answer = b""
    while not answer.endswith(b"\n") and len(answer) < 4096:
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        data = connection.recv(4096)
        if not data:
            break
        answer += data
    return answer.decode("utf-8", "replace").strip()


def _describe(path: str, error: OSError, seconds: float) -> str:
    if isinstance(error, PermissionError):
        return f"{path} may not be opened; this user must be in the group of the socket"
    if isinstance(error, TimeoutError):
        return f"the bridge at {path} has not committed it within {seconds:g} s"
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        return f"no bridge listens at {path}"
    return f"{path} cannot be reached ({error.strerror or error})"


def write_to_spool(folder: str, alerts: bytes) -> None:
    """Write them down there, whole and on the disk once this returns. Raises SpoolError."""
    try:
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise SpoolError(f"the spool {folder} cannot be opened ({error.strerror}); {_remedy(error)}") from error
    try:
        _check(directory, folder, len(alerts))
        _write(directory, alerts)
    except OSError as error:
        raise SpoolError(f"the spool {folder} takes nothing ({error.strerror}); look at its disk and group") from error
    finally:
        os.close(directory)


def _remedy(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the bridge makes it when it starts with `socket` among its sources"
    return "it must be a folder, and this user in its group"


def _check(directory: int, folder: str, size: int) -> None:
    if os.fstat(directory).st_mode & stat.S_IWOTH:
        raise SpoolError(f"anybody may write to the spool {folder}; take that away: chmod o-w {folder}")
    files = held = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            files += 1
            if files >= MAX_FILES:
                break
            held += entry.stat(follow_symlinks=False).st_size
    if files >= MAX_FILES or held + size > MAX_SPOOL_BYTES:
        raise SpoolError(
            f"the spool {folder} is full ({files} files, {held} bytes); start the bridge, which empties it"
        )


def _write(directory: int, alerts: bytes) -> None:
    name = f"{time.time_ns():020d}-{os.getpid()}-{os.urandom(4).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(UNFINISHED + name, flags, 0o640, dir_fd=directory)
    try:
        _set_owner(file, directory)
        view = memoryview(alerts)
        while view:
            view = view[os.write(file, view) :]
        os.fsync(file)
        os.rename(UNFINISHED + name, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        os.unlink(UNFINISHED + name, dir_fd=directory)
        raise
    finally:
        os.close(file)
    os.fsync(directory)


def _set_owner(file: int, directory: int) -> None:
    """The bridge must be able to read it, whoever wrote it and whatever the umask."""
    if os.geteuid() == 0:
        owner = os.fstat(directory)
        os.fchown(file, owner.st_uid, owner.st_gid)
    os.fchmod(file, 0o640)
