"""How the language server ends: with the exit code of the protocol, and without a word on standard error."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def framed(method: str, number: int | None = None, **params: object) -> bytes:
    """A message of the protocol. Those with a number are requests."""
    numbered = {} if number is None else {"id": number}
    body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params or None} | numbered).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


INITIALIZE = framed("initialize", 1, processId=None, rootUri=None, capabilities={}) + framed("initialized")
OPEN = framed(
    "textDocument/didOpen",
    textDocument={"uri": "file:///x/a.route", "languageId": "r", "version": 1, "text": "route {"},
)


def started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "bridge", "lsp"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        pytest.param(framed("shutdown", 2) + framed("exit"), 0, id="shutdown"),
        pytest.param(framed("exit"), 1, id="exit without shutdown"),
        pytest.param(b"", 1, id="end of the input"),
    ],
)
def test_the_exit_code_says_whether_the_editor_asked_for_the_end(messages: bytes, code: int) -> None:
    """As the protocol has it, and without a traceback, which editors show."""
    server = started()
    output, errors = server.communicate(INITIALIZE + messages, timeout=120)
    assert (server.returncode, errors) == (code, b"")
    assert output.startswith(b"Content-Length: ")


def test_an_editor_that_dies_leaves_no_traceback() -> None:
    """It reads no more; what the server would publish is discarded."""
    server = started()
    assert server.stdin is not None
    assert server.stdout is not None
    assert server.stderr is not None
    server.stdin.write(INITIALIZE)
    server.stdin.flush()
    server.stdout.readline()
    server.stdout.close()
    server.stdin.write(
        OPEN
        + framed(
            "textDocument/hover", 3, textDocument={"uri": "file:///x/a.route"}, position={"line": 0, "character": 1}
        )
    )
    server.stdin.close()
    assert (server.wait(120), server.stderr.read()) == (1, b"")
    server.stderr.close()
