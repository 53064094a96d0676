"""Sends alerts to a running bridge, or writes them to its spool. Used by ``falco-bridge send``.

Falco starts that command for every alert, so this module imports very little.
"""

from __future__ import annotations

import os
import socket
import stat
import time

MAX_BYTES = 8 << 20
"""The limit for one request, and for one file in the spool."""
MAX_FILES = 10_000
MAX_SPOOL_BYTES = 256 << 20
"""A spool of this size accepts no more files, so that its writers cannot fill the disk."""
UNFINISHED = "."
"""The prefix of files in the spool that are being written."""

ACCEPTED, REJECTED, TOO_LARGE, TOO_SLOW = "200", "400", "413", "408"
"""How an answer begins. ACCEPTED: everything is committed. REJECTED: something is not an alert, and was quarantined."""


class UnreachedError(Exception):
    """No bridge accepted the alerts. The text names the cause."""


class SpoolError(Exception):
    """The spool did not accept the alerts. The text names the cause and the remedy."""


def send_alerts(path: str, alerts: bytes, seconds: float) -> str:
    """Send alerts to the bridge at ``path``. Returns its answer, sent after the commit. Raises UnreachedError."""
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
    if not answer.startswith((ACCEPTED, REJECTED, TOO_LARGE)):
        raise UnreachedError(answer.partition(" ")[2] or f"the bridge at {path} closed the connection")
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
        return f"no permission to open {path}; add this user to the group of the socket"
    if isinstance(error, TimeoutError):
        return f"the bridge at {path} has not committed the alerts within {seconds:g} s"
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        return f"no bridge listens at {path}"
    return f"{path} cannot be reached ({error.strerror or error})"


def write_to_spool(
    folder: str, alerts: bytes, max_files: int = MAX_FILES, max_spool_bytes: int = MAX_SPOOL_BYTES
) -> None:
    """Write alerts to a new file in the spool, synced to the disk. Raises SpoolError."""
    try:
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise SpoolError(f"the spool {folder} cannot be opened ({error.strerror}); {_remedy(error)}") from error
    try:
        if os.fstat(directory).st_mode & stat.S_IWOTH:
            raise SpoolError(f"every user can write to the spool {folder}; run: chmod o-w {folder}")
        _check_room(folder, directory, max_files, max_spool_bytes - len(alerts))
        _write(directory, alerts)
    except OSError as error:
        raise SpoolError(
            f"the spool {folder} cannot be written ({error.strerror}); check its disk and its group"
        ) from error
    finally:
        os.close(directory)


def _remedy(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the bridge creates it when it starts with a `socket` source"
    return "it must be a folder, and this user must be in its group"


_ENTRIES_PER_FILE = 4
"""How many entries of any kind the folder may hold for each file that it may hold."""


def _check_room(folder: str, directory: int, max_files: int, max_size: int) -> None:
    """Raise SpoolError if the spool is full. Folders and the like do not count as files."""
    files = size = unfinished = other = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                files += 1
                unfinished += entry.name.startswith(UNFINISHED)
                size += entry.stat(follow_symlinks=False).st_size
            else:
                other += 1
            if files >= max_files or size > max_size:
                remedy = "remove the unfinished ones" if unfinished > files // 2 else "start the bridge to empty it"
                raise SpoolError(
                    f"the spool {folder} is full ({files} files, {unfinished} of them unfinished, {size} bytes); "
                    f"{remedy}"
                )
            if other >= max_files * _ENTRIES_PER_FILE:
                raise SpoolError(
                    f"the spool {folder} holds {other} folders, links or other entries, which the bridge does not "
                    "read; remove them"
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
    """Let the bridge read the file, whatever the writer's user and umask."""
    if os.geteuid() == 0:
        owner = os.fstat(directory)
        os.fchown(file, owner.st_uid, owner.st_gid)
    os.fchmod(file, 0o640)
