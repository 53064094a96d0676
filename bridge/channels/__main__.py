"""Checks URLs of Apprise's channels in a separate process, so that Apprise is never loaded into the router.

Reads ``{"channels": {"NAME": "URL"}, "extras": …, "labels": …, "allow": …}`` from standard input and writes
``{"NAME": "problem"}`` for each URL that cannot be used.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from bridge.channels.native.local.allowed import from_settings
from bridge.channels.registry import problem_with
from bridge.delivery.extras import NO_EXTRAS, extras_from


def main() -> int:
    """Check every URL; always exits with 0."""
    logging.disable(logging.CRITICAL)  # Apprise logs tokens in its warnings.
    settings: dict[str, Any] = json.load(sys.stdin)
    labels, allowed = settings["labels"], from_settings(settings["allow"])
    extras = extras_from(settings["extras"])
    results = {
        name: problem_with(url, labels, allowed, extras.get(name, NO_EXTRAS))
        for name, url in settings["channels"].items()
    }
    problems = {name: problem for name, problem in results.items() if problem is not None}
    json.dump(problems, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
