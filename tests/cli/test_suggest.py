"""``falco-bridge suggest`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.commands import ALERTS, ROOT, ROUTES, run

GOLDEN = ROOT / "tests" / "data" / "replay" / "suggest.route"


def test_the_output_is_a_route_file_that_check_and_fmt_accept(tmp_path: Path) -> None:
    """It is the golden one. The options that were not chosen are comments."""
    done = run("suggest", ROUTES, "--from", ALERTS, "--top", 2)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == GOLDEN.read_text(encoding="utf-8")
    (tmp_path / "quiet.route").write_text(done.stdout, encoding="utf-8")
    assert run("check", "--strict", "quiet.route", cwd=tmp_path).returncode == 0
    assert run("fmt", "--check", "quiet.route", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(("kind", "word"), [("group", "\n  group"), ("drop", "\n  drop")])
def test_another_option_can_be_chosen(kind: str, word: str) -> None:
    """--with says which one is not a comment."""
    done = run("suggest", ROUTES, "--from", ALERTS, "--top", 1, "--with", kind)
    assert (done.stdout.count(word), "\n  throttle" in done.stdout) == (1, False)


def test_json_has_each_option_with_its_figures() -> None:
    """Routes or a command, before and held back."""
    found = json.loads(run("suggest", ROUTES, "--from", ALERTS, "--json", "--top", 1).stdout)
    (suggestion,) = found["suggestions"]
    assert [each["kind"] for each in suggestion["options"]] == ["throttle", "group", "silence", "drop"]
    assert suggestion["options"][2]["command"].startswith("falco-bridge silence add 'rule = ")
    assert all(0 < each["held_back"] <= each["notifications"] for each in suggestion["options"])


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    """And a quiet journal gets no suggestion."""
    assert "name the routes in use" in run("suggest", "--from", ALERTS).stderr
    (tmp_path / "none.jsonl").write_text("", encoding="utf-8")
    done = run("suggest", ROUTES, "--from", tmp_path / "none.jsonl")
    assert (done.returncode, done.stdout) == (0, "# no alert, and so nothing to suggest\n")
