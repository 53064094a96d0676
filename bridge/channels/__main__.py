"""Checks URLs of Apprise's channels in a separate process, so that Apprise is never loaded into the router.

Reads ``{"channels": {"NAME": "URL"}, "labels": …, "allow": …}`` from standard input and writes
``{"NAME": "problem"}`` for each URL that cannot be used.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from bridge.channels.native.allowed import from_settings
from bridge.channels.registry import problem_with


def main() -> int:
    """Check every URL; always exits with 0."""
    logging.disable(logging.CRITICAL)  # Apprise logs tokens in its warnings.
    settings: dict[str, Any] = json.load(sys.stdin)
    labels, allowed = settings["labels"], from_settings(settings["allow"])
    results = {name: problem_with(url, labels, allowed) for name, url in settings["channels"].items()}
    problems = {name: problem for name, problem in results.items() if problem is not None}
    json.dump(problems, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
