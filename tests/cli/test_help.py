"""Help texts, usage errors, and outputs that cannot be written."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.cli.main import VERBS, make_parser
from tests.cli.commands import ALERTS, ROOT, ROUTES, run


def test_help_lists_every_verb_and_each_verb_has_help() -> None:
    """With exit code 0."""
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


def test_every_help_ends_with_an_example_that_parses() -> None:
    """Of that verb, on a line of its own, and taken as it stands: add ``example=`` where a new verb makes its parser."""
    top = make_parser(VERBS)
    found = dict(parsers(top))
    del found["falco-bridge"]
    assert set(VERBS) <= {words.split()[1].replace("-", "_") for words in found}
    for words, parser in found.items():
        _, mark, shown = parser.format_help().partition("\nexample:\n")
        assert mark, f"{words} has no example"
        for line in shown.splitlines():
            assert line.startswith(f"  {words} "), line
            top.parse_args(shlex.split(line.partition(" > ")[0])[1:])


def test_a_mistyped_action_or_choice_is_corrected() -> None:
    """As a verb is. If none is similar, the possible ones are listed."""
    wrong = run("dead", "lst", "--config", "x")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "falco-bridge dead: there is no action `lst`; did you mean `list`?\n",
    )
    assert run("dead", "frobnicate").stderr.endswith("; the actions are list, show, retry, discard\n")
    before = run("dead", "--config", "x")
    assert (before.returncode, before.stderr) == (
        2,
        "falco-bridge dead: write the action before --config: list, show, retry, discard\n",
    )
    assert "--format: it cannot be `jsn`; did you mean `json`?" in run("check", "--format", "jsn", "x").stderr


def test_a_mistyped_verb_is_corrected() -> None:
    """In one line, with exit code 2. If none is similar, the verbs are listed."""
    assert run("statsu", "--config", "x").stderr == "falco-bridge: there is no verb `statsu`; did you mean `status`?\n"
    assert run("falco_confg").stderr.endswith("did you mean `falco-config`?\n")
    nothing = run("frobnicate")
    assert nothing.returncode == 2
    assert nothing.stderr.startswith("falco-bridge: there is no verb `frobnicate`; the verbs are check, config, ")


def test_a_usage_error_exits_with_two_and_a_sentence() -> None:
    """No verb, an unknown one, the config in the wrong place, an unknown option."""
    for arguments in ([], ["chek"], ["--config", "x", "check"], ["check"], ["fmt"], ["check", "x.route", "--nonsense"]):
        done = run(*arguments)
        assert done.returncode == 2, arguments
        assert done.stderr
        assert "Traceback" not in done.stderr


def test_a_closed_pipe_ends_a_verb_quietly() -> None:
    """As in ``| head``."""
    many = " ".join([shlex.quote(str(ALERTS))] * 200)
    done = subprocess.run(
        f"{shlex.quote(sys.executable)} -m bridge match 'rule exists' {many} | head -n 1",
        shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_full_disk_a_closed_output_and_odd_bytes_cause_no_traceback(tmp_path: Path) -> None:
    """A full disk is an error, a closed output is not. File names and conditions can be any bytes."""
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
        done = subprocess.run([sys.executable, "-m", "bridge", "check", path], cwd=ROOT, capture_output=True, timeout=60,
                              check=False, env={**os.environ, "PYTHONIOENCODING": encoding})  # fmt: skip
        assert (done.returncode, done.stderr) == (1, b"")
        assert b"n\\udcff.route" in done.stdout
    alert = '{"rule": "a\ufffd"}'
    for condition in ("rule = a\udcff", 'rule regex "a\udcff"', 'rule = "a\udcff"'):
        assert run("match", condition, given=alert).stdout == alert + "\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--config", "a.yaml", "--config", "b.yaml"], "falco-bridge: error: argument --config: it is given twice; give it once"),
        (["status", "--config", "a", "--config=b"], "argument --config: it is given twice; give it once"),
        (["commands", "--from", "a", "--from", "b"], "argument --from: it is given twice; give it once"),
        (["run", "--config", "c.yaml"], "there is no verb `run`; run the bridge with: falco-bridge --config FILE"),
        (["c.yaml"], "there is no verb `c.yaml`; run the bridge with: falco-bridge --config c.yaml"),
        (["c.route"], "there is no verb `c.route`; check a route file with: falco-bridge check c.route"),
        (["history", "rule", "=", "x", "--config", "c"], "history: write the condition in quotes: 'rule = …'"),
        (["match", "rule", "exists", "a.jsonl"], "match: write the condition in quotes: 'rule exists …'"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)  # fmt: skip
def test_a_wrong_command_line_is_answered_with_the_right_one(words: list[str], sentence: str) -> None:
    """Nothing is run: not with the last of two configs, and not with a part of a condition."""
    done = run(*words)
    assert done.returncode == 2
    assert done.stderr.rstrip().endswith(sentence)


def test_one_value_replaces_a_default_and_repeatable_options_repeat() -> None:
    """Only an option with one value is refused when it is given twice."""
    args = make_parser(("test",)).parse_args(["test", "a.route", "--label", "a=b", "--label", "c=d"])
    assert len(args.label) == 2
