"""Configs that no person writes by hand: `load_config` neither raises nor hangs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.config.load import load_config

BASE = "sources: [{stdin: true}]\nchannels: {c: console://}\n"
LONG = "x" * 300
BOMB = "".join(
    f"{each}: &{each} [{', '.join([f'*{before}'] * 9)}]\n" for before, each in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]\n", "sources: &a [*a]\n", "channels: &a {c: *a}\n", "&a [*a]",
        f"{BASE}routes: [a.route]\njournal: j.db\na: &a [x]\n{BOMB}labels: *i\n",
    ],
)  # fmt: skip
def test_aliases_that_never_end_are_an_error(tmp_path: Path, text: str) -> None:
    """A value that contains itself, and a list of 9^8 items that fits in a line each."""
    config = tmp_path / "b.yaml"
    config.write_text(text, "utf-8")
    (found,) = load_config(config, {}).diagnostics
    assert "refers to itself, or repeats too much" in found.message


@pytest.mark.parametrize(
    "text",
    [
        f"routes: [{LONG}.route]\njournal: j.db", f"routes: [{{files: '{LONG}*'}}]\njournal: j.db",
        f"routes: [a.route]\njournal: {LONG}", f"routes: [a.route]\njournal: {'y/' * 3000}",
        f"routes: [a.route]\njournal: j.db\nfields: [{LONG}]", f"routes: [a.route]\njournal: j.db\nshadow: [{LONG}]",
    ],
)  # fmt: skip
def test_a_path_that_no_file_can_have_is_an_error(tmp_path: Path, text: str) -> None:
    """The system refuses to look at it."""
    (tmp_path / "a.route").write_text("otherwise { to c }\n", "utf-8")
    config = tmp_path / "b.yaml"
    config.write_text(f"{BASE}{text}\n", "utf-8")
    assert "this path is too long" in {each.message for each in load_config(config, {}).diagnostics}


def test_what_is_no_regular_file_is_named(tmp_path: Path) -> None:
    """No file with the same name is suggested."""
    (tmp_path / "link.route").symlink_to("gone.route")
    os.mkfifo(tmp_path / "pipe.route")
    config = tmp_path / "b.yaml"
    for name, hint in (
        ("link", "a link to gone.route, which does not exist"),
        ("pipe", "a device, a pipe or a socket"),
    ):
        config.write_text(f"{BASE}routes: [{name}.route]\njournal: j.db\n", "utf-8")
        (found,) = load_config(config, {}).diagnostics
        assert (found.message, hint in found.hint) == (f"no file matches {name}.route", True), found.hint
