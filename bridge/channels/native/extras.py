"""Libraries that only some channels need: whether one is installed, and the command that installs it."""

from __future__ import annotations

import shlex
import sys
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec

from bridge.channels.errors import ChannelError

_PACKAGE = "falco-bridge"


def require(module: str, extra: str) -> None:
    """Check that the library of an extra of the package is installed, without importing it. Raises ChannelError."""
    if find_spec(module) is None:
        raise ChannelError(f"needs a library that is not installed; run: {install_command(extra)}")


def install_command(extra: str) -> str:
    """The command that installs the requirements of an extra into the environment of this process."""
    return shlex.join([sys.executable, "-m", "pip", "install", *_requirements(extra)])


def _requirements(extra: str) -> list[str]:
    try:
        declared = requires(_PACKAGE) or []
    except PackageNotFoundError:  # run from a checkout
        declared = []
    pairs = (each.partition(";") for each in declared)
    found = [
        requirement.strip()
        for requirement, _, marker in pairs
        if marker.replace("'", '"').strip() == f'extra == "{extra}"'
    ]
    return found or [f"{_PACKAGE}[{extra}]"]
