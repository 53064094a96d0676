"""Runs the command as a user types it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ALERTS = ROOT / "examples" / "quickstart" / "alerts.jsonl"
ROUTES = ROOT / "examples" / "quickstart" / "quickstart.route"
RULES = """
- list: shells
  items: [bash, sh]
- macro: spawned
  condition: evt.type = execve
- rule: Shell
  condition: spawned and proc.name in (shells)
  output: shell (user=%user.name)
  priority: NOTICE
- rule: Other
  condition: spawned
  output: other (user=%user.name ns=%k8s.ns.name)
  priority: ERROR
"""
"""Two rules of a Falco rules file."""


def run(*arguments: object, cwd: Path = ROOT, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``falco-bridge`` with these arguments. ``given`` is its standard input."""
    return subprocess.run(
        [sys.executable, "-m", "bridge", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=60,
        check=False, input=given,
    )  # fmt: skip
