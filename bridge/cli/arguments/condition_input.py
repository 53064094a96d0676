"""Conditions and names of fields, as several verbs take them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence


def condition_text(argument: str) -> str:
    """The argument with bytes that are not UTF-8 replaced, as in alerts."""
    return os.fsencode(argument).decode("utf-8", "replace")


def field_names(text: str) -> list[str]:
    """The names in ``proc.name,user.name``."""
    names = [name.strip() for name in condition_text(text).split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("name fields: --fields proc.name,user.name")
    return names


def are_fields(names: Sequence[str]) -> bool:
    """Whether each name can be a field. A misspelt name is an error, because its column would always be empty."""
    from bridge.language.checker.check import check_condition
    from bridge.language.checker.scope import Known
    from bridge.language.diagnostics.render import render_text
    from bridge.language.diagnostics.source import SourceText

    valid = True
    for name in names:
        if name == "id":
            continue
        source = SourceText("--fields", f"{name} exists")
        checked = check_condition(source, Known(None, None))
        if isinstance(checked, tuple):
            print(render_text(checked, {source.path: source}).rstrip(), file=sys.stderr)
            valid = False
    return valid
