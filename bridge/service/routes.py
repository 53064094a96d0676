"""Reading ``.route`` files and what they import from the disk, and everything that can be said of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bridge.language import Checked, Known, Source, check
from bridge.language.diagnostic import by_place
from bridge.language.falco_rules import FalcoRules, read_rules, read_together
from bridge.matching.lint import lint


class RoutesError(Exception):
    """A file cannot be read; the text names it and the way out."""


@dataclass(frozen=True, slots=True)
class LoadedRoutes:
    """Checked route files with their text, for messages that quote it."""

    checked: Checked
    sources: Mapping[str, Source]
    rules: FalcoRules | None = None
    """Falco's, of ``--rules`` and of every ``import falco`` together."""


def load_routes(paths: Sequence[Path], known: Known | None = None, rules: Sequence[Path] = ()) -> LoadedRoutes:
    """Read and check route files, in this order, with Falco's rules files where there are any.

    Raises RoutesError where a file cannot be read.
    """
    known = known or Known(channels=None, labels=None)
    if rules:
        found = read_rules(tuple(_read(path) for path in rules))
        if isinstance(found, str):
            raise RoutesError(f"{found}; give --rules a rules file of Falco's")
        known = replace(known, rules=found)
    checked = check([_read(path) for path in paths], known, read_import)
    all_rules = _all_rules(checked, known)
    odd = lint(checked.understood, all_rules)
    checked = replace(checked, diagnostics=tuple(sorted((*checked.diagnostics, *odd), key=by_place)))
    return LoadedRoutes(checked, checked.sources, all_rules)


def read_import(importer: str, written: str) -> Source | str:
    """The file that ``importer`` names, relative to itself; or why it cannot be read."""
    path = Path(os.path.normpath(Path(importer).parent / written))
    try:
        return _read(path)
    except RoutesError as error:
        return str(error)


def conditions_of(loaded: LoadedRoutes) -> dict[str, str]:
    """The source text of each route's condition, by the route's name."""
    program = loaded.checked.program
    texts: dict[str, str] = {}
    for route in () if program is None else program.routes:
        if route.when is not None:
            span = route.when.span
            texts[route.name] = " ".join(loaded.sources[span.path].text[span.start : span.end].split())
    return texts


def _read(path: Path) -> Source:
    try:
        return Source(os.path.normpath(path), path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RoutesError(f"{path}: cannot be read ({error.strerror}); is the name right?") from error
    except UnicodeDecodeError as error:
        raise RoutesError(f"{path}: is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from error


def _all_rules(checked: Checked, known: Known) -> FalcoRules | None:
    imported = [] if checked.gathered is None else [file.rules for file in checked.gathered.files.values()]
    every = [rules for rules in (known.rules, *imported) if rules is not None]
    together = read_together(every)
    return together if every and isinstance(together, FalcoRules) else None
