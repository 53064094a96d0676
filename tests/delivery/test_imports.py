"""Channels, the values of a delivery and the journal's protocols are imported without SQLite."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT_SQLITE = (
    "bridge.delivery",
    "bridge.channels",
    "bridge.channels.contract",
    "bridge.channels.registry",
    "bridge.courier.courier",
    "bridge.journal.opening",
)


@pytest.mark.parametrize("module", WITHOUT_SQLITE)
def test_it_is_imported_without_sqlite(module: str) -> None:
    """A channel must be usable without a journal, and the engine is chosen only when a journal is opened."""
    code = f"import sys, {module}; sys.exit('sqlite3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
