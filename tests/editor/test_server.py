"""``falco-bridge lsp`` with a real client over stdio."""

from __future__ import annotations

import asyncio
import logging
import time
from io import BytesIO
from pathlib import Path
from typing import cast

import pytest
from lsprotocol import types as lsp
from pygls.io_ import StdoutWriter

from bridge.common.secret import Secret
from bridge.editor.features import make_server
from bridge.journal.location import DatabaseLocation
from bridge.journal.opening import open_for_router
from bridge.routing import Decision, Entry, Reason, Routed
from tests.editor.client import Editor, edit
from tests.support.builders import alert
from tests.support.postgres import in_schema, new_schema

CONFIG = """\
sources: [{stdin: true}]
journal: j.db
channels:
  secops: json://127.0.0.1:9/
  oncall: json://127.0.0.1:9/
routes: [pages.route]
"""
COMMON = 'macro destructive = proc.cmdline contains "rm -rf"\nlist prod = (payments, checkout)\n'
PAGES = """\
import "common.route"
import falco "rules.yaml"

route "😀 rm -rf" {
  when  destructive and k8s.ns.name in (prod) and rule = "Terminal shell in container"
  to    secops
}
otherwise { to oncall }

test "pages" {
  event { proc.cmdline = "rm -rf /"  k8s.ns.name = payments  rule = "Terminal shell in container" }
  expect "😀 rm -rf" to secops
}
"""
RULES = """\
- macro: spawned
  condition: evt.type = execve

- rule: Terminal shell in container
  desc: a shell
  condition: spawned
  output: shell (proc.cmdline=%proc.cmdline ns=%k8s.ns.name)
  priority: NOTICE
  tags: [shell]
"""


def project(folder: Path) -> Path:
    for name, text in {
        "falco-bridge.yaml": CONFIG, "common.route": COMMON, "pages.route": PAGES, "rules.yaml": RULES,
    }.items():  # fmt: skip
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_problems_are_shown_as_one_types(tmp_path: Path) -> None:
    """A channel that the config does not have, a syntax error, and their end."""

    async def session(editor: Editor) -> list[lsp.Diagnostic]:
        editor.open("pages.route", PAGES)
        await editor.codes("pages.route", set())
        editor.change("pages.route", PAGES.replace("to    secops", "to    secopps"))
        await editor.codes("pages.route", {"R203"})
        found = editor.problems[editor.uri("pages.route")]
        editor.change("pages.route", PAGES.replace("otherwise {", "otherwise"))
        await editor.codes("pages.route", {"S101"})
        editor.change("pages.route", PAGES)
        await editor.codes("pages.route", set())
        return found

    (problem,) = edit(project(tmp_path), session)
    assert problem.range == lsp.Range(lsp.Position(5, 8), lsp.Position(5, 15))
    assert problem.message == "unknown channel `secopps`; did you mean `secops`?"
    assert problem.severity is lsp.DiagnosticSeverity.Error


def test_problems_of_other_files_are_shown_there(tmp_path: Path) -> None:
    """A change of an open file that breaks one that imports it."""

    async def session(editor: Editor) -> None:
        editor.open("common.route", COMMON)
        await editor.codes("common.route", set())
        editor.change("common.route", COMMON.replace("destructive", "removing"))
        await editor.codes("pages.route", {"R202"})

    edit(project(tmp_path), session)


def test_questions_about_names(tmp_path: Path) -> None:
    """Hover, definition and references, across files, with characters of two UTF-16 units before them."""

    async def session(editor: Editor) -> None:
        client = editor.client
        editor.open("pages.route", PAGES)
        macro = editor.at("pages.route", PAGES, "destructive")
        found = await client.text_document_hover_async(lsp.HoverParams(**macro))
        assert found is not None
        assert 'macro destructive = proc.cmdline contains "rm -rf"' in cast("lsp.MarkupContent", found.contents).value
        place = await client.text_document_definition_async(lsp.DefinitionParams(**macro))
        assert place == lsp.Location(editor.uri("common.route"), lsp.Range(lsp.Position(0, 6), lsp.Position(0, 17)))
        rule = editor.at("pages.route", PAGES, "Terminal shell")
        place = await client.text_document_definition_async(lsp.DefinitionParams(**rule))
        assert isinstance(place, lsp.Location)
        assert (place.uri, place.range.start) == (editor.uri("rules.yaml"), lsp.Position(3, 8))
        channel = editor.at("pages.route", PAGES, "secops\n}")
        place = await client.text_document_definition_async(lsp.DefinitionParams(**channel))
        assert isinstance(place, lsp.Location)
        assert (place.uri, place.range.start.line) == (editor.uri("falco-bridge.yaml"), 3)
        route = editor.at("pages.route", PAGES, '😀 rm -rf" to')
        context = lsp.ReferenceContext(include_declaration=True)
        uses = await client.text_document_references_async(lsp.ReferenceParams(context=context, **route))
        assert [each.range.start for each in uses or ()] == [lsp.Position(3, 6), lsp.Position(11, 9)]

    edit(project(tmp_path), session)


def test_completion_offers_what_the_grammar_and_the_project_allow(tmp_path: Path) -> None:
    """Channels after ``to``, operators after a field, values after an operator, clauses in a route."""

    async def labels(editor: Editor, written: str) -> list[str]:
        text = f"{PAGES}\n{written}"
        editor.change("pages.route", text)
        place = editor.at("pages.route", text, text, after=True)
        found = await editor.client.text_document_completion_async(lsp.CompletionParams(**place))
        assert isinstance(found, lsp.CompletionList)
        return [item.label for item in found.items]

    async def session(editor: Editor) -> None:
        editor.open("pages.route", PAGES)
        assert await labels(editor, 'route "x" { to ') == ["oncall", "secops"]
        assert {"when", "throttle", "then not", "to"} <= set(await labels(editor, 'route "x" { '))
        assert {"<", ">=", "in"} <= set(await labels(editor, 'route "x" { when evt.num '))
        assert "contains" not in await labels(editor, 'route "x" { when evt.num ')
        assert "critical" in await labels(editor, 'route "x" { when priority >= cr')
        assert "Terminal shell in container" in await labels(editor, 'route "x" { when rule = ')
        assert {"prod", "execve"} <= set(await labels(editor, 'route "x" { when evt.type in ('))
        conditions = await labels(editor, "where des")
        assert {"destructive", "spawned", "k8s.ns.name", "tolower(", "rule"} <= set(conditions)
        assert "k8s.pod.name" in await labels(editor, 'template t { title "in %k8s.')
        assert "😀 rm -rf" in await labels(editor, 'test "x" { expect ')
        assert "route" in await labels(editor, "")

    edit(project(tmp_path), session)


def test_completion_behind_a_dot_offers_what_starts_alike(tmp_path: Path) -> None:
    """Helix and Emacs match only what is typed behind the last dot. Without a match the list stays as it was."""

    async def session(editor: Editor) -> None:
        editor.open("pages.route", PAGES)
        for word, begin in (("k8s.n", "k8s."), ("k8s", ""), ("nothing.like", "")):
            text = f'{PAGES}\nroute "x" {{ when {word}'
            editor.change("pages.route", text)
            place = editor.at("pages.route", text, text, after=True)
            found = await editor.client.text_document_completion_async(lsp.CompletionParams(**place))
            assert isinstance(found, lsp.CompletionList)
            labels = [item.label for item in found.items]
            assert "k8s.ns.name" in labels
            assert all(label.startswith(begin) for label in labels)
            assert found.is_incomplete is ("proc.name" not in labels) is bool(begin)

    edit(project(tmp_path), session)


def test_rename_changes_every_use_and_nothing_else(tmp_path: Path) -> None:
    """Of a list in another file, and of a route with its test. A word of the language is refused."""

    async def session(editor: Editor) -> None:
        client = editor.client
        editor.open("pages.route", PAGES)
        named = editor.at("pages.route", PAGES, "prod)")
        changed = await client.text_document_rename_async(lsp.RenameParams(new_name="live", **named))
        assert changed is not None
        assert {uri: [each.new_text for each in edits] for uri, edits in (changed.changes or {}).items()} == {
            editor.uri("common.route"): ["live"], editor.uri("pages.route"): ["live"],
        }  # fmt: skip
        route = editor.at("pages.route", PAGES, "rm -rf")
        changed = await client.text_document_rename_async(lsp.RenameParams(new_name="removals", **route))
        assert changed is not None
        assert [each.new_text for each in (changed.changes or {})[editor.uri("pages.route")]] == ['"removals"'] * 2
        try:
            await client.text_document_rename_async(lsp.RenameParams(new_name="route", **named))
        except Exception as error:  # noqa: BLE001  # the client's own class of errors
            assert "cannot be a name" in str(error)  # noqa: PT017
        else:
            raise AssertionError("a reserved word was accepted")

    edit(project(tmp_path), session)


def test_edits_and_outline(tmp_path: Path) -> None:
    """Formatting, quick fixes, symbols, folding and the colours of names."""
    crooked = 'route   "x" {\n when k8s.ns.nam = prod\n to secops }\notherwise { to oncall }\n'

    async def session(editor: Editor) -> None:
        client = editor.client
        editor.open("pages.route", crooked)
        await editor.codes("pages.route", {"R201"})
        document = lsp.TextDocumentIdentifier(editor.uri("pages.route"))
        (problem,) = editor.problems[document.uri]
        context = lsp.CodeActionContext([problem])
        offered = await client.text_document_code_action_async(lsp.CodeActionParams(document, problem.range, context))
        titles = [each.title for each in offered or ()]
        assert any("k8s.ns.name" in title for title in titles), titles
        options = lsp.FormattingOptions(tab_size=2, insert_spaces=True)
        edits = await client.text_document_formatting_async(lsp.DocumentFormattingParams(document, options))
        assert [each.new_text.splitlines()[0] for each in edits or ()] == ['route "x" {']
        symbols = await client.text_document_document_symbol_async(lsp.DocumentSymbolParams(document))
        assert [each.name for each in symbols or ()] == ["x", "otherwise"]
        folds = await client.text_document_folding_range_async(lsp.FoldingRangeParams(document))
        assert [(each.start_line, each.end_line) for each in folds or ()] == [(0, 2)]
        colours = await client.text_document_semantic_tokens_full_async(lsp.SemanticTokensParams(document))
        assert colours is not None
        assert list(colours.data[:5]) == [1, 6, 10, 0, 0]

    edit(project(tmp_path), session)


def test_tests_are_run_from_a_route_and_failures_shown_until_the_next_change(tmp_path: Path) -> None:
    """By the command of a lens, which a code action has too. One passes, one fails."""
    text = f'{PAGES}test "late" {{ event {{ rule = "Unknown " }} expect "😀 rm -rf" to secops }}\n'

    async def session(editor: Editor) -> list[lsp.Diagnostic]:
        client, document = editor.client, lsp.TextDocumentIdentifier(editor.uri("pages.route"))
        editor.open("pages.route", text)
        lenses = await client.text_document_code_lens_async(lsp.CodeLensParams(document))
        titles = [(each.range.start.line, each.command and each.command.title) for each in lenses or ()]
        assert titles == [(3, "run its 2 tests"), (9, "run this test"), (13, "run this test")]
        command = (lenses or ())[0].command
        assert command is not None
        head = lsp.Range(lsp.Position(3, 0), lsp.Position(3, 0))
        context = lsp.CodeActionContext([])
        offered = await client.text_document_code_action_async(lsp.CodeActionParams(document, head, context))
        assert list(offered or ()) == [command]
        run = lsp.ExecuteCommandParams(command.command, arguments=command.arguments)
        await client.workspace_execute_command_async(run)
        await editor.until(lambda: any(each.source == "falco-bridge test" for each in editor.shown("pages.route")))
        assert [each.message for each in editor.messages] == ["tests: 1 passed, 1 failed"]
        found = [each for each in editor.shown("pages.route") if each.source == "falco-bridge test"]
        editor.change("pages.route", text.replace("to    secops", "to    missing"))
        await editor.until(lambda: not any(each.source == "falco-bridge test" for each in editor.shown("pages.route")))
        await client.workspace_execute_command_async(run)
        await editor.until(lambda: len(editor.messages) == 2)
        assert "errors" in editor.messages[1].message
        return found

    failures = edit(project(tmp_path), session)
    assert {each.range.start.line for each in failures} == {13}
    assert any("rm -rf" in each.message for each in failures)


def test_quick_typing_is_answered_for_the_last_text(tmp_path: Path) -> None:
    """A hundred changes without a pause, each with a question that is not waited for."""

    async def session(editor: Editor) -> None:
        client, document = editor.client, lsp.TextDocumentIdentifier(editor.uri("pages.route"))
        editor.open("pages.route", PAGES)
        await editor.codes("pages.route", set())
        published = editor.publications
        for number in range(100):
            editor.change("pages.route", PAGES.replace("to    secops", f"to    secops{number}"))
        place = editor.at("pages.route", PAGES, "oncall")
        beyond = {**place, "position": lsp.Position(10_000, 10_000)}
        assert await client.text_document_hover_async(lsp.HoverParams(**beyond)) is None
        assert await client.text_document_hover_async(lsp.HoverParams(**place)) is not None
        await editor.codes("pages.route", {"R203"})
        await editor.until(lambda: "secops99" in editor.shown("pages.route")[0].message)
        assert editor.publications - published < 100
        editor.change("pages.route", PAGES)
        await editor.codes("pages.route", set())
        symbols = await client.text_document_document_symbol_async(lsp.DocumentSymbolParams(document))
        assert len(symbols or ()) == 3

    edit(project(tmp_path), session)


def test_a_message_that_cannot_be_sent_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    """In the log only. A report to the editor about it would fail as well."""
    server, stream = make_server(), BytesIO()
    server.protocol.set_writer(StdoutWriter(stream))
    stream.close()
    server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams("file:///x.route", []))
    assert [each.message for each in caplog.records if each.levelno >= logging.ERROR] == ["Error sending data"]


def test_what_the_journal_has_is_shown_if_it_can_be_read(tmp_path: Path, postgres: str) -> None:
    """Hits beside routes, counted beside the server's loop: the first answer is empty. On a field its values, redacted.

    In a file, and in a database whose URL is a secret. Errors elsewhere in the config do not matter.
    """
    folder = project(tmp_path)
    pages = PAGES.replace("otherwise {", 'redact k8s.ns.name matching "secret"\notherwise {')
    decided = Routed((Decision("😀 rm -rf", Reason.SENT, ("secops",)),), ())
    entries = [
        Entry(alert(number, fields={"k8s.ns.name": "secret-ns", "n": str(number)}), decided) for number in range(3)
    ]

    async def hints(editor: Editor) -> list[tuple[int, str]]:
        whole = lsp.Range(lsp.Position(0, 0), lsp.Position(99, 0))
        document = lsp.TextDocumentIdentifier(editor.uri("pages.route"))
        found = await editor.client.text_document_inlay_hint_async(lsp.InlayHintParams(document, whole))
        return [(each.position.line, str(each.label)) for each in found or ()]

    async def hover(editor: Editor, name: str) -> str:
        found = await editor.client.text_document_hover_async(lsp.HoverParams(**editor.at("pages.route", pages, name)))
        assert found is not None
        return cast("lsp.MarkupContent", found.contents).value

    async def without_a_journal(editor: Editor) -> None:
        editor.open("pages.route", pages)
        await editor.codes("pages.route", set())
        assert await hints(editor) == await hints(editor) == []
        assert "newest" not in await hover(editor, "k8s.ns.name")

    async def with_one(editor: Editor) -> list[tuple[int, str]]:
        editor.open("pages.route", pages)
        await editor.codes("pages.route", set())
        for _ in range(60):  # a slow journal is there for a later answer
            if "newest" in (namespaces := await hover(editor, "k8s.ns.name")):
                break
        assert "in 3 of the newest 3 alerts, since " in namespaces
        assert namespaces.endswith(":\n```text\n      3  ***-ns\n```")
        assert "in none of the newest 3 alerts" in await hover(editor, "proc.cmdline")
        for _ in range(600):
            if found := await hints(editor):
                return found
            await asyncio.sleep(0.05)
        raise AssertionError("no hits are shown")

    edit(folder, without_a_journal, "--history")
    url = in_schema(postgres, new_schema())
    (folder / "url").write_text(url, encoding="utf-8")
    for written, location in (("j.db", folder / "j.db"), ("{url: '${file:url}'}", DatabaseLocation(Secret(url)))):
        journal = open_for_router(location)
        journal.alerts.append("falco", time.time_ns(), entries)
        journal.close()
        config = CONFIG.replace("journal: j.db", f"journal: {written}") + "unknown: key\n"
        (folder / "falco-bridge.yaml").write_text(config, encoding="utf-8")
        assert edit(folder, with_one, "--history") == [(3, "3 in 24 h"), (8, "0 in 24 h")]


def test_columns_are_utf16_units_for_every_editor(tmp_path: Path) -> None:
    """Helix and Neovim prefer bytes. The server says which units it uses."""

    async def session(editor: Editor) -> None:
        assert editor.started is not None
        assert editor.started.capabilities.position_encoding == "utf-16"

    preferred = lsp.GeneralClientCapabilities(position_encodings=["utf-8", "utf-32", "utf-16"])
    edit(tmp_path, session, capabilities=lsp.ClientCapabilities(general=preferred))


@pytest.mark.parametrize("separator", ["\u2028", "\x0c", "\x85", "\x1c"])
def test_changes_are_made_where_the_editor_made_them(tmp_path: Path, separator: str) -> None:
    """Only line breaks end a line, no other character. The ends of lines may be those of Windows."""
    text = f'# a{separator}b 😀\r\nroute "r"   {{ when nope.x = 1 to x }}\r\n'

    async def session(editor: Editor) -> str:
        editor.open("new.route", text)
        editor.replace("new.route", lsp.Range(lsp.Position(1, 19), lsp.Position(1, 25)), "proc.name")
        editor.replace("new.route", lsp.Range(lsp.Position(0, 8), lsp.Position(1, 0)), "c\r\n#\r\n")
        options = lsp.FormattingOptions(2, insert_spaces=True)
        identifier = lsp.TextDocumentIdentifier(editor.uri("new.route"))
        edits = await editor.client.text_document_formatting_async(lsp.DocumentFormattingParams(identifier, options))
        assert edits is not None
        return edits[0].new_text

    wanted = f'# a{separator}b 😀c\n#\nroute "r" {{\n  when      proc.name = 1\n  to        x\n}}\n'
    assert edit(tmp_path, session) == wanted


@pytest.mark.parametrize("address", ["untitled:Untitled-1", "vscode-vfs://github/falco/new.route", "new.route"])
def test_a_document_need_not_be_a_file(tmp_path: Path, address: str) -> None:
    """Nor is a file that is not saved yet. Its problems are those of its text, under the editor's own address."""
    text = 'route "r" { when proc.nme = bash to x }\n'

    async def session(editor: Editor) -> lsp.CompletionList:
        editor.open(address, text)
        await editor.codes(address, {"R201"})
        place = editor.at(address, text, "to x")
        found = await editor.client.text_document_completion_async(lsp.CompletionParams(**place))
        assert isinstance(found, lsp.CompletionList)
        return found

    assert "to" in {each.label for each in edit(tmp_path, session).items}


def test_files_that_come_and_go_are_noticed(tmp_path: Path) -> None:
    """The config names them by a pattern. A removed one is no problem; the names in a new one are taken."""
    folder = project(tmp_path)
    (folder / "falco-bridge.yaml").write_text(CONFIG.replace("pages.route", "'*.route'"), encoding="utf-8")
    other = folder / "other.route"
    other.write_text('route "other" { to secops }\n', encoding="utf-8")
    same = 'route "other" { to secops }\notherwise { to secops }\n'

    async def session(editor: Editor) -> None:
        editor.open("pages.route", same)
        await editor.codes("pages.route", {"R208"})
        other.unlink()
        editor.client.text_document_did_save(
            lsp.DidSaveTextDocumentParams(lsp.TextDocumentIdentifier(editor.uri("pages.route")))
        )
        await editor.codes("pages.route", set())
        assert not editor.shown("other.route")

    edit(folder, session)
