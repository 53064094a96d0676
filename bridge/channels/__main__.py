"""Checks channel URLs in a process of its own, so that Apprise never lives in the router's memory.

Reads ``{"channels": {"NAME": "URL"}, "labels": …, "allow": …}`` from standard input, writes ``{"NAME": "problem"}``
for those that make no channel.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from bridge.channels.native.allowed import from_settings
from bridge.channels.registry import problem_with


def main() -> int:
    """Check them all."""
    logging.disable(logging.CRITICAL)  # Apprise names tokens in its warnings
    settings: dict[str, Any] = json.load(sys.stdin)
    labels, allowed = settings["labels"], from_settings(settings["allow"])
    told = {name: problem_with(url, labels, allowed) for name, url in settings["channels"].items()}
    problems = {name: problem for name, problem in told.items() if problem is not None}
    json.dump(problems, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
