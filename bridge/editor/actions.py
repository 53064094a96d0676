"""The edits that remove problems: what a diagnostic's remedy describes, as a change of the text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bridge.editor.definitions import Edit
from bridge.editor.project import Snapshot
from bridge.language.diagnostics.diagnostic import Diagnostic, Fix
from bridge.language.diagnostics.source import SourceText
from bridge.language.format.formatter import format_text
from bridge.workbench.fixes import certain_fixes

_DID_YOU_MEAN = re.compile(r"did you mean `([^`]+)`\?")
_ONE_WORD = re.compile(r"[^\s\"'(){}]+|\"[^\"\\]*\"|'[^'\\]*'")


@dataclass(frozen=True, slots=True)
class Action:
    """A change that an editor offers."""

    title: str
    edits: tuple[Edit, ...]
    problem: Diagnostic | None = None
    """The problem that it removes; None if it removes several."""
    certain: bool = False


def actions(snapshot: Snapshot, path: str, start: int, end: int) -> list[Action]:
    """The edits for the problems that touch a range of a file, and one for all certain fixes of the file."""
    text = snapshot.sources[path].text
    found: list[Action] = []
    for each in snapshot.diagnostics:
        fix = each.fix or _suggested(each, text)
        if (
            each.span.path == path
            and fix is not None
            and each.span.start <= end
            and start <= max(each.span.end, fix.end)
        ):
            title = each.hint or f"fix: {each.message}"
            found.append(Action(title, (Edit(path, fix.start, fix.end, fix.text),), each, fix.certain))
    certain = certain_fixes(snapshot.diagnostics, path)
    if len(certain) > 1:
        edits = tuple(Edit(path, fix.start, fix.end, fix.text) for fix in certain)
        found.append(Action(f"apply the {len(edits)} certain fixes of this file", edits, certain=True))
    return found


def _suggested(problem: Diagnostic, text: str) -> Fix | None:
    """The edit of a hint that suggests another word for the one at the problem's place."""
    suggested = _DID_YOU_MEAN.fullmatch(problem.hint)
    written = text[problem.span.start : problem.span.end]
    if suggested is None or not _ONE_WORD.fullmatch(written):
        return None
    quote = written[0] if written[0] in "\"'" else ""
    return Fix(problem.span.start, problem.span.end, f"{quote}{suggested[1]}{quote}")


def formatted(source: SourceText) -> str | None:
    """The text in the standard layout. None if it has a syntax error."""
    text = format_text(source)
    return text if isinstance(text, str) else None
