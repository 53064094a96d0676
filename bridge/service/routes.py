"""Reading ``.route`` files from the disk and checking them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.language import Checked, Known, Source, check


@dataclass(frozen=True, slots=True)
class LoadedRoutes:
    """Checked route files with their text, for messages that quote it."""

    checked: Checked
    sources: Mapping[str, Source]


def load_routes(paths: Sequence[Path], known: Known | None = None) -> LoadedRoutes:
    """Read and check route files, in this order.

    Raises OSError where a file cannot be read, UnicodeDecodeError where it is not UTF-8.
    """
    sources = [Source(str(path), path.read_text(encoding="utf-8")) for path in paths]
    checked = check(sources, known or Known(channels=None, labels=None))
    return LoadedRoutes(checked, {source.path: source for source in sources})


def conditions_of(loaded: LoadedRoutes) -> dict[str, str]:
    """The source text of each route's condition, by the route's name."""
    program = loaded.checked.program
    texts: dict[str, str] = {}
    for route in () if program is None else program.routes:
        if route.when is not None:
            span = route.when.span
            texts[route.name] = " ".join(loaded.sources[span.path].text[span.start : span.end].split())
    return texts
