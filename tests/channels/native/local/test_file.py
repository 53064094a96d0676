"""The file channel: lines of JSON in allowed folders only."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bridge.channels.contract import Channel, Verdict
from bridge.channels.native.local.allowed import Allowed
from bridge.channels.registry import open_channel, problem_with
from tests.channels.deliveries import make_delivery


def channel(path: Path, folder: Path) -> Channel:
    return open_channel("f", f"file://{path}", {}, Allowed(folders=(folder,), journal=folder / "journal.db"))


def test_each_delivery_is_a_line_in_a_private_file(tmp_path: Path) -> None:
    """The JSON of a webhook; the file has mode 0600."""
    path = tmp_path / "a.jsonl"
    assert channel(path, tmp_path).send([make_delivery(1), make_delivery(2)]).verdict is Verdict.DELIVERED
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["falco_bridge"]["delivery"] for line in lines] == [1, 2]
    assert lines[0]["output_fields"]["proc.vpid"] == 20072
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_symbolic_link_is_followed(tmp_path: Path) -> None:
    """Neither for the file nor for a folder of its path; the target is not changed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a").write_text("mine\n", encoding="utf-8")
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (allowed / "link").symlink_to(elsewhere / "a")
    (allowed / "folder").symlink_to(elsewhere)
    for path in (allowed / "link", allowed / "folder" / "a", allowed / "folder" / "new"):
        assert channel(path, allowed).send([make_delivery()]).verdict is Verdict.RETRY
    assert (elsewhere / "a").read_text(encoding="utf-8") == "mine\n"
    assert [each.name for each in elsewhere.iterdir()] == ["a"]


def test_a_path_that_is_not_a_file_is_a_channel_fault(tmp_path: Path) -> None:
    """A named pipe would block the courier."""
    os.mkfifo(tmp_path / "pipe")
    outcome = channel(tmp_path / "pipe", tmp_path).send([make_delivery()])
    assert outcome.verdict is Verdict.CHANNEL_FAULT
    assert "not a regular file" in outcome.reason


def test_a_rotated_file_is_not_written_to(tmp_path: Path) -> None:
    """Deliveries after a rename go to a new file, and none is lost."""
    path = tmp_path / "a.jsonl"
    sink = channel(path, tmp_path)
    sink.send([make_delivery(1)])
    path.rename(tmp_path / "a.jsonl.1")
    sink.send([make_delivery(2)])
    files = (tmp_path / "a.jsonl.1", path)
    assert [json.loads(each.read_bytes())["falco_bridge"]["delivery"] for each in files] == [1, 2]


def test_an_incomplete_line_does_not_damage_the_next(tmp_path: Path) -> None:
    """A machine may crash in the middle of a line."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"half": ')
    channel(path, tmp_path).send([make_delivery(1)])
    half, whole = path.read_bytes().splitlines()
    assert half == b'{"half": '
    assert json.loads(whole)["falco_bridge"]["delivery"] == 1


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/etc/passwd", "outside"),
        ("FOLDER/../x", "outside"),
        ("FOLDERx/y", "outside"),
        ("FOLDER", "outside"),
        ("FOLDER/journal.db", "journal"),
        ("FOLDER/sub/../journal.db-wal", "journal"),
    ],
)
def test_a_file_outside_of_the_allowed_folders_is_reported(path: str, problem: str, tmp_path: Path) -> None:
    """However its path is written; the journal, too."""
    allowed = Allowed(folders=(tmp_path,), journal=tmp_path / "journal.db")
    assert problem in str(problem_with(f"file://{path.replace('FOLDER', str(tmp_path))}", {}, allowed))
    assert "outside" in str(problem_with(f"file://{tmp_path}/a"))
