"""Reading ``.route`` files and what they import from the disk, and everything that can be said of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bridge.language.checker.check import Checked, check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, by_place
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.falco.rules import FalcoRules, read_rules, read_together
from bridge.matching.analysis.lint import lint


@dataclass(frozen=True, slots=True)
class LoadedRoutes:
    """Checked route files with their text, for messages that quote it."""

    checked: Checked
    sources: Mapping[str, SourceText]
    rules: FalcoRules | None = None
    """Falco's, of ``--rules`` and of every ``import falco`` together."""


def load_routes(paths: Sequence[Path], known: Known | None = None, rules: Sequence[Path] = ()) -> LoadedRoutes:
    """Read and check route files, in this order, with Falco's rules files where there are any.

    One that cannot be read is a diagnostic like any other, and the others are checked all the same.
    """
    known = known or Known(channels=None, labels=None)
    unread: list[Diagnostic] = []
    if rules:
        known = replace(known, rules=_read_rules(rules, unread))
    checked = check(_readable(paths, unread), known, read_import)
    all_rules = _all_rules(checked, known)
    lacking = any(each.code is Code.CANNOT_IMPORT for each in (*checked.diagnostics, *unread))
    odd = [] if lacking else lint(checked.understood, all_rules)
    diagnostics = tuple(sorted((*checked.diagnostics, *odd, *unread), key=by_place))
    program = None if unread else checked.program
    return LoadedRoutes(replace(checked, program=program, diagnostics=diagnostics), checked.sources, all_rules)


def read_import(importer: str, written: str) -> SourceText | str:
    """The file that ``importer`` names, relative to itself; or why it cannot be read."""
    return _read(Path(os.path.normpath(Path(importer).parent / written)))


def conditions_of(loaded: LoadedRoutes) -> dict[str, str]:
    """The source text of each route's condition, by the route's name."""
    program = loaded.checked.program
    texts: dict[str, str] = {}
    for route in () if program is None else program.routes:
        if route.when is not None:
            span = route.when.span
            texts[route.name] = " ".join(loaded.sources[span.path].text[span.start : span.end].split())
    return texts


def _read_rules(paths: Sequence[Path], unread: list[Diagnostic]) -> FalcoRules | None:
    sources = _readable(paths, unread)
    found = read_rules(tuple(sources))
    if isinstance(found, FalcoRules):
        return found
    for source in sources:
        said = read_rules((source,))
        if isinstance(said, str):
            unread.append(_cannot_import(Path(source.path), f"{said}; give --rules a rules file of Falco's"))
    return None


def _readable(paths: Sequence[Path], unread: list[Diagnostic]) -> list[SourceText]:
    found = [(path, _read(path)) for path in paths]
    unread += [_cannot_import(path, said) for path, said in found if isinstance(said, str)]
    return [source for _, source in found if isinstance(source, SourceText)]


def _cannot_import(path: Path, said: str) -> Diagnostic:
    return Diagnostic(Code.CANNOT_IMPORT, said, Span(os.path.normpath(path), 0, 0, 1, 1))


def _read(path: Path) -> SourceText | str:
    """The file's text, without the mark that some editors begin it with; or a sentence why not, and the way out."""
    try:
        return SourceText(os.path.normpath(path), path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror}); is the name right?"
    except UnicodeDecodeError as error:
        return f"{path}: is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8"


def _all_rules(checked: Checked, known: Known) -> FalcoRules | None:
    imported = [] if checked.gathered is None else [file.rules for file in checked.gathered.files.values()]
    every = [rules for rules in (known.rules, *imported) if rules is not None]
    batch_size = read_together(every)
    return batch_size if every and isinstance(batch_size, FalcoRules) else None
