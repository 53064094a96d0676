"""The commands as a user types them: help, exit codes, and what they print."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from bridge.cli.main import VERBS, make_parser
from bridge.journal.opening import open_for_router
from tests.support.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
ALERTS = ROOT / "examples" / "quickstart" / "alerts.jsonl"
ROUTES = ROOT / "examples" / "quickstart" / "quickstart.route"


def run(*arguments: object, cwd: Path = ROOT, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bridge", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=60,
        check=False, input=given,
    )  # fmt: skip


def test_help_names_every_verb_and_each_has_its_own() -> None:
    """Exit 0."""
    top = run("--help")
    assert top.returncode == 0
    for verb in VERBS:
        assert f"    {verb.replace('_', '-')}" in top.stdout
        one = run(verb.replace("_", "-"), "--help")
        assert (one.returncode, "usage:" in one.stdout) == (0, True), verb


def parsers(
    parser: argparse.ArgumentParser, words: str = "falco-bridge"
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every verb, and every action of one, by what is typed for it."""
    yield words, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from parsers(inner, f"{words} {name}")


def test_every_help_ends_with_an_example_that_can_be_typed() -> None:
    """Of that verb, on a line of its own, and taken as it stands: add ``example=`` where a new verb makes its parser."""
    top = make_parser(VERBS)
    told = dict(parsers(top))
    del told["falco-bridge"]
    assert set(VERBS) <= {words.split()[1].replace("-", "_") for words in told}
    for words, parser in told.items():
        _, mark, shown = parser.format_help().partition("\nexample:\n")
        assert mark, f"{words} has no example"
        for line in shown.splitlines():
            assert line.startswith(f"  {words} "), line
            top.parse_args(shlex.split(line.partition(" > ")[0])[1:])


def test_a_mistyped_action_or_choice_is_guessed() -> None:
    """As a verb is; and one that is like none is told what there is."""
    wrong = run("dead", "lst", "--config", "x")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "falco-bridge dead: there is no action `lst`; did you mean `list`?\n",
    )
    assert run("dead", "frobnicate").stderr.endswith("; the actions are list, show, retry, discard\n")
    assert "--format: it cannot be `jsn`; did you mean `json`?" in run("check", "--format", "jsn", "x").stderr


def test_a_verb_that_was_mistyped_is_guessed_and_one_that_is_not_there_is_told() -> None:
    """One line, exit 2."""
    assert run("statsu", "--config", "x").stderr == "falco-bridge: there is no verb `statsu`; did you mean `status`?\n"
    assert run("falco_confg").stderr.endswith("did you mean `falco-config`?\n")
    nothing = run("frobnicate")
    assert nothing.returncode == 2
    assert nothing.stderr.startswith("falco-bridge: there is no verb `frobnicate`; the verbs are check, fmt, ")


def test_what_cannot_be_done_exits_with_two_and_a_sentence() -> None:
    """No verb, an unknown one, the config in the wrong place, an unknown option."""
    for arguments in ([], ["chek"], ["--config", "x", "check"], ["check"], ["fmt"], ["check", "x.route", "--nonsense"]):
        done = run(*arguments)
        assert done.returncode == 2, arguments
        assert done.stderr
        assert "Traceback" not in done.stderr


def test_a_reader_that_has_seen_enough_is_no_fault() -> None:
    """``| head`` ends it quietly."""
    many = " ".join([shlex.quote(str(ALERTS))] * 200)
    done = subprocess.run(
        f"{shlex.quote(sys.executable)} -m bridge match 'rule exists' {many} | head -n 1",
        shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_an_output_that_cannot_be_written_and_letters_that_a_locale_lacks_are_no_traceback(tmp_path: Path) -> None:
    """A full disk is told, a closed output is the caller's wish; names and conditions may be any bytes."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run([sys.executable, "-m", "bridge", "match", "rule exists", ALERTS], cwd=ROOT, stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (
        2, "falco-bridge: the output cannot be written (No space left on device)\n",
    )  # fmt: skip
    closed = f"{shlex.quote(sys.executable)} -m bridge check {shlex.quote(str(ROUTES))} >&-"
    quiet = subprocess.run(closed, shell=True, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert (quiet.returncode, quiet.stderr) == (0, b"")
    path = tmp_path / "n\udcff.route"
    path.write_text('route "é" { when proc.nam = "日" to x }', encoding="utf-8")
    for encoding in ("ascii", "utf-8"):
        told = subprocess.run([sys.executable, "-m", "bridge", "check", path], cwd=ROOT, capture_output=True, timeout=60,
                              check=False, env={**os.environ, "PYTHONIOENCODING": encoding})  # fmt: skip
        assert (told.returncode, told.stderr) == (1, b"")
        assert b"n\\udcff.route" in told.stdout
    alert = '{"rule": "a\ufffd"}'
    for condition in ("rule = a\udcff", 'rule regex "a\udcff"', 'rule = "a\udcff"'):
        assert run("match", condition, given=alert).stdout == alert + "\n"


def test_check_tells_people_programs_and_github(tmp_path: Path) -> None:
    """The same problems in three forms; exit 1 for errors only."""
    (tmp_path / "a.route").write_text('route "r" {\n  when proc.cmdlin = a\n  to x\n}\n', encoding="utf-8")
    text = run("check", "a.route", cwd=tmp_path)
    assert text.returncode == 1
    assert "a.route:2:8" in text.stdout
    assert "1 error, 0 warnings" in text.stdout
    (told,) = json.loads(run("check", "a.route", "--format", "json", cwd=tmp_path).stdout)
    assert (told["code"], told["severity"], told["line"], told["column"]) == ("R201", "error", 2, 8)
    github = run("check", "a.route", "--format", "github", cwd=tmp_path).stdout
    assert github.startswith("::error file=a.route,line=2,col=8,title=R201::unknown field")
    assert run("check", "nothing.route", cwd=tmp_path).returncode == 1
    assert run("check", ROUTES).stdout == "no problems\n"


def test_a_file_that_cannot_be_read_is_one_problem_among_others(tmp_path: Path) -> None:
    """The other files are checked all the same, also for programs; nothing is concluded from rules that are lacking."""
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
    assert (alone.returncode, "none.route: cannot be read (No such file" in alone.stderr) == (2, True)


def test_fmt_rewrites_checks_and_shows(tmp_path: Path) -> None:
    """--check and --diff change nothing; a broken file is left alone; - is standard input."""
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


def test_match_tells_of_a_column_that_nothing_can_fill() -> None:
    """A slip in --fields is no empty column."""
    found = run("match", "rule exists", "--fields", "rule,proc.nam", ALERTS)
    assert found.returncode == 2
    assert "did you mean `proc.name`?" in found.stderr
    assert not found.stdout


def test_match_is_grep_for_alerts(tmp_path: Path) -> None:
    """Its exit codes, its -c and -v, a table, container logs, standard input."""
    found = run("match", 'proc.cmdline contains "rm -rf"', ALERTS)
    lines = ALERTS.read_text(encoding="utf-8").splitlines()
    assert found.stdout.splitlines() == [
        line for line in lines if "rm -rf" in json.loads(line)["output_fields"].get("proc.cmdline", "")
    ]
    count = len(found.stdout.splitlines())
    assert run("match", 'proc.cmdline contains "rm -rf"', "-c", ALERTS).stdout == f"{count}\n"
    assert run("match", "-v", "-c", 'proc.cmdline contains "rm -rf"', ALERTS).stdout == f"{len(lines) - count}\n"
    assert run("match", "rule = nothing", ALERTS).returncode == 1
    assert run("match", "rule =", ALERTS).returncode == 2
    assert run("match", "rule exists", tmp_path / "none").returncode == 2
    wrapped = tmp_path / "cri.log"
    half = len(lines[0]) // 2
    wrapped.write_text(
        f"2026-01-01T00:00:00.1Z stdout P {lines[0][:half]}\n2026-01-01T00:00:00.2Z stdout F {lines[0][half:]}\n"
        "2026-01-01T00:00:00.3Z stderr F Falco version 0.43.1\n"
        + json.dumps({"log": lines[1] + "\n", "stream": "stdout"})
        + "\n",
        encoding="utf-8",
    )
    both = run("match", "rule exists", wrapped)
    assert both.stdout.splitlines() == lines[:2]
    assert "1 line was not an alert" in both.stderr
    table = run("match", "rule exists", "--fields", "rule,k8s.ns.name,no.such", given="\n".join(lines[:3]))
    assert table.stdout.splitlines()[0].split() == ["rule", "k8s.ns.name", "no.such"]
    assert len(table.stdout.splitlines()) == 4
    assert "<NA>" in table.stdout
    imported = run("match", "destructive and k8s.ns.name in (prod)", "--import", ROUTES, "-c", ALERTS)
    assert imported.stdout == "7\n"


def test_match_goes_on_past_a_file_that_it_cannot_read(tmp_path: Path) -> None:
    """As grep does, and exits with 2 all the same; a line that is cut off at the end is no alert."""
    (tmp_path / "cut.log").write_text('2026-01-01T00:00:00.000000000Z stdout P {"rule":"a"', encoding="utf-8")
    done = run("match", "rule exists", "-c", tmp_path / "none", tmp_path / "cut.log", ALERTS)
    assert (done.returncode, done.stdout) == (2, "58\n")
    assert "cannot be read" in done.stderr
    assert "1 line was not an alert" in done.stderr


def test_match_knows_the_names_of_every_file_that_is_imported(tmp_path: Path) -> None:
    """And tells where two mean different things by one."""
    for name, text in (("a", "macro k = rule exists"), ("b", "list l = (x)"), ("c", "list l = (y)")):
        (tmp_path / f"{name}.route").write_text(text, encoding="utf-8")
    imports = [each for name in "abc" for each in ("--import", f"{name}.route")]
    done = run("match", "k and not proc.name in (l)", *imports[:4], "-c", ALERTS, cwd=tmp_path)
    assert done.stdout == "58\n"
    twice = run("match", "k and not proc.name in (l)", *imports, "-c", ALERTS, cwd=tmp_path)
    assert (twice.returncode, "list `l` is defined twice" in twice.stderr) == (2, True)


def test_match_tells_of_what_it_reads_as_it_comes() -> None:
    """``tail -f … | falco-bridge match``: not only once there is a buffer full."""
    command = [sys.executable, "-m", "bridge", "match", "rule exists"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as searching:
        assert searching.stdin is not None
        assert searching.stdout is not None
        searching.stdin.write(b'{"rule": "a"}\n')
        searching.stdin.flush()
        assert searching.stdout.readline() == b'{"rule": "a"}\n'
        searching.stdin.close()
        assert searching.wait(30) == 0


def test_test_runs_the_tests_and_says_why_one_fails(tmp_path: Path) -> None:
    """Exit 0, 1, 2; JUnit; corpora with bounds."""
    (tmp_path / "a.route").write_text(
        'route "r" { when k8s.ns.name = payments to x }\n'
        'test "good" { event { k8s.ns.name = payments } expect "r" to x count 1 message contains "payments"'
        " event { } expect nothing }\n"
        'test "bad" { event { k8s.ns.name = Payments } expect "r" }\n'
        'test "forgotten" { event { k8s.ns.name = payments } expect not "otherwise" }\n',
        encoding="utf-8",
    )
    done = run("test", "a.route", "--junit", "j.xml", cwd=tmp_path)
    assert done.returncode == 1
    assert "ok    good" in done.stdout
    assert '`k8s.ns.name` is "Payments" (different case)' in done.stdout
    assert "unexpected" in done.stdout
    suite = ET.parse(tmp_path / "j.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    bounds = ["rm -rf in prod exactly 7", "to archive at most 50", '"otherwise" at least 1']
    options = [each for bound in bounds for each in ("--expect", bound)]
    assert run("test", ROUTES, "--alerts", ALERTS, *options).returncode == 0
    assert run("test", ROUTES, "--alerts", ALERTS, "--expect", "to archive at most 49").returncode == 1
    assert run("test", ROUTES, "--alerts", ALERTS, "--expect", "nobody exactly 1").returncode == 2
    assert run("test", ROUTES).returncode == 2


def test_what_a_test_holds_of_hostile_text_breaks_no_report(tmp_path: Path) -> None:
    """XML has no place for control characters, and a terminal obeys them."""
    (tmp_path / "a.route").write_text(
        'route "\\b" { when proc.name = bash to x }\notherwise { to x }\n'
        'test "t\\b" { event { proc.name = "\\x1b[31m" } expect "\\b" }\n'
        'test "u" { event { proc.name = bash } expect nothing }',
        encoding="utf-8",
    )
    done = run("test", "a.route", "--junit", "j.xml", cwd=tmp_path)
    assert (done.returncode, "\x1b" in done.stdout, "\\x1b[31m" in done.stdout) == (1, False, True)
    assert len(ET.parse(tmp_path / "j.xml").getroot()) == 2


def test_bounds_that_hold_of_nothing_prove_nothing(tmp_path: Path) -> None:
    """A corpus without an alert is a mistake; a route that remembers cannot be counted yet, and its neighbour can."""
    (tmp_path / "a.route").write_text(
        'route "m" { when rule exists to a throttle 1 per 1h }\nroute "n" { when rule exists to b }', encoding="utf-8"
    )
    none = run("test", "a.route", "--alerts", "-", "--expect", "n at most 9", cwd=tmp_path, given="Falco starts\n")
    assert (none.returncode, "contains no alert" in none.stderr) == (2, True)
    given = "Falco starts\n" + ALERTS.read_text(encoding="utf-8")
    bounds = [each for bound in ("n exactly 57", "m at least 1", "to a at most 50") for each in ("--expect", bound)]
    done = run("test", "a.route", "--alerts", "-", *bounds, cwd=tmp_path, given=given)
    assert (done.returncode, "1 line was not an alert" in done.stderr) == (1, True)
    assert done.stdout.count("cannot be counted yet") == 2
    assert "ok    n exactly 57" in done.stdout


def test_explain_tells_each_route_and_comparison() -> None:
    """As text and as JSON, computed by what decides."""
    line = next(
        line for line in ALERTS.read_text(encoding="utf-8").splitlines() if "rm -rf" in line and "payments" in line
    )
    text = run("explain", ROUTES, given=line)
    assert text.returncode == 0
    assert 'route "rm -rf in prod": matched' in text.stdout
    assert '✓ proc.cmdline contains "rm -rf" [macro destructive]: proc.cmdline is' in text.stdout
    told = json.loads(run("explain", ROUTES, "--format", "json", given=line).stdout)
    assert [route["matched"] for route in told["routes"]] == [True, False]
    either, place = told["routes"][0]["reason"]["parts"]
    assert (either["parts"][0]["macro"], place["macro"]) == ("destructive", None)
    failed = told["routes"][1]["reason"]
    assert (failed["holds"], failed["why"], failed["values"]["rule"]) == (
        False,
        "different value",
        json.loads(line)["rule"],
    )
    assert run("explain", ROUTES, given="").returncode == 2


RULES = """
- list: shells
  items: [bash, sh]
- macro: spawned
  condition: evt.type = execve
- rule: Shell
  condition: spawned and proc.name in (shells)
  output: shell (user=%user.name)
  priority: NOTICE
- rule: Other
  condition: spawned
  output: other (user=%user.name ns=%k8s.ns.name)
  priority: ERROR
"""


def test_explain_shows_what_a_macro_of_falcos_says(tmp_path: Path) -> None:
    """Its comparisons in its own words, appended ones too."""
    more = "- macro: spawned\n  condition: and proc.name in (shells)\n  override: {condition: append}\n"
    (tmp_path / "rules.yaml").write_text(RULES + more, encoding="utf-8")
    routes = tmp_path / "a.route"
    routes.write_text('import falco "rules.yaml"\nroute "r" { when spawned to x }', encoding="utf-8")
    alert = '{"rule": "Shell", "output_fields": {"evt.type": "execve", "proc.name": "SH"}}'
    told = run("explain", str(routes), given=alert).stdout
    assert "✓ evt.type = execve [macro spawned]: evt.type is" in told
    assert '✗ proc.name in (shells) [macro spawned]: proc.name is "SH" (different case)' in told


def test_falco_config_prints_what_is_lacking(tmp_path: Path) -> None:
    """And with it appended, nothing more."""
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "a.route").write_text(
        'route "r" { when rule = Shell and k8s.ns.name = x to c title "%proc.cmdline" }\n', encoding="utf-8"
    )
    done = run("falco-config", "a.route", "--rules", "rules.yaml", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.split() == ["append_output:", "-", "match:", "rule:", '"Shell"', "extra_fields:", "-",
                                   "k8s.ns.name", "-", "proc.cmdline"]  # fmt: skip
    assert "L415" in run("check", "a.route", "--rules", "rules.yaml", cwd=tmp_path).stdout
    (tmp_path / "falco.yaml").write_text(done.stdout, encoding="utf-8")
    both = ("--rules", "rules.yaml", "--rules", "falco.yaml")
    assert "nothing to append" in run("falco-config", "a.route", *both, cwd=tmp_path).stdout
    assert run("check", "a.route", *both, cwd=tmp_path).stdout == "no problems\n"
    importing = tmp_path / "b.route"
    importing.write_text(
        f'import falco "rules.yaml"\n{(tmp_path / "a.route").read_text(encoding="utf-8")}', encoding="utf-8"
    )
    assert run("check", "b.route", "--rules", "falco.yaml", cwd=tmp_path).stdout == "no problems\n"
    assert "nothing to append" in run("falco-config", "b.route", "--rules", "falco.yaml", cwd=tmp_path).stdout
    assert run("falco-config", "a.route", cwd=tmp_path).returncode == 2


GOING_ON = {"--config": "started", "simulate": "listening on"}
"""What goes on until it is stopped, and what it says once it is at work."""
SPEAKING = {"status", "quarantine", "send"}
"""Verbs that want a bridge to speak to."""


@contextmanager
def running_bridge(folder: Path) -> Iterator[None]:
    """The quick start's, with a socket for ``send``."""
    path = folder / "falco-bridge.yaml"
    config = yaml.safe_load(path.read_text("utf-8"))
    config["sources"].append({"socket": "ingest.sock"})
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    log = (folder / "bridge.log").open("wb")
    with log, subprocess.Popen(
        [sys.executable, "-m", "bridge", "--config", path.name], cwd=folder, stdout=log, stderr=log
    ) as bridge:  # fmt: skip
        try:
            wait_until(lambda: b"started" in (folder / "bridge.log").read_bytes(), "the bridge")
            yield
        finally:
            bridge.terminate()
            assert bridge.wait(40) == 0


def shown() -> list[str]:
    """The commands in the sh blocks of README and the docs."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    blocks = [block for page in pages for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)]
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return sorted({line for line in lines if line.startswith("falco-bridge ")})


@pytest.mark.parametrize("command", shown())
def test_commands_that_are_shown_work(command: str, tmp_path: Path) -> None:
    """Run in a folder with the quick start; those that go on for ever must start well."""
    for path in (ROOT / "examples" / "quickstart").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "falco_rules.yaml").write_text(RULES, encoding="utf-8")
    open_for_router(tmp_path / "journal.db").close()  # a bridge has run here
    arguments = shlex.split(command)[1:]
    told = tmp_path / "told"
    with (
        running_bridge(tmp_path) if arguments[0] in SPEAKING else nullcontext(),
        told.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "bridge", *arguments], cwd=tmp_path, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):  # fmt: skip
        if arguments[0] in GOING_ON:
            wait_until(lambda: GOING_ON[arguments[0]] in told.read_text("utf-8"), "its start")
            process.terminate()
        assert process.wait(60) == 0, told.read_text("utf-8")
    assert "Traceback" not in told.read_text("utf-8")


def test_a_bound_on_what_is_not_there_is_no_passed_test() -> None:
    """A mistake, exit 2; the bounds beside it are held."""
    done = run("test", ROUTES, "--alerts", ALERTS, "--expect", "to sok at most 1", "--expect", "to pager at most 10")
    assert (done.returncode, done.stdout) == (2, "ok    to pager at most 10\n1 passed, 0 failed\n")
    assert "--expect 'to sok at most 1' names no route or channel of these files" in done.stderr
