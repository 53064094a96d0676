"""Libraries that only some channels need: whether one is installed."""

from __future__ import annotations

from importlib.util import find_spec

from bridge.channels.errors import ChannelError
from bridge.common.extras import install_command


def require(module: str, extra: str) -> None:
    """Check that the library of an extra of the package is installed, without importing it. Raises ChannelError."""
    if find_spec(module) is None:
        raise ChannelError(f"needs a library that is not installed; run: {install_command(extra)}")
