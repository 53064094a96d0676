"""Lines that bash announces: its own quoting, read back."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from bridge.terminal.lines.announced import split_number, unquoted

LINES = [
    "ls -l", "echo it's", "a\tb", "a\nb", 'echo "$X" \\', "한글 ü", "\x1b[31m", "''", "$'x'", "a\\'b", "\x7f\x01", "x" * 2000, "!",
]  # fmt: skip


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_what_bash_quotes_is_read_back(locale: str) -> None:
    """`@Q` of each line, in both locales, as PS0 uses it."""
    script = 'for line; do printf "%s\\0" "/.falco-bridge/${line@Q}"; done'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *LINES],
        capture_output=True,
        check=True,
        env={"LC_ALL": locale, "PATH": "/usr/bin:/bin"},
    )
    paths = done.stdout.decode("utf-8", "replace").split("\0")[:-1]
    assert list(map(unquoted, paths)) == LINES


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("    7  ls", (7, "ls")), ("   12* ls", (12, "ls")), ("12345  ls", (12345, "ls")), ("ls", (0, "ls")),
        ("    8    spaced", (8, "spaced")), ("7zip", (0, "7zip")), ("", (0, "")),
    ],
)  # fmt: skip
def test_the_number_of_history_is_split_off(line: str, expected: tuple[int, str]) -> None:
    assert split_number(line) == expected


@pytest.mark.parametrize(
    "path",
    ["/.falco-bridge/", "/.falco-bridge/'open", "/.falco-bridge/$'\\", "/.falco-bridge/$'\\ud800'", "", "\udc80"],
)
def test_a_path_that_bash_did_not_write_gives_some_text(path: str) -> None:
    """An attacker may open any path."""
    assert isinstance(unquoted(path), str)
    unquoted(path).encode()
