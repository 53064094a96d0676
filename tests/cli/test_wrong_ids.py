"""The id of another kind of thing: each error says what to write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.cli.main import main
from bridge.operator.api.access import Access
from bridge.operator.api.app import api_app
from bridge.operator.serving.connection import ServedSockets
from tests.operator.serving import served, unix_sockets
from tests.operator.test_api import letters, operations_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A config, and a journal with seven dead letters whose bridge answers."""
    folder = tmp_path_factory.mktemp("ids")
    letters(folder / "journal.db", 7)
    (folder / "r.route").write_text('route "r" { to a }\n', "utf-8")
    (folder / "c.yaml").write_text(
        '{"channels": {"a": "file://a.jsonl"}, "routes": ["r.route"], "journal": "journal.db", "admin": "a.sock"}',
        "utf-8",
    )
    socket = ServedSockets(unix_sockets(folder / "a.sock"), api_app(operations_of(folder / "journal.db", []), Access()))
    with served(socket):
        yield folder


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["explain", "98eb6bfa"], 2, "there is no file 98eb6bfa; for an alert's id write --id 98eb6bfa"),
        (["explain", "--id", "98eb6bfa98eb6bfa"], 2, "it may be the id of an incident (falco-bridge incidents)"),
        (["explain", "--id", "99"], 2, "it may be the id of a dead letter (falco-bridge dead show 99)"),
        (["match", "rule exists", "98eb6bfa"], 2, "for an alert's id write --id 98eb6bfa"),
        (["show", "99"], 1, "it may be the id of a dead letter (falco-bridge dead show 99)"),
        (["show", "99"], 1, "or of a quarantined message (falco-bridge quarantine show 99)"),
        (["show", "0123abcd"], 1, "it may be the id of a silence (falco-bridge silence list)"),
        (["show", "nonsense"], 1, "`falco-bridge history` lists alerts"),
        (["dead", "show", "98eb6bfa98eb6bfa98eb6bfa98eb6bfa"], 2, "(falco-bridge show 98eb6bfa98eb6bfa98eb6bfa98eb6bfa)"),
        (["dead", "retry", "x"], 2, "'x' is not the number of a dead letter; falco-bridge dead list lists them"),
        (["dead", "retry", "9" * 30], 2, "is not the number of a dead letter"),
        (["dead", "discard", "99"], 1, "there is no dead letter 99; see: falco-bridge dead list"),
        (["quarantine", "show", "98eb6bfa"], 2, "it may be the id of a silence (falco-bridge silence list) or of an alert"),
        (["quarantine", "export", "99"], 1, "is not in the quarantine; see: falco-bridge quarantine list"),
        (["ack", "98eb6bfa98eb6bfa98eb6bfa98eb6bfa"], 2, "`falco-bridge incidents` lists them; it may be the id of an alert"),
        (["resolve", "7"], 2, "it may be the id of a dead letter (falco-bridge dead show 7)"),
        (["silence", "expire", "7"], 2, "`falco-bridge silence list` lists them; it may be the id of a dead letter"),
        (["silence", "expire", "7", "8"], 2, "see: falco-bridge silence list; it may be the id of a dead letter"),
        (["silence", "extend", "98eb6bfa98eb6bfa", "--for", "2h"], 2, "it may be the id of an incident"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else None,
)  # fmt: skip
def test_the_error_says_what_to_write(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: list[str], code: int, sentence: str,
) -> None:  # fmt: skip
    """Where another verb shows such an id, that verb with the id."""
    monkeypatch.chdir(folder)
    try:
        found = main([*words, "--config", "c.yaml"])
    except SystemExit as ended:
        found = ended.code
    printed = capsys.readouterr().err
    assert sentence in " ".join(printed.split()), printed
    assert found == code


def test_a_file_with_the_name_of_an_id_is_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    (folder / "cafe").write_text("", "utf-8")
    assert main(["match", "rule exists", "cafe"]) == 1
    assert "write --id" not in capsys.readouterr().err
