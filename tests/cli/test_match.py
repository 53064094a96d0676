"""``falco-bridge match`` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.cli.commands import ALERTS, ROOT, ROUTES, run


def test_match_is_grep_for_alerts(tmp_path: Path) -> None:
    """Its exit codes, -c and -v, a table, container logs, standard input."""
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


def test_a_misspelt_field_in_fields_is_an_error() -> None:
    """Its column would always be empty."""
    found = run("match", "rule exists", "--fields", "rule,proc.nam", ALERTS)
    assert found.returncode == 2
    assert "did you mean `proc.name`?" in found.stderr
    assert not found.stdout


def test_a_file_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    """As with grep, the exit code is 2 then. A line that is cut off at the end is not an alert."""
    (tmp_path / "cut.log").write_text('2026-01-01T00:00:00.000000000Z stdout P {"rule":"a"', encoding="utf-8")
    done = run("match", "rule exists", "-c", tmp_path / "none", tmp_path / "cut.log", ALERTS)
    assert (done.returncode, done.stdout) == (2, "58\n")
    assert "cannot be read" in done.stderr
    assert "1 line was not an alert" in done.stderr


def test_the_names_of_every_imported_file_can_be_used(tmp_path: Path) -> None:
    """If two files define a name differently, using it is an error."""
    for name, text in (("a", "macro k = rule exists"), ("b", "list l = (x)"), ("c", "list l = (y)")):
        (tmp_path / f"{name}.route").write_text(text, encoding="utf-8")
    imports = [each for name in "abc" for each in ("--import", f"{name}.route")]
    done = run("match", "k and not proc.name in (l)", *imports[:4], "-c", ALERTS, cwd=tmp_path)
    assert done.stdout == "58\n"
    twice = run("match", "k and not proc.name in (l)", *imports, "-c", ALERTS, cwd=tmp_path)
    assert (twice.returncode, "list `l` is defined twice" in twice.stderr) == (2, True)


def test_each_alert_is_printed_as_soon_as_it_is_read() -> None:
    """``tail -f … | falco-bridge match`` does not wait for a full buffer."""
    command = [sys.executable, "-m", "bridge", "match", "rule exists"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as searching:
        assert searching.stdin is not None
        assert searching.stdout is not None
        searching.stdin.write(b'{"rule": "a"}\n')
        searching.stdin.flush()
        assert searching.stdout.readline() == b'{"rule": "a"}\n'
        searching.stdin.close()
        assert searching.wait(30) == 0


def test_a_file_in_the_place_of_the_condition_is_noticed() -> None:
    """The two were exchanged. A condition is nearly never the name of a file."""
    done = run("match", ALERTS, "rule exists")
    assert (done.returncode, done.stderr) == (
        2, f"falco-bridge match: {ALERTS} is a file; write the condition before it\n",
    )  # fmt: skip
    long = f"proc.name in ({', '.join(['bash'] * 2000)})"
    assert "no such file" in run("match", long, "none.jsonl").stderr.lower()
