"""The language server's work in a file of 500 routes, as an editor sees it over the protocol.

CPU is that of the server's process from a message until its answer; time is that of a client beside it.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

from bench.figures import Figure

_ROUTES = 500
_CHANGES = 100
_QUESTIONS = 40
_WAIT_SECONDS = 60
_PAUSE_SECONDS = 0.06
_ROUTE = """\
route "route {n}" {{
  when      proc.name in (bash, sh, zsh{n}) and k8s.ns.name = "ns-{n}" and not user.name = root and in_prod
  throttle  3 per 10m by k8s.pod.name
  to        secops
  severity  critical
  title     "%rule in %k8s.ns.name"
}}
"""
_HEAD = (
    "list prod = (payments, checkout)\nmacro in_prod = container.name in (prod) or container.name startswith live-\n"
)
_TYPED = 'route "typed" {\n  when      proc.name in (bash, "a b") and not (user.name = root)\n  to        secops\n}\n'
_Costs = list[tuple[float, float]]


def figures() -> Iterator[Figure]:
    """Milliseconds, the median and the 95th percentile."""
    with tempfile.TemporaryDirectory() as folder:
        for name, costs in asyncio.run(_session(Path(folder))).items():
            for position, unit in enumerate(("CPU", "time")):
                values = sorted(cost[position] * 1000 for cost in costs)
                if len(values) == 1:
                    yield Figure(f"{_ROUTES} routes, {name}, {unit}", values[0], "ms")
                    continue
                yield Figure(f"{_ROUTES} routes, {name}, {unit}: median", values[len(values) // 2], "ms")
                yield Figure(f"{_ROUTES} routes, {name}, {unit}: p95", values[len(values) * 95 // 100], "ms")


class _Editor:
    """An editor with one document."""

    def __init__(self, path: Path, text: str) -> None:
        self.client = LanguageClient("bench", "1")
        self.uri = path.as_uri()
        self.text = text
        self._version = 1
        self._published = asyncio.Event()

        @self.client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def take(_params: lsp.PublishDiagnosticsParams) -> None:
            self._published.set()

    async def open(self) -> None:
        await self.client.start_io(sys.executable, "-m", "bridge", "lsp")
        await self.client.initialize_async(lsp.InitializeParams(lsp.ClientCapabilities()))
        self.client.initialized(lsp.InitializedParams())
        item = lsp.TextDocumentItem(self.uri, "route", 1, self.text)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
        await self.problems()

    async def insert(self, offset: int, letters: str, remove: int = 0) -> None:
        """Change the text and wait for its problems."""
        found = lsp.Range(self.place(offset), self.place(offset + remove))
        self.text = self.text[:offset] + letters + self.text[offset + remove :]
        self._version += 1
        identifier = lsp.VersionedTextDocumentIdentifier(self._version, self.uri)
        change = lsp.TextDocumentContentChangePartial(found, letters)
        self._published.clear()
        self.client.text_document_did_change(lsp.DidChangeTextDocumentParams(identifier, [change]))
        await self.problems()

    async def problems(self) -> None:
        await asyncio.wait_for(self._published.wait(), _WAIT_SECONDS)

    def place(self, offset: int) -> lsp.Position:
        before = self.text[:offset]
        return lsp.Position(before.count("\n"), len(before.rpartition("\n")[2]))

    def cpu(self) -> float:
        """CPU seconds of the server."""
        server = self.client._server  # noqa: SLF001  # the client has no other way to its process
        assert server is not None
        tasks = Path(f"/proc/{server.pid}/task").iterdir()
        return sum(int((each / "schedstat").read_text("ascii").split()[0]) for each in tasks) / 1e9


async def _session(folder: Path) -> dict[str, _Costs]:
    text = _HEAD + "".join(_ROUTE.format(n=number) for number in range(_ROUTES))
    path = folder / "many.route"
    path.write_text(text, encoding="utf-8")
    editor = _Editor(path, text)
    costs: dict[str, _Costs] = {}

    async def measured(name: str, action: Callable[[], Awaitable[object]]) -> None:
        cpu, started = editor.cpu(), time.monotonic()
        await action()
        costs.setdefault(name, []).append((editor.cpu() - cpu, time.monotonic() - started))
        await asyncio.sleep(_PAUSE_SECONDS)

    await editor.open()
    await asyncio.sleep(3)
    for number in range(_CHANGES):
        at = editor.text.index(f'"ns-{number * 4}"') + 1
        await measured("a letter in a route", lambda at=at: editor.insert(at, "x"))
    at = editor.text.index('route "route 250"')
    for number, letter in enumerate(_TYPED):
        await measured("a route as it is typed", lambda at=at + number, letter=letter: editor.insert(at, letter))
    at = editor.text.index(", checkout")
    for _ in range(_QUESTIONS):
        await measured("a list that all use", lambda: editor.insert(at, "x"))
    await asyncio.sleep(3)
    client, document = editor.client, lsp.TextDocumentIdentifier(editor.uri)
    for number in range(_QUESTIONS):
        place = editor.place(editor.text.index(f"zsh{number * 9})") - 2)
        complete = lsp.CompletionParams(document, place)
        await measured("completion", lambda p=complete: client.text_document_completion_async(p))
        hover = lsp.HoverParams(document, editor.place(editor.text.index(f"zsh{number * 9})") - 16))
        await measured("hover", lambda p=hover: client.text_document_hover_async(p))
        tokens = lsp.SemanticTokensParams(document)
        await measured("semantic tokens", lambda p=tokens: client.text_document_semantic_tokens_full_async(p))
    await editor.client.shutdown_async(None)
    editor.client.exit(None)
    await editor.client.stop()
    return costs
