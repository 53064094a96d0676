"""What importing the channels loads: Apprise and HTTP clients only when a channel needs them."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("apprise", "requests", "urllib3", "sqlite3", "grpc", "bridge.journal")


@pytest.mark.parametrize("module", ["bridge.channels", "bridge.channels.contract", "bridge.channels.registry"])
def test_importing_channels_loads_nothing_heavy(module: str) -> None:
    """The router checks and describes channels without the memory of Apprise."""
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
