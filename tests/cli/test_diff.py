"""``falco-bridge diff`` as a user types it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from bridge.alert.forms.json_text import encode_json
from bridge.cli.trial.diff_report import inline_code
from tests.cli.commands import ALERTS, ROOT, ROUTES, run
from tests.support.builders import alert

GOLDEN = ROOT / "tests" / "data" / "replay"
CANDIDATE = GOLDEN / "candidate.route"


@pytest.mark.parametrize(("option", "name"), [((), "diff.txt"), (("--markdown",), "diff.md")])
def test_the_report_is_the_one_in_the_golden_file(option: tuple[str, ...], name: str) -> None:
    """For people, and for a pull request. Something differs: 1."""
    done = run("diff", ROUTES, CANDIDATE, "--from", ALERTS, "--samples", 1, *option)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == (GOLDEN / name).read_text(encoding="utf-8")


def test_json_has_the_same_figures() -> None:
    """By channel and route; the route of a channel's own row is empty."""
    done = run("diff", ROUTES, CANDIDATE, "--from", ALERTS, "--json")
    found = json.loads(done.stdout)
    rows = {(each["channel"], each["route"]): each for each in found["rows"]}
    assert (found["gained"], found["lost"], found["differs"]) == (15, 15, True)
    assert (rows["pager", ""]["before"], rows["pager", ""]["after"]) == (7, 13)
    assert rows["pager", "etc"]["gained"] == 7
    assert rows["pager", "etc"]["samples"]["gained"][0]["id"].startswith("988f0a")


def test_the_same_routes_differ_in_nothing() -> None:
    """0, also for routes with memory and for different text with the same meaning."""
    done = run("diff", ROUTES, ROUTES.parent, "--from", ALERTS)
    assert (done.returncode, "the same notifications for 58 alerts" in done.stdout) == (0, True)


def git(folder: Path, *words: str) -> None:
    identity = {f"GIT_{who}_{what}": "x@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, env=os.environ | identity)


def test_a_set_can_be_a_git_revision(tmp_path: Path) -> None:
    """Imports come from the same revision, also above the named folder; a revision cannot be an option."""
    (tmp_path / "routes").mkdir()
    (tmp_path / "common.route").write_text("macro mine = k8s.ns.name = payments\n", encoding="utf-8")
    text = 'import "../common.route"\nroute "r" { when mine to pager }\n'
    (tmp_path / "routes" / "a.route").write_text(text, encoding="utf-8")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    (tmp_path / "common.route").write_text("macro mine = k8s.ns.name = checkout\n", encoding="utf-8")
    outside = 'import "../../common.route"\nroute "r" { when mine to pager }\n'
    (tmp_path / "routes" / "b.route").write_text(outside.replace('"r"', '"s"'), encoding="utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "second")
    (tmp_path / "routes" / "b.route").unlink()
    done = run("diff", "HEAD~1:routes/", "routes", "--from", ALERTS, "--json", cwd=tmp_path)
    row = next(each for each in json.loads(done.stdout)["rows"] if each["route"] == "r")
    assert (done.returncode, row["gained"] > 0, row["lost"] > 0) == (1, True, True)
    assert run("diff", "main~1:./", "HEAD~1:routes/a.route", "--from", ALERTS, cwd=tmp_path / "routes").returncode == 0
    for name, expected in (
        ("HEAD:routes/", "HEAD:/routes/b.route:1:8"),
        ("gone:routes/", "does not know the revision"),
        ("--upload-pack=x:routes/", "unrecognized arguments"),
        ("HEAD:../x", "outside of the repository"),
        ("HEAD:nowhere/", "nowhere"),
    ):
        done = run("diff", name, "routes", "--from", ALERTS, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, ""), name
        assert expected in done.stderr


def test_texts_of_alerts_do_nothing_in_markdown(tmp_path: Path) -> None:
    """They are inside a fence that they cannot end; names are entities. Mentions are not made in code."""
    hostile = "```\n@everyone <!-- [x](http://x) | ~~~ \x1b[31m ``````"
    lines = encode_json(alert(10**18, rule=hostile, fields={"proc.cmdline": hostile, "k8s.ns.name": hostile})) + b"\n"
    (tmp_path / "alerts.jsonl").write_bytes(lines)
    (tmp_path / "old.route").write_text('route "n" { when rule = none to pager }\n', encoding="utf-8")
    name = json.dumps("`|<b>@x")
    (tmp_path / "new.route").write_text(f"route {name} {{ when rule exists to pager }}\n", encoding="utf-8")
    done = run("diff", "old.route", "new.route", "--from", "alerts.jsonl", "--markdown", cwd=tmp_path)
    assert done.returncode == 1
    text = done.stdout
    (fence,) = set(re.findall(r"(?m)^(`{3,})(?:text)?$", text))
    inside = text.partition(f"{fence}text\n")[2].partition(f"\n{fence}")[0]
    assert (text.count("@everyone"), "@everyone" in inside, fence in inside) == (3, True, False)
    assert "\x1b" not in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {8}
    assert "@x" not in "".join(table)
    assert inline_code("a|`<@") == "<code>a&#124;&#96;&#60;&#64;</code>"


def test_new_alone_is_compared_with_the_configs_routes(tmp_path: Path) -> None:
    """And two sets are needed otherwise."""
    for path in (ROOT / "examples" / "quickstart").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    done = run("diff", "quickstart.route", "--config", "falco-bridge.yaml", "--from", "alerts.jsonl", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    done = run("diff", "quickstart.route", "--from", "alerts.jsonl", cwd=tmp_path)
    assert (done.returncode, "name two sets of routes" in done.stderr) == (2, True)
