"""The command that installs the libraries of an optional feature."""

from __future__ import annotations

import shlex
import sys
from importlib.metadata import PackageNotFoundError, requires

_PACKAGE = "falco-bridge"


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
    return found or [f".[{extra}]"]
