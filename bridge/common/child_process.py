"""Child processes of a bridge: they run modules of this package, and end with the bridge."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_NEEDED = frozenset({"PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH"})
"""Variables that a process may need although the config names them too."""
_EXIT_SECONDS = 5.0


def start_python(
    module: str,
    *,
    stdout: int | None = None,
    stderr: int | None = None,
    without: Collection[str] = (),
    inherited: Collection[int] = (),
) -> subprocess.Popen[bytes]:
    """Run a module of this package with a pipe to its standard input, in a process group of its own.

    ``without`` are environment variables that it does not get, ``inherited`` descriptors that it does. This package is
    found first, and the working folder, which may belong to anyone, is not searched.
    """
    environ = {name: value for name, value in os.environ.items() if name not in without or name in _NEEDED}
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(  # noqa: S603  # our own interpreter, fixed arguments
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        bufsize=0,
        env=environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))},
        process_group=0,  # the bridge handles Ctrl-C
        pass_fds=tuple(inherited),
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Close its standard input, at which it ends; kill it if it does not."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(_EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
