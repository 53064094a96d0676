"""``python -m bench.console_visitors URL TOKEN``: one visitor watches the tail, one searches without a pause."""

from __future__ import annotations

import sys
import threading
from itertools import cycle
from urllib.parse import urlencode

import requests

_SEARCHES = (
    {"condition": "k8s.ns.name = team-3 and user.name = root"},
    {"words": "curl shadow"},
    {"rule": "Rule number 7 of the stock rules"},
    {"condition": 'proc.cmdline contains "job77"'},
    {"condition": "priority <= error"},
)


def main() -> None:
    """Runs until it is killed. Prints a line once both have begun."""
    url, token = sys.argv[1:3]
    begun = threading.Barrier(3)

    def signed_in() -> requests.Session:
        visitor = requests.Session()
        visitor.post(f"{url}/sign-in", {"token": token}, timeout=60).raise_for_status()
        return visitor

    def watch() -> None:
        with signed_in().get(f"{url}/tail/events", stream=True, timeout=600) as answer:
            lines = answer.iter_lines()
            next(lines)
            begun.wait()
            for _ in lines:
                pass

    def search() -> None:
        visitor = signed_in()
        begun.wait()
        for question in cycle(_SEARCHES):
            visitor.get(f"{url}/search?{urlencode(question)}", timeout=60)

    for visit in (watch, search):
        threading.Thread(target=visit, daemon=True).start()
    begun.wait()
    print("begun", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
