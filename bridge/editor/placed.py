"""Problems in texts that are no files, at places that an editor can show: macros of Falco, conditions of groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bridge.editor.definitions import definition
from bridge.editor.names import Kind, Name
from bridge.editor.project import Snapshot
from bridge.language.checker.scope import FALCO_MACRO_PREFIX
from bridge.language.diagnostics.diagnostic import Diagnostic
from bridge.language.diagnostics.source import Span


def placed(snapshot: Snapshot, path: str) -> Iterator[Diagnostic]:
    """The problems of a snapshot of the file ``path``.

    A problem in a macro of Falco is shown where the macro is used, one in the condition of a group in the config.
    """
    for each in snapshot.diagnostics:
        if is_file(snapshot, each.span.path):
            yield each
        else:
            message = "; ".join(filter(None, (f"{each.span.path}: {each.message}", each.hint)))
            yield replace(each, span=_place(snapshot, path, each.span), message=message, hint="", related=(), fix=None)


def is_file(snapshot: Snapshot, path: str) -> bool:
    """Whether an editor can show a place in it: it has an address."""
    return path in snapshot.files or Path(path).is_absolute()


def _place(snapshot: Snapshot, path: str, span: Span) -> Span:
    top = Span(path, 0, 0, 1, 1)
    if not span.path.startswith(FALCO_MACRO_PREFIX):
        return snapshot.conditions.get(span.path, top)
    macro = Name(Kind.MACRO, span.path.removeprefix(FALCO_MACRO_PREFIX), top)
    files = sorted(snapshot.files.values(), key=lambda file: file.source.path != path)
    uses = (name.span for file in files for name in file.names if (name.kind, name.text) == (macro.kind, macro.text))
    return next(uses, None) or definition(snapshot, path, macro) or top
