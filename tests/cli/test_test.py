"""``falco-bridge test`` as a user types it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from tests.cli.commands import ALERTS, ROUTES, run


def test_tests_are_run_and_a_failure_is_explained(tmp_path: Path) -> None:
    """With exit codes 0, 1 and 2, JUnit XML, and bounds on recorded alerts."""
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
    assert run("test", ROUTES, "--alerts", ALERTS, "--expect", "unknown exactly 1").returncode == 2
    assert run("test", ROUTES).returncode == 2


def test_hostile_text_breaks_no_report(tmp_path: Path) -> None:
    """XML cannot contain control characters, and a terminal obeys them."""
    (tmp_path / "a.route").write_text(
        'route "b" { when proc.name = bash to x }\notherwise { to x }\n'
        'test "t" { event { proc.name = "\\x1b[31m" } expect "b" }\n'
        'test "u" { event { proc.name = bash } expect nothing }',
        encoding="utf-8",
    )
    done = run("test", "a.route", "--junit", "j.xml", cwd=tmp_path)
    assert (done.returncode, "\x1b" in done.stdout, "\\x1b[31m" in done.stdout) == (1, False, True)
    assert len(ET.parse(tmp_path / "j.xml").getroot()) == 2


def test_bounds_on_no_alerts_fail_and_clauses_with_memory_count(tmp_path: Path) -> None:
    """A file without an alert is an error. A throttle counts what it lets through, and its summaries."""
    (tmp_path / "a.route").write_text(
        'route "m" { when rule exists to a throttle 1 per 1h }\nroute "n" { when rule exists to b }', encoding="utf-8"
    )
    none = run("test", "a.route", "--alerts", "-", "--expect", "n at most 9", cwd=tmp_path, given="Falco starts\n")
    assert (none.returncode, "contains no alert" in none.stderr) == (2, True)
    given = "Falco starts\n" + ALERTS.read_text(encoding="utf-8")
    bounds = [each for bound in ("n exactly 57", "m exactly 57", "to a at most 3") for each in ("--expect", bound)]
    done = run("test", "a.route", "--alerts", "-", *bounds, cwd=tmp_path, given=given)
    assert (done.returncode, "1 line was not an alert" in done.stderr) == (0, True)
    assert done.stdout.count("expected") == 0
    assert "ok    n exactly 57" in done.stdout


def test_a_bound_on_an_unknown_name_is_an_error() -> None:
    """With exit code 2. The other bounds are still checked."""
    done = run("test", ROUTES, "--alerts", ALERTS, "--expect", "to sok at most 1", "--expect", "to pager at most 10")
    assert (done.returncode, done.stdout) == (2, "ok    to pager at most 10\n1 passed, 0 failed\n")
    assert "--expect 'to sok at most 1' names no route or channel of these files" in done.stderr
