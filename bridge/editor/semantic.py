"""The colours of names: what a word is, where its form does not show it."""

from __future__ import annotations

from lsprotocol import types as lsp

from bridge.editor.definitions import definition
from bridge.editor.lines import Lines
from bridge.editor.names import Kind
from bridge.editor.project import EditedFile, Snapshot

_TYPES = {
    Kind.FIELD: lsp.SemanticTokenTypes.Property,
    Kind.MACRO: lsp.SemanticTokenTypes.Macro,
    Kind.LIST: lsp.SemanticTokenTypes.Enum,
    Kind.SCHEDULE: lsp.SemanticTokenTypes.Variable,
    Kind.TEMPLATE: lsp.SemanticTokenTypes.Function,
    Kind.TABLE: lsp.SemanticTokenTypes.Struct,
    Kind.CHANNEL: lsp.SemanticTokenTypes.EnumMember,
}
_NUMBERS = {kind: number for number, kind in enumerate(_TYPES)}
LEGEND = lsp.SemanticTokensLegend(
    [each.value for each in _TYPES.values()], [lsp.SemanticTokenModifiers.Declaration.value]
)


def encoded(snapshot: Snapshot, file: EditedFile, lines: Lines) -> list[int]:
    """The names of a file, five numbers each, as the protocol packs them: each place is relative to the one before."""
    numbers: list[int] = []
    line = column = 0
    path = file.source.path
    for name in file.names:
        if name.kind not in _NUMBERS or (name.kind is Kind.LIST and definition(snapshot, path, name) is None):
            continue
        place, end = lines.place(name.span.start), lines.place(name.span.end)
        if place.line != end.line:
            continue
        column = place.column - (column if place.line == line else 0)
        numbers += [place.line - line, column, end.column - place.column, _NUMBERS[name.kind], int(name.defines)]
        line, column = place.line, place.column
    return numbers
