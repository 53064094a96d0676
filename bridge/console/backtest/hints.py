"""Problems and completions of an edited route file, by the functions that editors use through the language server."""

from __future__ import annotations

import os
from pathlib import Path

from bridge.console.backtest.messages import (
    Check,
    Complete,
    Examined,
    ExaminedRoute,
    Option,
    Options,
    Problem,
    Problems,
    Replacement,
)
from bridge.console.backtest.sets import OnDisk, load_on_disk
from bridge.editor.actions import actions
from bridge.editor.completion import complete
from bridge.editor.project import Project, Snapshot
from bridge.language.diagnostics.diagnostic import Code, Severity
from bridge.workbench.routes import load_routes

_NEVER = frozenset({Code.SHADOWED_ROUTE, Code.NEVER_TRUE})
_MOST_PROBLEMS = 50
_MOST_FIXES = 3
_MOST_OPTIONS = 50
_LONGEST = 1000

_Stamp = tuple[tuple[str, int, int], ...]


class Hints:
    """Answers for one config. What was parsed is used again where the text has not changed."""

    def __init__(self, config: str) -> None:
        self.config = config
        self._project = Project(Path(config))
        self._on_disk: OnDisk | None = None
        self._stamp: _Stamp = ()
        self._examined: tuple[_Stamp, Examined] | None = None

    def problems(self, asked: Check) -> Problems:
        """Raises UnusableError where the config cannot be used."""
        snapshot = self._snapshot(asked.path, asked.text, advice=True)
        found = sorted(
            snapshot.diagnostics, key=lambda each: (each.span.path != asked.path, each.severity is not Severity.ERROR)
        )
        items = []
        for each in found[:_MOST_PROBLEMS]:
            own = each.span.path == asked.path
            offered = actions(snapshot, asked.path, each.span.start, each.span.end) if own else []
            fixes = tuple(
                Replacement(action.title[:_LONGEST], edit.start, edit.end, edit.text)
                for action in offered
                if action.problem == each
                for edit in action.edits
            )
            items.append(
                Problem(
                    each.severity.value, each.code.id, each.message[:_LONGEST], each.hint[:_LONGEST], each.span.path,
                    each.span.line, each.span.column, each.span.start, max(each.span.start, each.span.end),
                    fixes[:_MOST_FIXES],
                )
            )  # fmt: skip
        usable = not any(each.severity is Severity.ERROR for each in snapshot.diagnostics)
        return Problems(tuple(items), max(0, len(found) - _MOST_PROBLEMS), usable)

    def options(self, asked: Complete) -> Options:
        """Raises UnusableError where the config cannot be used."""
        snapshot = self._snapshot(asked.path, asked.text, advice=False)
        file = snapshot.files.get(asked.path)
        if file is None:
            return Options(asked.offset)
        found = complete(snapshot, file, asked.text, asked.offset)
        word = asked.text[found.start : asked.offset].strip("\"'").lower()
        labels = ((each.label.lower(), each) for each in found.items)
        ranked = [(0 if label.startswith(word) else 1, each) for label, each in labels if word in label]
        ranked.sort(key=lambda each: each[0])
        return Options(
            found.start,
            tuple(Option(each.label, each.text or each.label, each.detail[:200]) for _, each in ranked[:_MOST_OPTIONS]),
        )

    def examined(self) -> Examined:
        """The routes on the disk. Raises UnusableError."""
        on_disk = self._read()
        config = on_disk.config
        if self._examined is not None and self._examined[0] == self._stamp:
            return self._examined[1]
        checked = load_routes(config.routes, config.known).checked
        why = {each.span: each.message[:_LONGEST] for each in checked.diagnostics if each.code in _NEVER}
        routes = checked.understood if checked.program is None else checked.program.routes
        found = []
        for route in routes:
            spans = [route.span] if route.when is None else [route.when.span, route.span]
            never = next((why[span] for span in spans if span in why), "")
            found.append(ExaminedRoute(route.name, route.span.path, never))
        files = tuple(path for path in on_disk.loaded.sources if path.endswith(".route"))
        examined = Examined(tuple(found), files)
        self._examined = (self._stamp, examined)
        return examined

    def _snapshot(self, path: str, text: str, *, advice: bool) -> Snapshot:
        self._project.read_file = self._read().reader()
        self._project.texts = {path: text}
        return self._project.snapshot(path, advice=advice)

    def _read(self) -> OnDisk:
        """The config and the routes on the disk, read again where a file has changed."""
        if self._on_disk is None or self._changed() != self._stamp:
            self._on_disk = load_on_disk(self.config)
            self._stamp = self._changed()
            self._project.files_changed()
        return self._on_disk

    def _changed(self) -> _Stamp:
        """The files on the disk, and the folders to which others may be added, with their times and sizes."""
        found = []
        files = () if self._on_disk is None else self._on_disk.loaded.sources
        for each in dict.fromkeys((self.config, *files, *map(os.path.dirname, files))):
            try:
                status = os.stat(each)  # noqa: PTH116  # paths as the checker has them
            except OSError:
                continue
            found.append((each, status.st_mtime_ns, status.st_size))
        return tuple(found)
