"""``falco-bridge fmt`` as a user types it."""

from __future__ import annotations

from pathlib import Path

from tests.cli.commands import run


def test_fmt_rewrites_checks_and_shows_differences(tmp_path: Path) -> None:
    """--check and --diff change no file, and a file with a syntax error is not changed. - is standard input."""
    path = tmp_path / "a.route"
    path.write_text("list a=(x)\n", encoding="utf-8")
    path.chmod(0o640)
    assert run("fmt", "--check", path).returncode == 1
    assert "+list a = (x)" in run("fmt", "--diff", path).stdout
    assert path.read_text(encoding="utf-8") == "list a=(x)\n"
    assert run("fmt", path).returncode == 0
    assert path.read_text(encoding="utf-8") == "list a = (x)\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert run("fmt", "--check", path).returncode == 0
    path.write_text("list a=(x\n", encoding="utf-8")
    assert run("fmt", path).returncode == 2
    assert path.read_text(encoding="utf-8") == "list a=(x\n"
    assert run("fmt", "-", given="list a=(x)").stdout == "list a = (x)\n"
    path.write_text("list a=(x)", encoding="utf-8")
    assert "\n-list a=(x)\n\\ No newline at end of file\n+list a = (x)\n" in run("fmt", "--diff", path).stdout


def test_fmt_keeps_the_byte_order_mark_and_the_line_ends(tmp_path: Path) -> None:
    """A file from Windows stays one, behind a link too. In standard input neither is a mistake."""
    path, link = tmp_path / "a.route", tmp_path / "link.route"
    path.write_bytes(b"\xef\xbb\xbflist a=(x)\r\n# c\r\n")
    link.symlink_to(path)
    assert run("fmt", link).stdout == f"{link}: reformatted\n"
    assert path.read_bytes() == b"\xef\xbb\xbflist a = (x)\r\n# c\r\n"
    assert run("fmt", "--check", path).returncode == 0
    assert run("fmt", "-", given="\ufefflist a=(x)\r\n").stdout == "list a = (x)\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.route", "link.route"]
