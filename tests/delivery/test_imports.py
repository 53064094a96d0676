"""Channels and the values of a delivery know nothing about SQLite."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT_SQLITE = ("bridge.delivery", "bridge.channels", "bridge.channels.contract", "bridge.channels.registry")


@pytest.mark.parametrize("module", WITHOUT_SQLITE)
def test_it_is_imported_without_sqlite(module: str) -> None:
    """A channel must be usable where no journal is, and starts faster without it."""
    code = f"import sys, {module}; sys.exit('sqlite3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
