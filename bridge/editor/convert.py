"""From this room's values to those of the Language Server Protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from lsprotocol import types as lsp

from bridge.editor.actions import Action
from bridge.editor.completion import Completion
from bridge.editor.definitions import Edit
from bridge.editor.lines import Lines, Place, Range
from bridge.editor.names import Kind
from bridge.editor.outline import Entry
from bridge.editor.placed import is_file
from bridge.editor.project import Snapshot
from bridge.editor.recorded.counts import RouteNote
from bridge.editor.test_runs import TestOffer
from bridge.language.diagnostics.diagnostic import Diagnostic, Severity
from bridge.language.diagnostics.source import Span
from bridge.workbench.expectations import Failure

RUN_TESTS = "falco-bridge.run-tests"
"""The command that runs tests."""
Address = Callable[[str], str]
"""From a file's path to its address."""
_SEVERITIES = {
    Severity.ERROR: lsp.DiagnosticSeverity.Error,
    Severity.WARNING: lsp.DiagnosticSeverity.Warning,
    Severity.ADVICE: lsp.DiagnosticSeverity.Information,
}
_SYMBOLS = {
    Kind.LIST: lsp.SymbolKind.Array,
    Kind.MACRO: lsp.SymbolKind.Function,
    Kind.SCHEDULE: lsp.SymbolKind.Constant,
    Kind.TEMPLATE: lsp.SymbolKind.String,
    Kind.TABLE: lsp.SymbolKind.Struct,
    Kind.ROUTE: lsp.SymbolKind.Event,
    Kind.TEST: lsp.SymbolKind.Method,
}
_ITEMS = {
    "keyword": lsp.CompletionItemKind.Keyword,
    "operator": lsp.CompletionItemKind.Operator,
    "value": lsp.CompletionItemKind.Value,
    "function": lsp.CompletionItemKind.Function,
    Kind.FIELD: lsp.CompletionItemKind.Field,
    Kind.MACRO: lsp.CompletionItemKind.Function,
    Kind.LIST: lsp.CompletionItemKind.Enum,
    Kind.CHANNEL: lsp.CompletionItemKind.Reference,
}


def place(position: lsp.Position) -> Place:
    """A position of the protocol."""
    return Place(position.line, position.character)


def range_of(found: Range) -> lsp.Range:
    """A range of the protocol."""
    start, end = (lsp.Position(each.line, each.column) for each in (found.start, found.end))
    return lsp.Range(start, end)


def location(span: Span, snapshot: Snapshot, address: Address) -> lsp.Location:
    """A place in a file. If the text is not known here, the line and column that the span has."""
    return lsp.Location(address(span.path), _range(span, snapshot))


def diagnostics(found: Sequence[Diagnostic], snapshot: Snapshot, address: Address) -> list[lsp.Diagnostic]:
    """The problems of one file."""
    return [
        lsp.Diagnostic(
            range=_range(each.span, snapshot),
            message=f"{each.message}; {each.hint}" if each.hint else each.message,
            severity=_SEVERITIES[each.severity],
            code=each.code.id,
            source="falco-bridge",
            related_information=[
                lsp.DiagnosticRelatedInformation(location(span, snapshot, address), label)
                for label, span in each.related
                if is_file(snapshot, span.path)
            ],
        )
        for each in found
    ]


def failures(found: Sequence[Failure], snapshot: Snapshot) -> list[lsp.Diagnostic]:
    """The failed expectations of the tests of one file."""
    return [
        lsp.Diagnostic(
            range=_range(each.span, snapshot), message=each.message, severity=lsp.DiagnosticSeverity.Error,
            source="falco-bridge test",
        )
        for each in found
    ]  # fmt: skip


def lenses(found: Iterable[TestOffer], lines: Lines, uri: str) -> list[lsp.CodeLens]:
    """What can be run, above the statements."""
    return [
        lsp.CodeLens(range_of(lines.range(each.span.start, each.span.end)), command=command(each, uri))
        for each in found
    ]


def hints(found: Iterable[RouteNote], lines: Lines) -> list[lsp.InlayHint]:
    """What is shown behind the heads of routes."""
    places = ((lines.place(each.span.end), each) for each in found)
    return [
        lsp.InlayHint(lsp.Position(at.line, at.column), each.text, tooltip=each.tooltip, padding_left=True)
        for at, each in places
    ]


def command(offer: TestOffer, uri: str) -> lsp.Command:
    """The command that runs tests. Its arguments are the open document and the places of the tests' names."""
    places = [[span.path, span.start] for span in offer.tests]
    return lsp.Command(title=offer.title, command=RUN_TESTS, arguments=[uri, places])


def completion(found: Completion, lines: Lines, offset: int, word: str) -> lsp.CompletionList:
    """What can be written, each as the replacement of the word before the cursor.

    Some editors match only what is typed behind the last dot. Then the list has only what starts with the part before
    it, and the editor is to ask again when the word changes.
    """
    part = word[: word.rfind(".") + 1]
    narrowed = [item for item in found.items if part and (item.text or item.label).startswith(part)]
    replaced = range_of(lines.range(found.start, offset))
    items = [
        lsp.CompletionItem(
            label=item.label,
            kind=_ITEMS.get(item.kind, lsp.CompletionItemKind.Text),
            detail=item.detail or None,
            filter_text=item.text or item.label,
            text_edit=lsp.TextEdit(replaced, item.text or item.label),
            sort_text=f"{number:05}",
        )
        for number, item in enumerate(narrowed or found.items)
    ]
    return lsp.CompletionList(is_incomplete=bool(narrowed), items=items)


def hover(text: str, found: Range | None) -> lsp.Hover:
    """Markdown beside a name."""
    content = lsp.MarkupContent(lsp.MarkupKind.Markdown, text)
    return lsp.Hover(content, None if found is None else range_of(found))


def symbols(entries: Iterable[Entry], lines: Lines) -> list[lsp.DocumentSymbol]:
    """The outline."""
    return [
        lsp.DocumentSymbol(
            name=entry.title or "-",
            kind=lsp.SymbolKind.Namespace if entry.kind is None else _SYMBOLS[entry.kind],
            range=range_of(lines.range(entry.span.start, entry.span.end)),
            selection_range=range_of(lines.range(entry.head.start, entry.head.end)),
            children=symbols(entry.inner, lines),
        )
        for entry in entries
    ]


def actions(found: Iterable[Action], snapshot: Snapshot, address: Address) -> list[lsp.CodeAction]:
    """The offered changes."""
    return [
        lsp.CodeAction(
            title=action.title,
            kind=lsp.CodeActionKind.SourceFixAll if action.problem is None else lsp.CodeActionKind.QuickFix,
            edit=workspace_edit(action.edits, snapshot, address),
            is_preferred=action.certain and action.problem is not None,
            diagnostics=None if action.problem is None else diagnostics([action.problem], snapshot, address),
        )
        for action in found
    ]


def workspace_edit(edits: Sequence[Edit], snapshot: Snapshot, address: Address) -> lsp.WorkspaceEdit:
    """Changes of one or several files."""
    changes: dict[str, list[lsp.TextEdit]] = {}
    lines: dict[str, Lines] = {}
    for edit in edits:
        if edit.path not in lines:
            lines[edit.path] = Lines(snapshot.sources[edit.path].text)
        replaced = range_of(lines[edit.path].range(edit.start, edit.end))
        changes.setdefault(address(edit.path), []).append(lsp.TextEdit(replaced, edit.text))
    return lsp.WorkspaceEdit(changes)


def _range(span: Span, snapshot: Snapshot) -> lsp.Range:
    source = snapshot.sources.get(span.path)
    if source is not None:
        return range_of(_lines(source.text).range(span.start, span.end))
    start = lsp.Position(span.line - 1, span.column - 1)
    return lsp.Range(start, lsp.Position(start.line, start.character + max(0, span.end - span.start)))


@lru_cache(maxsize=16)
def _lines(text: str) -> Lines:
    """The lines of a text, which has many spans to convert."""
    return Lines(text)
