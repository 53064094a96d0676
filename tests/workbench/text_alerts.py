"""A text alert that only Falco's rules can complete, recorded as JSON: what offline tools must complete as intake does."""

from __future__ import annotations

from pathlib import Path

import msgspec

RULES = """
- rule: Shell
  condition: evt.type = execve
  output: shell (user=%user.name command=%proc.cmdline)
  priority: NOTICE
"""
ROUTES = 'import falco "rules.yaml"\nroute "root" { when rule = Shell and user.name = root to pager }\n'
LINE = msgspec.json.encode(
    {
        "time": "2026-01-05T12:00:00Z",
        "priority": "Notice",
        "output": "12:00:00.000000000: Notice shell (user=root command=ls)",
    }
)
"""An alert without rule or fields, as a journal holds it that was written before the rules were imported."""


def write_routes(folder: Path) -> Path:
    """The route file, with the rules that it imports beside it."""
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    path = folder / "a.route"
    path.write_text(ROUTES, encoding="utf-8")
    return path
