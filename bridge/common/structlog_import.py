"""Imports structlog without rich.

structlog imports it where it is installed, to format tracebacks. The bridge formats them itself
(``log_setup.py``), and rich takes a twentieth of a start.
"""

from __future__ import annotations

import sys
from importlib import import_module


def import_structlog() -> None:
    """Import structlog. Comes before anything that imports it, while no other thread imports."""
    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # makes its import fail
    try:
        import_module("structlog")
    finally:
        del sys.modules["rich"]
