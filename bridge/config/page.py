"""Writes the tables of ``docs/config.md`` from the schema: ``python -m bridge.config.page docs/config.md``."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from bridge.config.schema.keys import Section, keys_of
from bridge.config.schema.tree import default_of, sections

_BLOCK = re.compile(r"(<!-- keys of (?P<place>[\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_ROOT = "config"


def with_tables(page: str) -> str:
    """The page with each of its tables as the schema says. Raises KeyError for a place that is no section."""
    known = {place or _ROOT: section for place, section in sections().items()}
    return _BLOCK.sub(lambda match: f"{match[1]}{table(known[match['place']])}{match[3]}", page)


def places_in(page: str) -> list[str]:
    """The sections that the page has tables of."""
    return ["" if match["place"] == _ROOT else match["place"] for match in _BLOCK.finditer(page)]


def table(section: type[Section]) -> str:
    """The keys of a section, in Markdown."""
    lines = ["| key | meaning | default | example |", "|---|---|---|---|"]
    for key in keys_of(section):
        default = "**required**" if key.required else default_of(key)
        lines.append(f"| `{key.name}` | {key.description} | {default} | `{key.example}` |")
    return "".join(f"{line}\n" for line in lines)


def main() -> int:
    """Update the page; with ``--check``, only say whether it is current. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bridge.config.page", description="Updates the tables of a page.")
    parser.add_argument("page", type=Path)
    parser.add_argument("--check", action="store_true", help="exit with 1 if the page is not current")
    args = parser.parse_args()
    written = args.page.read_text(encoding="utf-8")
    current = with_tables(written)
    if args.check:
        if written != current:
            print(f"{args.page} is not current; run `make docs`", file=sys.stderr)  # noqa: T201  # for make check
        return int(written != current)
    args.page.write_text(current, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
