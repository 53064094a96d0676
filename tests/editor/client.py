"""A real client of the language server: ``falco-bridge lsp`` over its standard input and output."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

Result = TypeVar("Result")
_PATIENCE = 60


class Editor:
    """An editor with open documents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = LanguageClient("test", "1")
        self.problems: dict[str, list[lsp.Diagnostic]] = {}
        self.messages: list[lsp.ShowMessageParams] = []
        self.publications = 0
        self.started: lsp.InitializeResult | None = None
        self._published = asyncio.Event()
        self._versions: dict[str, int] = {}

        @self.client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def take(params: lsp.PublishDiagnosticsParams) -> None:
            self.problems[params.uri] = list(params.diagnostics)
            self.publications += 1
            self._published.set()

        @self.client.feature(lsp.WINDOW_SHOW_MESSAGE)
        def show(params: lsp.ShowMessageParams) -> None:
            self.messages.append(params)
            self._published.set()

    def uri(self, name: str) -> str:
        """The address of a file. One of a document that is no file is its own."""
        return name if ":" in name else (self.folder / name).as_uri()

    async def start(self, *arguments: str, capabilities: lsp.ClientCapabilities | None = None) -> lsp.InitializeResult:
        await self.client.start_io(sys.executable, "-m", "bridge", "lsp", *arguments)
        parameters = lsp.InitializeParams(capabilities or lsp.ClientCapabilities(), root_uri=self.folder.as_uri())
        self.started = await self.client.initialize_async(parameters)
        self.client.initialized(lsp.InitializedParams())
        return self.started

    def open(self, name: str, text: str) -> None:
        self._versions[name] = 1
        item = lsp.TextDocumentItem(self.uri(name), "route", 1, text)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))

    def change(self, name: str, text: str) -> None:
        self._change(name, lsp.TextDocumentContentChangeWholeDocument(text))

    def replace(self, name: str, place: lsp.Range, text: str) -> None:
        self._change(name, lsp.TextDocumentContentChangePartial(place, text))

    def _change(self, name: str, change: lsp.TextDocumentContentChangeEvent) -> None:
        self._versions[name] += 1
        identifier = lsp.VersionedTextDocumentIdentifier(self._versions[name], self.uri(name))
        self.client.text_document_did_change(lsp.DidChangeTextDocumentParams(identifier, [change]))

    async def codes(self, name: str, wanted: set[str]) -> None:
        """Wait until the document has exactly these diagnostics."""
        uri = self.uri(name)

        async def published() -> None:
            while uri not in self.problems or {str(each.code) for each in self.problems[uri]} != wanted:
                self._published.clear()
                await self._published.wait()

        try:
            await asyncio.wait_for(published(), _PATIENCE)
        except TimeoutError:
            raise AssertionError(f"{wanted} expected, shown: {self.problems.get(uri)}") from None

    def shown(self, name: str) -> list[lsp.Diagnostic]:
        """The diagnostics of a document."""
        return self.problems.get(self.uri(name), [])

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that the server publishes or shows."""

        async def met() -> None:
            while not condition():
                self._published.clear()
                await self._published.wait()

        await asyncio.wait_for(met(), _PATIENCE)

    def at(self, name: str, text: str, part: str, *, after: bool = False) -> dict[str, Any]:
        """The place of a part of the text, for a request."""
        offset = text.index(part) + (len(part) if after else 0)
        before = text[:offset]
        column = len(before.rpartition("\n")[2].encode("utf-16-le")) // 2
        position = lsp.Position(before.count("\n"), column)
        return {"text_document": lsp.TextDocumentIdentifier(self.uri(name)), "position": position}

    async def stop(self) -> None:
        await self.client.shutdown_async(None)
        self.client.exit(None)
        await self.client.stop()


def edit(
    folder: Path,
    session: Callable[[Editor], Awaitable[Result]],
    *arguments: str,
    capabilities: lsp.ClientCapabilities | None = None,
) -> Result:
    """Run a session of an editor to its end."""

    async def run() -> Result:
        editor = Editor(folder)
        await asyncio.wait_for(editor.start(*arguments, capabilities=capabilities), _PATIENCE)
        try:
            return await session(editor)
        finally:
            await editor.stop()

    return asyncio.run(run())
