"""What the language server answers to each request of the Language Server Protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams

from bridge.editor import convert
from bridge.editor.actions import actions, formatted
from bridge.editor.completion import complete
from bridge.editor.definitions import definition, references, renamed
from bridge.editor.hover import hover, keyword_help, word_at
from bridge.editor.lines import Lines
from bridge.editor.names import Kind
from bridge.editor.outline import collapsible, outline
from bridge.editor.recorded.counts import notes, route_names
from bridge.editor.recorded.examples import example_text
from bridge.editor.semantic import LEGEND, encoded
from bridge.editor.server import RouteServer
from bridge.editor.test_runs import offers

_WATCHED = ("**/*.route", "**/*.yaml", "**/*.yml", "**/*.csv")


def make_server(config: Path | None = None, *, history: bool = False) -> RouteServer:
    """The server with all its features. ``config`` is used for every file; None looks for one above each file.

    With ``history``, it reads the config's journal for how often routes matched, and for the values of fields.
    """
    server = RouteServer(config, history=history)
    for method, answer, options in _FEATURES:
        server.feature(method, options)(answer)
    server.command(convert.RUN_TESTS)(_run_tests)
    return server


def _initialized(ls: RouteServer, _params: lsp.InitializedParams) -> None:
    watching = ls.client_capabilities.workspace and ls.client_capabilities.workspace.did_change_watched_files
    if watching and watching.dynamic_registration:
        watchers = [lsp.FileSystemWatcher(glob_pattern=pattern) for pattern in _WATCHED]
        options = lsp.DidChangeWatchedFilesRegistrationOptions(watchers)
        registration = lsp.Registration("files", lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
        ls.client_register_capability(lsp.RegistrationParams([registration]))


def _ending(ls: RouteServer, _params: None) -> None:
    ls.end()


async def _opened(ls: RouteServer, params: lsp.DidOpenTextDocumentParams) -> None:
    ls.opened(params.text_document.uri, params.text_document.text)


async def _changed(ls: RouteServer, params: lsp.DidChangeTextDocumentParams) -> None:
    ls.changed(params.text_document.uri, params.content_changes)


async def _closed(ls: RouteServer, params: lsp.DidCloseTextDocumentParams) -> None:
    ls.closed(params.text_document.uri)


async def _saved(ls: RouteServer, _params: lsp.DidSaveTextDocumentParams) -> None:
    ls.files_changed()


async def _watched(ls: RouteServer, _params: lsp.DidChangeWatchedFilesParams) -> None:
    ls.files_changed()


def _completion(ls: RouteServer, params: lsp.CompletionParams) -> lsp.CompletionList:
    found = ls.file(params.text_document.uri)
    if found is None:
        return lsp.CompletionList(is_incomplete=False, items=[])
    snapshot, file, lines = found
    text = file.source.text
    offset = lines.offset(convert.place(params.position))
    completions = complete(snapshot, file, text, offset)
    return convert.completion(completions, lines, offset, text[completions.start : offset])


async def _hovered(ls: RouteServer, params: lsp.HoverParams) -> lsp.Hover | None:
    found = ls.named(params.text_document.uri, params.position)
    if found is None:
        return _keyword_hover(ls, params)
    snapshot, file, name = found
    text = hover(snapshot, file.source.path, name)
    if name.kind is Kind.FIELD and ls.examples is not None and snapshot.config is not None:
        recent = await ls.examples.of(snapshot.config, snapshot.loaded.checked.redactions)
        examples = "" if recent is None else example_text(name.text, recent)
        text = "  \n".join(filter(None, (text, examples)))
    return convert.hover(text, Lines(file.source.text).range(name.span.start, name.span.end)) if text else None


def _defined(ls: RouteServer, params: lsp.DefinitionParams) -> lsp.Location | None:
    found = ls.named(params.text_document.uri, params.position)
    place = None if found is None else definition(found[0], found[1].source.path, found[2])
    return None if found is None or place is None else convert.location(place, found[0], ls.uri)


def _referred(ls: RouteServer, params: lsp.ReferenceParams) -> list[lsp.Location]:
    found = ls.named(params.text_document.uri, params.position)
    if found is None:
        return []
    snapshot, file, name = found
    places = references(snapshot, file.source.path, name)
    if not params.context.include_declaration:
        places = [each for each in places if each != definition(snapshot, file.source.path, name)]
    return [convert.location(each, snapshot, ls.uri) for each in places]


def _symbols(ls: RouteServer, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
    found = ls.file(params.text_document.uri)
    return [] if found is None else convert.symbols(outline(found[1].parsed, found[1].source), found[2])


def _folded(ls: RouteServer, params: lsp.FoldingRangeParams) -> list[lsp.FoldingRange]:
    found = ls.file(params.text_document.uri)
    ranges = [] if found is None else collapsible(found[1].parsed, found[1].source)
    return [lsp.FoldingRange(start_line=first, end_line=last) for first, last in ranges]


def _tokens(ls: RouteServer, params: lsp.SemanticTokensParams) -> lsp.SemanticTokens:
    found = ls.file(params.text_document.uri)
    return lsp.SemanticTokens([] if found is None else encoded(*found))


def _keyword_hover(ls: RouteServer, params: lsp.HoverParams) -> lsp.Hover | None:
    found = ls.file(params.text_document.uri)
    if found is None:
        return None
    _, file, lines = found
    help_text = keyword_help(word_at(file.source.text, lines.offset(convert.place(params.position))))
    return convert.hover(help_text, None) if help_text else None


def _layout(ls: RouteServer, params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit] | None:
    found = ls.file(params.text_document.uri)
    if found is None:
        return None
    _, file, lines = found
    after = formatted(file.source)
    if after is None or after == file.source.text:
        return None
    return [lsp.TextEdit(convert.range_of(lines.range(0, len(file.source.text))), after)]


def _offered(ls: RouteServer, params: lsp.CodeActionParams) -> list[lsp.CodeAction | lsp.Command]:
    found = ls.file(params.text_document.uri)
    if found is None:
        return []
    snapshot, file, lines = found
    start, end = (lines.offset(convert.place(each)) for each in (params.range.start, params.range.end))
    fixes = convert.actions(actions(snapshot, file.source.path, start, end), snapshot, ls.uri)
    uri = params.text_document.uri
    runs = [each for each in offers(snapshot, file) if each.span.start <= end and start <= each.span.end]
    return [*fixes, *(convert.command(each, uri) for each in runs)]


def _lenses(ls: RouteServer, params: lsp.CodeLensParams) -> list[lsp.CodeLens]:
    found = ls.file(params.text_document.uri)
    if found is None:
        return []
    snapshot, file, lines = found
    return convert.lenses(offers(snapshot, file), lines, params.text_document.uri)


def _hints(ls: RouteServer, params: lsp.InlayHintParams) -> list[lsp.InlayHint]:
    found = None if ls.counts is None else ls.file(params.text_document.uri)
    if found is None or ls.counts is None or found[0].config is None:
        return []
    snapshot, file, lines = found
    counted = ls.counts.of(found[0].config, route_names(snapshot))
    if counted is None:
        return []
    shown = (lines.offset(convert.place(params.range.start)), lines.offset(convert.place(params.range.end)))
    every = notes(snapshot, file, counted)
    return convert.hints([each for each in every if shown[0] <= each.span.end <= shown[1]], lines)


async def _run_tests(ls: RouteServer, uri: str, places: list[list[Any]]) -> None:
    await ls.run_tests(uri, [(str(path), int(start)) for path, start in places])


def _preparing(ls: RouteServer, params: lsp.PrepareRenameParams) -> lsp.Range | None:
    found = ls.named(params.text_document.uri, params.position)
    if found is None:
        return None
    snapshot, file, name = found
    if isinstance(renamed(snapshot, file.source.path, name, name.text), str):
        return None
    quote = int(name.quoted)
    return convert.range_of(Lines(file.source.text).range(name.span.start + quote, name.span.end - quote))


def _rename(ls: RouteServer, params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
    found = ls.named(params.text_document.uri, params.position)
    if found is None:
        return None
    snapshot, file, name = found
    edits: Any = renamed(snapshot, file.source.path, name, params.new_name)
    if isinstance(edits, str):
        raise JsonRpcInvalidParams(edits)
    return convert.workspace_edit(edits, snapshot, ls.uri)


_FEATURES: tuple[tuple[str, Any, Any], ...] = (
    (lsp.INITIALIZED, _initialized, None),
    (lsp.SHUTDOWN, _ending, None),
    (lsp.TEXT_DOCUMENT_DID_OPEN, _opened, None),
    (lsp.TEXT_DOCUMENT_DID_CHANGE, _changed, None),
    (lsp.TEXT_DOCUMENT_DID_CLOSE, _closed, None),
    (lsp.TEXT_DOCUMENT_DID_SAVE, _saved, None),
    (lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, _watched, None),
    (lsp.TEXT_DOCUMENT_COMPLETION, _completion, lsp.CompletionOptions(trigger_characters=[".", "%", "(", ",", "="])),
    (lsp.TEXT_DOCUMENT_HOVER, _hovered, None),
    (lsp.TEXT_DOCUMENT_DEFINITION, _defined, None),
    (lsp.TEXT_DOCUMENT_REFERENCES, _referred, None),
    (lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL, _symbols, None),
    (lsp.TEXT_DOCUMENT_FOLDING_RANGE, _folded, None),
    (lsp.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, _tokens, LEGEND),
    (lsp.TEXT_DOCUMENT_FORMATTING, _layout, None),
    (
        lsp.TEXT_DOCUMENT_CODE_ACTION,
        _offered,
        lsp.CodeActionOptions([lsp.CodeActionKind.QuickFix, lsp.CodeActionKind.SourceFixAll]),
    ),
    (lsp.TEXT_DOCUMENT_INLAY_HINT, _hints, None),
    (lsp.TEXT_DOCUMENT_CODE_LENS, _lenses, None),
    (lsp.TEXT_DOCUMENT_PREPARE_RENAME, _preparing, None),
    (lsp.TEXT_DOCUMENT_RENAME, _rename, lsp.RenameOptions(prepare_provider=True)),
)
