"""Exit codes of the running bridge. docs/operations.md explains them."""

from __future__ import annotations

STOPPED = 0
"""Everything that was read is stored."""
FAILED = 1
"""The journal failed, or the bridge stopped before everything that was read could be stored. Start it again."""
INVALID = 2
"""The text of the config or of a route must be changed. The command line has the same code."""
CANNOT_START = 3
"""Something else keeps the bridge from starting: a port, the disk, a lock, a missing file. Start it again."""
