"""What a user without rights meets, in a fork of this process. Only root can become another user."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

OTHER_USER = 65534


def as_other_user(act: Callable[[], str]) -> str:
    """What the function returns, or the error that it raises, for that user."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgid(OTHER_USER)
            os.setuid(OTHER_USER)
            os.write(write, act().encode())
        except BaseException as error:  # noqa: BLE001  # the parent asserts on it
            os.write(write, repr(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text


def open_to_others(folder: Path) -> None:
    """Let that user into a folder of this test, and into those in which it is."""
    for each in (folder, *folder.parents):
        if each.stat().st_mode & 0o005 != 0o005:
            each.chmod(each.stat().st_mode | 0o005)
