"""Listens at unix sockets that are private from the start. Replaces a stale socket, and never one that is in use."""

from __future__ import annotations

import grp
import os
import socket
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

from bridge.common.errors import SetupError

MAX_PATH_BYTES = 107
"""The size of ``sun_path`` without its terminating zero, see unix(7)."""
_PRIVATE = 0o600
_SHARED = 0o660
_PROBE_SECONDS = 2.0
_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end of a connection."""

    pid: int
    uid: int


def peer_of(connection: socket.socket) -> Peer:
    """The process that connected, as the kernel reports it (SO_PEERCRED)."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _gid = _CREDENTIALS.unpack(raw)
    return Peer(pid, uid)


@dataclass(slots=True)
class UnixListener:
    """A socket that listens at a path."""

    socket: socket.socket
    path: Path
    keep_path: bool = False
    """Leave the path when it is closed: another process listens at it, or it is removed already."""

    def close(self) -> None:
        """Stop listening, and remove the path. Can be called twice."""
        if self.socket.fileno() >= 0:
            self.remove_path()
            self.socket.close()

    def remove_path(self) -> None:
        """Accept no more connections, where no other process listens at the path."""
        if not self.keep_path:
            self.keep_path = True  # from now on, it may be another's
            self.path.unlink(missing_ok=True)


def too_long(path: Path) -> str:
    """The error message for a path that is too long for a socket, or an empty text."""
    size = len(os.fsencode(path))
    if size <= MAX_PATH_BYTES:
        return ""
    return f"the path of a unix socket has at most {MAX_PATH_BYTES} bytes, and {path} has {size}"


def group_number(group: str) -> int:
    """The group's number. Raises SetupError if there is no such group."""
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise SetupError(f"there is no group {group}; create it (groupadd --system {group}), or name another") from None


def listen(path: Path, group: str = "") -> socket.socket:
    """Listen at ``path`` with mode 0600, or 0660 for the members of ``group``. Raises SetupError.

    A socket left by a killed bridge is replaced. A socket that is in use, or a file that is not a socket, is an error
    and is not changed.
    """
    sentence = too_long(path)
    if sentence:
        raise SetupError(f"{sentence}; choose a shorter one")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listener.fileno(), _PRIVATE)  # bind gives the file this mode, so it is never open to others
        _bind(listener, path)
        if group:
            _share(path, group)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise SetupError(f"cannot listen at {path}: {error.strerror or error}; {_remedy(error, path)}") from error
    except SetupError:
        listener.close()
        raise
    return listener


def listen_unix(path: Path, group: str = "") -> UnixListener:
    """As ``listen``, with the path."""
    return UnixListener(listen(path, group), path)


def set_group(path: Path, group: str) -> None:
    """Open a socket that listens already for the members of ``group``, or only for its own user. Raises SetupError."""
    try:
        if group:
            _share(path, group)
        else:
            path.chmod(_PRIVATE)
    except OSError as error:
        raise SetupError(f"cannot change {path}: {error.strerror or error}; {_remedy(error, path)}") from error


def _bind(listener: socket.socket, path: Path) -> None:
    if os.path.lexists(path):
        _clear(path)
    listener.bind(str(path))


def _clear(path: Path) -> None:
    """Remove a stale socket."""
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise SetupError(f"{path} is not a socket and was not changed; move it, or choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except TimeoutError:
            pass
    raise SetupError(f"another program listens at {path}; stop it, or choose another path")


def _share(path: Path, group: str) -> None:
    os.chown(path, -1, group_number(group), follow_symlinks=False)
    path.chmod(_SHARED)


def _remedy(error: OSError, path: Path) -> str:
    if isinstance(error, FileNotFoundError):
        return f"create the folder {path.parent}, or choose another path"
    return f"the user that runs the bridge must be able to write to {path.parent}, and be in the socket's group"
