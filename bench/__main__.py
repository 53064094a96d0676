"""``python -m bench [NAME ...] [--postgres] [--json FILE]``: runs benchmarks, prints tables, saves them as JSON."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
from pathlib import Path

import structlog

from bench.figures import Figure, as_json, as_table
from bench.recorded import POSTGRES

_BENCHES = (
    "journal",
    "upkeep",
    "parsing",
    "matching",
    "worst",
    "grpc_reading",
    "http",
    "files",
    "commits",
    "end_to_end",
    "fairness",
    "start",
    "idle",
    "memory",
    "remembering",
    "editor",
    "terminal",
    "replay",
    "history",
    "console",
    "delivery",
    "latency",
    "in_and_out",
    "sizing",
    "postgres",
    "fleet",
)


def main() -> None:
    """Run the named benchmarks, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure falco-bridge on this machine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to run (all): {', '.join(_BENCHES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the figures as JSON")
    parser.add_argument("--postgres", action="store_true", help="for history and console: a journal in PostgreSQL")
    arguments = parser.parse_args()
    if arguments.postgres:
        os.environ[POSTGRES] = "1"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each process would compile all modules, as users' do only once
    # Generated alerts report dropped events; those warnings would interrupt the tables.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    measured: list[Figure] = []
    for name in arguments.names or _BENCHES:
        here = list(importlib.import_module(f"bench.{name}").figures())
        print(f"\n{name}\n{as_table(here)}", flush=True)
        measured += here
    if arguments.json:
        arguments.json.write_text(as_json(measured) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
