"""Ids on the command line: errors that show the right verb for an id of another kind."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from bridge.common.files.presence import exists

_KINDS = (
    ("a dead letter", re.compile(r"\d{1,18}"), "falco-bridge dead show {}"),
    ("a quarantined message", re.compile(r"\d{1,18}"), "falco-bridge quarantine show {}"),
    ("a silence", re.compile(r"[0-9a-f]{8}"), "falco-bridge silence list"),
    ("an incident", re.compile(r"[0-9a-f]{16}"), "falco-bridge incidents"),
    ("an alert", re.compile(r"[0-9a-f]{4,32}"), "falco-bridge show {}"),
)
"""What has an id, how that is written, and the command that shows it."""
_IDS = re.compile(r"[0-9a-f]{4,32}")
_LARGEST = 1 << 63


def other_kinds(text: str, kind: str) -> str:
    """What else a text may be the id of, and how that is shown: the end of an error's sentence. Empty for nothing."""
    written = text.strip().lower()
    found = [
        f"of {name} ({command.format(written)})"
        for name, form, command in _KINDS
        if name != kind and form.fullmatch(written)
    ]
    return f"; it may be the id {' or '.join(found)}" if found else ""


def written(what: str) -> Callable[[str], str]:
    """The type of an argument that is not blank."""

    def parse(text: str) -> str:
        if text.strip():
            return text
        raise argparse.ArgumentTypeError(f"write {what}: it is empty")

    return parse


def number_of(kind: str, verb: str) -> Callable[[str], int]:
    """The type of an argument that is the number of such a thing; ``verb`` lists them."""

    def parse(text: str) -> int:
        written = text.strip()
        if written.isascii() and written.isdigit() and int(written[:20]) < _LARGEST:
            return int(written)
        raise argparse.ArgumentTypeError(
            f"{text[:40]!a} is not the number of {kind}; {verb} lists them{other_kinds(text, kind)}"
        )

    return parse


def ids_among(files: Iterable[object]) -> list[str]:
    """Those of these file names that are no files, and look like ids of alerts."""
    named = [str(each) for each in files]
    return [each for each in named if _IDS.fullmatch(each.lower()) and not exists(Path(each))]
