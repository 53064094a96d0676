"""The long-running processes load structlog without rich."""

from __future__ import annotations

import subprocess
import sys

import pytest

IMPORT = "from bridge.common.structlog_import import import_structlog; import_structlog(); import sys, structlog\n"


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", IMPORT + code], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("module", ["bridge.daemon.process", "bridge.courier.courier", "bridge.history.index.indexer"])
def test_no_module_of_a_long_running_process_loads_rich(module: str) -> None:
    assert run(f"import {module}; print('rich' in sys.modules)") == "False\n"


def test_listening_needs_no_structlog() -> None:
    code = "import bridge.daemon.start, sys; print('structlog' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"


def test_rich_can_be_imported_afterwards() -> None:
    assert run("import rich.console; print(rich.console.Console is not None)") == "True\n"


def test_exceptions_are_logged_as_before() -> None:
    """In both formats, with the traceback in text."""
    code = """
from bridge.common.log_setup import configure_logging
for format_ in ("console", "json"):
    configure_logging("info", format_, frozenset(), sys.stdout)
    try:
        1 / 0
    except ZeroDivisionError:
        structlog.get_logger("x").exception("failed")
"""
    plain = run(code)
    assert plain.count("failed") == 2
    assert plain.count("Traceback (most recent call last)") == 2
    assert plain.count("ZeroDivisionError: division by zero") == 2
