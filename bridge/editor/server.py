"""The language server: connects an editor, by the Language Server Protocol over stdio, to the answers of this room."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInternalError, JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method
from pygls.uris import from_fs_path, to_fs_path

from bridge import __version__
from bridge.editor import convert
from bridge.editor.definitions import name_at
from bridge.editor.lines import Lines
from bridge.editor.names import Name
from bridge.editor.placed import placed
from bridge.editor.project import EditedFile, Project, Snapshot, with_advice
from bridge.editor.recorded.counts import RouteCounts
from bridge.editor.recorded.examples import FieldExamples
from bridge.editor.test_runs import run_tests
from bridge.workbench.expectations import Failure

_DEBOUNCE = 0.015
"""Seconds without a change after which the files are checked."""
_ADVICE_AFTER = 0.3
"""Seconds without a change after which they are also examined for what never matches and the like."""
_WHOLE_AFTER = 1.0
"""The same for files that are parsed as a whole then, which takes longer: a quote or a brace is open in them."""


class _Output:
    """A stream to an editor that may end at any time."""

    def __init__(self, stream: BinaryIO, lost: Callable[[], None]) -> None:
        """``lost`` is called when the editor does not read any more."""
        self._stream = stream
        self._lost = lost

    def write(self, data: bytes) -> None:
        """Send one message, or nothing to an editor that has ended."""
        try:
            self._stream.write(data)
            self._stream.flush()
        except (BrokenPipeError, ConnectionResetError, ValueError):  # ValueError: it is closed
            self._lost()

    def flush(self) -> None:
        """Nothing: each message is sent at once."""

    def close(self) -> None:
        """Close the stream. What an editor that has ended did not read is discarded."""
        with suppress(OSError):
            self._stream.close()


class _Protocol(LanguageServerProtocol):
    """The protocol, with the places and the texts of this room.

    The library's copies of texts are not kept up to date: it ends lines as Python does, also at a form feed or U+2028.
    """

    @lsp_method(lsp.INITIALIZE)
    def lsp_initialize(self, params: lsp.InitializeParams) -> Generator[Any, Any, lsp.InitializeResult]:
        """Agree on the columns that ``Lines`` counts: UTF-16 code units, though some editors prefer others."""
        if params.capabilities.general is not None:
            params.capabilities.general.position_encodings = None
        return (yield from super().lsp_initialize(params))

    @lsp_method(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: lsp.DidChangeTextDocumentParams) -> Generator[Any, Any, None]:
        """Leave the change to the server."""
        yield self.fm.features[lsp.TEXT_DOCUMENT_DID_CHANGE], (params,), None


class RouteServer(LanguageServer):
    """The state of one editor's connection."""

    def __init__(self, config: Path | None = None, *, history: bool = False) -> None:
        """With ``history``, hits of routes and values of fields from the journal are shown."""
        super().__init__("falco-bridge", __version__, protocol_cls=_Protocol)
        self.project = Project(config)
        self.counts = RouteCounts(self._counted) if history else None
        self.examples = FieldExamples() if history else None
        self._addresses: dict[str, str] = {}
        """As the editor writes those of open files, by path."""
        self._snapshots: dict[str, Snapshot] = {}
        """Of files whose texts have not changed since."""
        self._advised: dict[str, Snapshot] = {}
        """The last ones with advice."""
        self._failures: dict[str, list[Failure]] = {}
        """The failed expectations of the tests that were run since the last change, by path."""
        self._waiting: asyncio.TimerHandle | None = None
        self._ended = False
        """Whether nothing is sent any more that the editor does not ask for."""
        self._asked_to_end = False
        self._shown: dict[str, set[str]] = {}
        """The files with diagnostics, by the open file for which they were published."""

    def serve(self) -> int:
        """Serve on standard input and output. Returns the exit code: 0 if the editor has asked to shut down, else 1."""
        output = _Output(os.fdopen(os.dup(sys.stdout.fileno()), "wb"), self._quiet)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the thread that reads would wait for the end of the input
        sys.stdout = sys.stderr  # nothing else comes between the messages
        logging.getLogger("pygls.protocol.json_rpc").addFilter(_is_no_refusal)
        self.start_io(stdout=cast("BinaryIO", output))
        output.close()
        return 0 if self._asked_to_end else 1

    def opened(self, uri: str, text: str) -> None:
        """Take the text of a document, and check it at once."""
        self._addresses[path_of(uri)] = uri
        self.project.files_changed()
        self._take(uri, with_unix_ends(text))
        self._later(0, self._check_first)

    def changed(self, uri: str, changes: Sequence[lsp.TextDocumentContentChangeEvent]) -> None:
        """Change the text of an open document; check it after a pause."""
        text = self.project.texts.get(path_of(uri), "")
        for change in changes:
            inserted = with_unix_ends(change.text)
            if isinstance(change, lsp.TextDocumentContentChangePartial):
                lines = Lines(text)
                start, end = (lines.offset(convert.place(each)) for each in (change.range.start, change.range.end))
                text = text[:start] + inserted + text[end:]
            else:
                text = inserted
        self._take(uri, text)
        self._later(_DEBOUNCE, self._checked)

    def _take(self, uri: str, text: str) -> None:
        self.project.texts[path_of(uri)] = text
        self._snapshots.clear()
        self._failures.clear()

    def closed(self, uri: str) -> None:
        """Read the file from the disk from now on."""
        path = path_of(uri)
        self.project.texts.pop(path, None)
        self._snapshots.clear()
        self._advised.pop(path, None)
        for shown in self._shown.pop(path, set()):
            self._send(shown, ())
        self._addresses.pop(path, None)
        self.project.files_changed()
        self.advise()

    def files_changed(self) -> None:
        """Check again, because files on the disk have changed."""
        self.project.files_changed()
        self._snapshots.clear()
        self.advise()

    def snapshot(self, path: str) -> Snapshot:
        """The files that act together with this one, checked as they are now."""
        found = self._snapshots.get(path)
        if found is None:
            found = self.project.snapshot(path, advice=False)
            if not found.loaded.advised and path in self._advised:
                found = with_advice(found, self._advised[path])
            self._snapshots[path] = found
        return found

    def end(self) -> None:
        """The editor asks to shut down."""
        self._asked_to_end = True
        self._quiet()

    def _quiet(self) -> None:
        self._ended = True
        if self._waiting is not None:
            self._waiting.cancel()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Show an error in the editor, unless it is that nothing can be sent: that report would fail without end."""
        if source is not JsonRpcInternalError:
            super().report_server_error(error, source)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call this after a pause, and nothing else that waits for one."""
        if self._waiting is not None:
            self._waiting.cancel()
        if self._ended:
            return
        self._waiting = asyncio.get_running_loop().call_later(seconds, call)

    def _check_first(self) -> None:
        """As ``_checked``. A file of 500 routes has a million objects: the garbage collector skips them from now on."""
        self._checked()
        gc.freeze()

    def _checked(self) -> None:
        self.publish()
        self._later(_ADVICE_AFTER if self.project.is_exact else _WHOLE_AFTER, self.advise)

    def advise(self) -> None:
        """Check and examine every open file, and send what was found."""
        for path in list(self.project.texts):
            self._snapshots[path] = self._advised[path] = self.project.snapshot(path)
        self.publish()

    def file(self, uri: str) -> tuple[Snapshot, EditedFile, Lines] | None:
        """A document with the files that act together with it. None if it cannot be parsed as a route file."""
        path = path_of(uri)
        snapshot = self.snapshot(path)
        file = snapshot.files.get(path)
        return None if file is None else (snapshot, file, Lines(file.source.text))

    def uri(self, path: str) -> str:
        """The address of a file, as the editor writes it if it has opened the file."""
        return self._addresses.get(path) or (path.startswith("/") and from_fs_path(path)) or path

    def named(self, uri: str, position: lsp.Position) -> tuple[Snapshot, EditedFile, Name] | None:
        """The name at a position."""
        found = self.file(uri)
        if found is None:
            return None
        snapshot, file, lines = found
        name = name_at(file, lines.offset(convert.place(position)))
        return None if name is None else (snapshot, file, name)

    def publish(self) -> None:
        """Send the problems of every open file, and of the files that act together with it."""
        for path in list(self.project.texts):
            snapshot = self.snapshot(path)
            found = list(placed(snapshot, path))
            wanted = {path, *(each.span.path for each in found), *self._failures}
            for other in self._shown.get(path, set()) - wanted:
                self._send(other, ())
            self._shown[path] = wanted
            for each in wanted:
                own = [problem for problem in found if problem.span.path == each]
                failed = convert.failures(self._failures.get(each, ()), snapshot)
                self._send(each, [*convert.diagnostics(own, snapshot, self.uri), *failed])

    async def run_tests(self, uri: str, places: Sequence[tuple[str, int]]) -> None:
        """Run tests beside the loop, show the outcome, and what failed as diagnostics until the next change."""
        snapshot = self.project.snapshot(path_of(uri))
        before = dict(self.project.texts)
        outcome = await asyncio.to_thread(run_tests, snapshot, places)
        if outcome is None:
            self._show("the routes have errors: fix them, then run the tests", lsp.MessageType.Warning)
        elif before != self.project.texts:
            self._show("the text has changed: run the tests again", lsp.MessageType.Warning)
        else:
            self._failures = {}
            for failure in outcome.failures:
                self._failures.setdefault(failure.span.path, []).append(failure)
            self.publish()
            self._show(f"tests: {outcome}", lsp.MessageType.Warning if outcome.failed else lsp.MessageType.Info)

    def _counted(self) -> None:
        """Have the editor ask again for what is beside routes."""
        workspace = self.client_capabilities.workspace
        if (
            not self._ended
            and workspace is not None
            and workspace.inlay_hint is not None
            and workspace.inlay_hint.refresh_support
        ):
            self.workspace_inlay_hint_refresh(None)

    def _show(self, text: str, kind: lsp.MessageType) -> None:
        if not self._ended:
            self.window_show_message(lsp.ShowMessageParams(kind, text))

    def _send(self, path: str, diagnostics: Sequence[lsp.Diagnostic]) -> None:
        parameters = lsp.PublishDiagnosticsParams(self.uri(path), list(diagnostics))
        if not self._ended:
            self.text_document_publish_diagnostics(parameters)


def _is_no_refusal(record: logging.LogRecord) -> bool:
    """A request that is refused, such as to rename a field, is no error of the server. The editor shows the answer."""
    return record.exc_info is None or not isinstance(record.exc_info[1], JsonRpcInvalidParams)


def path_of(uri: str) -> str:
    """The path of a document; its address in the form of a path, if it is not a file."""
    return os.path.normpath((to_fs_path(uri) if uri.startswith("file:") else None) or uri)


def with_unix_ends(text: str) -> str:
    """The text with the line ends that files have after they are read."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
