"""Applies the certain fixes of diagnostics to ``.route`` files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from bridge.common.files.text_file import encoded_like, read_bounded, replace_file
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Diagnostic, Fix, Severity
from bridge.workbench.routes import LoadedRoutes, load_routes

_MAX_ROUNDS = 10
"""A fix may uncover the next mistake, so files are checked again after each round."""


@dataclass(frozen=True, slots=True)
class FixedFile:
    """A file with its fixes applied."""

    path: Path
    before: str
    after: str

    def diff(self) -> str:
        """The changed lines."""
        lines = unified_diff(
            self.before.splitlines(keepends=True), self.after.splitlines(keepends=True), str(self.path), str(self.path)
        )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class FixResult:
    """What fixing has done."""

    files: tuple[FixedFile, ...]
    unwritable: tuple[str, ...]
    """Files that could not be written, with the reason."""


def certain_fixes(diagnostics: Iterable[Diagnostic], path: str) -> list[Fix]:
    """The certain fixes of a file that do not overlap, in order."""
    fixes: list[Fix] = []
    found = {each.fix for each in diagnostics if each.span.path == path and each.fix is not None and each.fix.certain}
    for fix in sorted(found, key=lambda fix: (fix.start, fix.end)):
        if not fixes or fix.start >= fixes[-1].end:
            fixes.append(fix)
    return fixes


def apply_fixes(text: str, fixes: Sequence[Fix]) -> str:
    """The text with the fixes, which are in order and do not overlap."""
    for fix in reversed(fixes):
        text = text[: fix.start] + fix.text + text[fix.end :]
    return text


def fix_files(paths: Sequence[Path], known: Known | None, rules: Sequence[Path]) -> FixResult:
    """Fix the named files, without those that they import. A file is replaced as a whole, or not at all.

    Fixes that would not leave fewer problems in their file are not applied.
    """
    loaded = load_routes(paths, known, rules)
    names = [name for name in dict.fromkeys(map(os.path.normpath, paths)) if name in loaded.sources]
    before = {name: loaded.sources[name].text for name in names}
    texts: dict[str, str] = {}
    for _ in range(_MAX_ROUNDS):
        changed = _round(loaded, names, texts)
        if not changed:
            break
        after = load_routes(paths, known, rules, texts=texts | changed)
        worse = {name for name in changed if not _improved(loaded, after, name)}
        names = [name for name in names if name not in worse]
        if not worse:
            texts |= changed
            loaded = after
    fixed = [FixedFile(Path(name), before[name], text) for name, text in texts.items()]
    problems = {each: _write(each) for each in fixed}
    return FixResult(
        tuple(each for each, problem in problems.items() if not problem),
        tuple(f"{each.path}: {problem}" for each, problem in problems.items() if problem),
    )


def _round(loaded: LoadedRoutes, names: Iterable[str], texts: Mapping[str, str]) -> dict[str, str]:
    """The text of each file that has certain fixes, with these applied."""
    changed: dict[str, str] = {}
    for name in names:
        fixes = certain_fixes(loaded.checked.diagnostics, name)
        if fixes:
            changed[name] = apply_fixes(texts.get(name, loaded.sources[name].text), fixes)
    return changed


def _improved(before: LoadedRoutes, after: LoadedRoutes, path: str) -> bool:
    """Whether a file has fewer certain fixes left, or fewer errors, and not more errors."""
    old = [each for each in before.checked.diagnostics if each.span.path == path]
    new = [each for each in after.checked.diagnostics if each.span.path == path]
    fixable = [sum(each.fix is not None and each.fix.certain for each in some) for some in (old, new)]
    errors = [sum(each.severity is Severity.ERROR for each in some) for some in (old, new)]
    return errors[1] <= errors[0] and (fixable[1] < fixable[0] or errors[1] < errors[0])


def _write(fixed: FixedFile) -> str:
    """Replace a file's text at once, behind a link if it is one. Returns why it was not done, or an empty string."""
    try:
        data = read_bounded(fixed.path)
        if encoded_like(fixed.before, data) != data:
            return "not fixed: the file has changed, or has mixed line endings"
        replace_file(fixed.path, encoded_like(fixed.after, data))
    except OSError as error:
        return f"cannot be written ({error.strerror})"
    return ""
