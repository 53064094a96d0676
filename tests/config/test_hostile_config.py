"""Configs that no person writes by hand: `load_config` neither raises nor hangs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.config.load import load_config

BASE = "sources: [{stdin: true}]\nchannels: {c: console://}\n"
ADDRESS = '"webhook://127.0.0.1/${file:secret}"'
LONG = "x" * 300
DIGITS = "9" * 5000
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


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        ("hooks/one\nhooks/two\n", "`url` contains a line break or a control character", "write it on one line"),
        ("hooks/\x00one", "`url` contains a line break or a control character", "write it on one line"),
        (None, "secret cannot be read (No such file or directory)", "create the file, or correct its path"),
        ("", "secret is empty", "write the secret into it"),
        ("x" * 70_000, "secret cannot be read (larger than 65536 bytes)", "name the file of the secret"),
    ],
)
def test_a_secret_of_several_lines_or_a_wrong_file_is_an_error(
    tmp_path: Path, content: str | None, message: str, hint: str
) -> None:
    """The lines of an address would be joined without a word. White space around a secret is no part of it."""
    (tmp_path / "a.route").write_text("otherwise { to c }\n", "utf-8")
    config, secret = tmp_path / "b.yaml", tmp_path / "secret"
    config.write_text(f"{BASE}routes: [a.route]\njournal: j.db\n".replace("console://", ADDRESS), "utf-8")
    secret.write_text("  hooks/one \r\n", "utf-8")
    assert load_config(config, {}).diagnostics == ()
    secret.unlink()
    if content is not None:
        secret.write_text(content, "utf-8")
    (found,) = load_config(config, {}).diagnostics
    assert (found.message, found.hint) == (message, hint)


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


@pytest.mark.parametrize(
    "value",
    [
        'metrics: "\u00b2"', f"metrics: '{DIGITS}'", f"metrics: 'h:{DIGITS}'", f"shutdown: {{drain: '{DIGITS}'}}",
        f"sources: [{{discover: 'dns://x:5', resolver: '1.1.1.1:{DIGITS}'}}]", "metrics: 'h:\u00b2'",
        'sources: [{file: "/a\\ud800"}]', 'labels: {a: "${file:\\0}"}', 'channels: {c: "json://h/${file:\\0}"}',
    ],
)  # fmt: skip
def test_numbers_and_names_that_cannot_be_are_errors(tmp_path: Path, value: str) -> None:
    """A superscript digit is a digit for Python, and no number; nor does it convert thousands of digits."""
    config = tmp_path / "b.yaml"
    (name, _, _) = value.partition(":")
    lines = ["sources: [{stdin: true}]", "channels: {c: console://}", "routes: [a.route]", "journal: j.db"]
    kept = [each for each in lines if not each.startswith(f"{name}:")]
    config.write_text("\n".join([*kept, value]), "utf-8")
    assert load_config(config, {}).diagnostics
