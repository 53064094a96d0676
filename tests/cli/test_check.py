"""``falco-bridge check`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.commands import ROUTES, RULES, run


def test_check_prints_text_json_and_github_annotations(tmp_path: Path) -> None:
    """The same problems in three formats. Exit code 1 only for errors."""
    (tmp_path / "a.route").write_text('route "r" {\n  when proc.cmdlin = a\n  to x\n}\n', encoding="utf-8")
    text = run("check", "a.route", cwd=tmp_path)
    assert text.returncode == 1
    assert "a.route:2:8" in text.stdout
    assert "1 error, 0 warnings" in text.stdout
    (problem,) = json.loads(run("check", "a.route", "--format", "json", cwd=tmp_path).stdout)
    assert (problem["code"], problem["severity"], problem["line"], problem["column"]) == ("R201", "error", 2, 8)
    github = run("check", "a.route", "--format", "github", cwd=tmp_path).stdout
    assert github.startswith("::error file=a.route,line=2,col=8,title=R201::unknown field")
    assert run("check", "nothing.route", cwd=tmp_path).returncode == 1
    assert run("check", ROUTES).stdout == "no problems\n"


def test_a_file_that_cannot_be_read_is_a_problem_like_others(tmp_path: Path) -> None:
    """The other files are checked all the same. Nothing is concluded from rules that could not be read."""
    (tmp_path / "bad.route").write_text(
        '\ufeffroute "r" { when rule = nosuch to x }\nroute "r" { to x }', encoding="utf-8"
    )
    (tmp_path / "latin.route").write_bytes(b'route "l" { when rule = "\xff" to x }')
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    done = run("check", "none.route", "bad.route", "latin.route", "--rules", "rules.yaml", "--rules", "none.yaml",
               "--format", "json", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 1
    assert [(each["code"], each["path"]) for each in json.loads(done.stdout)] == [
        ("R213", "bad.route"), ("R208", "bad.route"), ("R215", "latin.route"), ("R215", "none.route"), ("R215", "none.yaml"),
    ]  # fmt: skip
    alone = run("explain", "none.route", cwd=tmp_path)
    assert (alone.returncode, "none.route: no such file" in alone.stderr) == (2, True)
