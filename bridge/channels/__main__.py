"""Checks channel URLs in a process of its own, so that Apprise never lives in the router's memory.

Reads ``{"NAME": "URL"}`` from standard input, writes ``{"NAME": "problem"}`` for those that make no channel.
"""

from __future__ import annotations

import json
import logging
import sys

from bridge.channels.registry import problem_with


def main() -> int:
    """Check them all."""
    logging.disable(logging.CRITICAL)  # Apprise names tokens in its warnings
    urls: dict[str, str] = json.load(sys.stdin)
    problems = {name: problem for name, url in urls.items() if (problem := problem_with(url)) is not None}
    json.dump(problems, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
