"""Works with a service manager such as systemd: sockets that it passes on, and the messages that it expects.

The protocols are sd_listen_fds(3) and sd_notify(3).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, MutableMapping
from contextlib import suppress

_FIRST_DESCRIPTOR = 3
_LARGEST_COUNT = 1024


def activated_sockets(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """The sockets that the service manager listens on for this process. The variables are removed from ``environ``."""
    process, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if process != str(os.getpid()) or not count.isdecimal() or int(count) > _LARGEST_COUNT:
        return []
    return adopted(range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + int(count)))


def adopted(descriptors: Iterable[int]) -> list[socket.socket]:
    """The stream sockets among these descriptors that listen. Child processes do not inherit them."""
    found: list[socket.socket] = []
    for each in descriptors:
        with suppress(OSError):
            os.set_inheritable(each, False)
            adopting = socket.socket(fileno=each)
            if not adopting.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) or adopting.type != socket.SOCK_STREAM:
                adopting.detach()
                continue
            adopting.setblocking(False)
            found.append(adopting)
    return found


def notify(message: str) -> None:
    """Send a message such as ``READY=1`` to the service manager. Does nothing where there is none."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
        sending.connect(path)
        sending.sendall(message.encode())
