"""``falco-bridge explain`` as a user types it."""

from __future__ import annotations

import json
import re
import time
from contextlib import closing
from pathlib import Path

import pytest

from bridge.alert import Alert
from bridge.alert.forms.json_text import encode_json
from bridge.cli.main import main
from bridge.journal.opening import open_for_router
from bridge.journal.sql.history import SqlHistory
from bridge.pipeline.intake import Intake
from bridge.routing import Entry, Routed
from bridge.routing.router import Router
from bridge.routing.silences import Silence, Silences
from bridge.sources.contract import Batch
from tests.cli.commands import ALERTS, ROUTES, RULES, run
from tests.routing.memory.harness import condition
from tests.support.builders import alert, program_of

SECOND = 1_000_000_000


def test_explain_shows_each_route_and_comparison() -> None:
    """As text and as JSON."""
    line = next(
        line for line in ALERTS.read_text(encoding="utf-8").splitlines() if "rm -rf" in line and "payments" in line
    )
    text = run("explain", ROUTES, given=line)
    assert text.returncode == 0
    assert 'route "rm -rf in prod": matched' in text.stdout
    assert '✓ proc.cmdline contains "rm -rf" [macro destructive]: proc.cmdline is' in text.stdout
    explained = json.loads(run("explain", ROUTES, "--format", "json", given=line).stdout)
    assert [route["matched"] for route in explained["routes"]] == [True, False]
    assert [route["result"] for route in explained["routes"]] == ["matched", "no match"]
    assert explained["notifications"][0] == {"channel": "pager", "routes": ["rm -rf in prod"]}
    either, place = explained["routes"][0]["condition"]["parts"]
    assert (either["parts"][0]["macro"], place["macro"]) == ("destructive", None)
    failed = explained["routes"][1]["condition"]
    assert (failed["holds"], failed["why"], failed["values"]["rule"]) == (
        False,
        "different value",
        json.loads(line)["rule"],
    )
    assert "notified: pager (rm -rf in prod), archive (rm -rf in prod)" in text.stdout
    assert run("explain", ROUTES, given="").returncode == 2


def test_a_macro_of_falcos_rules_is_explained_in_its_own_words(tmp_path: Path) -> None:
    """Appended conditions included."""
    more = "- macro: spawned\n  condition: and proc.name in (shells)\n  override: {condition: append}\n"
    (tmp_path / "rules.yaml").write_text(RULES + more, encoding="utf-8")
    routes = tmp_path / "a.route"
    routes.write_text('import falco "rules.yaml"\nroute "r" { when spawned to x }', encoding="utf-8")
    alert = '{"rule": "Shell", "output_fields": {"evt.type": "execve", "proc.name": "SH"}}'
    text = run("explain", str(routes), given=alert).stdout
    assert "✓ evt.type = execve [macro spawned]: evt.type is" in text
    assert '✗ proc.name in (shells) [macro spawned]: proc.name is "SH" (different case)' in text


REMEMBERING = """
route "shells" { when rule = a to chat throttle 1 per 10m by proc.name }
route "often"  { when rule = a to chat after 3 in 1h by proc.name }
"""


def remembered(text: str) -> list[str]:
    """What the clauses decided and remember, without the parts that differ from run to run."""
    wanted = ("route ", "throttle:", "after:", "incident ")
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith(wanted)]
    return [re.sub("incident [0-9a-f]{16}", "incident", line) for line in lines]


def shells(count: int) -> list[Alert]:
    """One a minute from 12:00 on."""
    start = 1_767_614_400 * SECOND
    return [alert(start + n * 60 * SECOND, rule="a", fields={"proc.name": "bash"}) for n in range(count)]


def test_explain_shows_what_clauses_remember(tmp_path: Path) -> None:
    """Of a file: the alerts before the one that is explained are counted, those after it are not."""
    (tmp_path / "r.route").write_text(REMEMBERING, encoding="utf-8")
    alerts = shells(3)
    (tmp_path / "alerts.jsonl").write_bytes(b"\n".join(encode_json(each) for each in alerts))
    text = run("explain", tmp_path / "r.route", "--alerts", tmp_path / "alerts.jsonl").stdout
    assert remembered(text)[6:11] == [
        'route "shells": matched, throttled: 1 sent since 12:00, next at 12:10, 1 held back',
        "throttle: 1 sent since 12:00, next at 12:10, 1 held back",
        "incident: open since 12:00, 1 alert",
        'route "often": matched, below_threshold: 2 of 3 since 12:00',
        "after: 2 of 3 since 12:00",
    ]


def test_explain_reads_the_memory_of_a_journal(tmp_path: Path) -> None:
    """The decision is the stored one; the memory is that of now."""
    (tmp_path / "r.route").write_text(REMEMBERING, encoding="utf-8")
    first = time.time_ns() - 60 * SECOND
    alerts = [alert(first + n, rule="a", fields={"proc.name": "bash"}) for n in range(3)]
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        router = Router(program_of(REMEMBERING), {}, secret=journal.memory.secret())
        intake = Intake(journal.alerts, router, on_deliveries=lambda: None, on_fault=lambda _fault: None)
        for each in alerts:
            intake.accept(Batch("s", each.time_ns, (each,)))
    text = run("explain", tmp_path / "r.route", "--alerts", tmp_path / "j.db", "--id", alerts[1].id).stdout
    decided, throttle, incident, often, after, *_ = remembered(text)
    assert re.fullmatch(r'route "shells": matched, throttled: 1 sent since \S+, next at \S+, 1 held back', decided)
    assert re.fullmatch(r"throttle: 1 sent since \S+, next at \S+, 2 held back", throttle)
    assert re.fullmatch(r"incident: open since \S+, 1 alert", incident)
    assert re.fullmatch(r'route "often": matched, below_threshold: 2 of 3 since \S+', often)
    assert after == "after: nothing yet"
    notified = [line for each in alerts for line in _explained(tmp_path, each.id) if line.startswith("  notified:")]
    assert notified == ["  notified: chat (shells)", "  notified: no channel", "  notified: chat (often)"]


def test_explain_names_no_channel_for_an_alert_that_was_silenced(tmp_path: Path) -> None:
    """What was notified is read from the journal too."""
    (tmp_path / "r.route").write_text('route "r" { to a }', encoding="utf-8")
    one = alert(time.time_ns() - 60 * SECOND, rule="a")
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        router = Router(program_of('route "r" { to a }'), {})
        intake = Intake(journal.alerts, router, on_deliveries=lambda: None, on_fault=lambda _fault: None)
        intake.use_silences(Silences([Silence("s1", condition("rule = a"), 0, 1 << 62)], {}))
        intake.accept(Batch("s", one.time_ns, (one,)))
    lines = _explained(tmp_path, one.id)
    assert '  route "r": matched, silenced: by silence s1' in lines
    assert "  notified: no channel" in lines


def _explained(folder: Path, identity: str) -> list[str]:
    return run("explain", folder / "r.route", "--alerts", folder / "j.db", "--id", identity).stdout.splitlines()


def test_only_the_alerts_with_the_id_are_read_of_a_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by ``match``; upper case is no other id."""
    alerts = [alert(number) for number in range(1, 300)]
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        journal.alerts.append("falco", 0, [Entry(each, Routed((), ())) for each in alerts])
    (tmp_path / "r.route").write_text('route "r" { when rule exists to a }\n', encoding="utf-8")
    monkeypatch.setattr(SqlHistory, "read", None)
    identity = alerts[7].id.upper()
    assert main(["explain", str(tmp_path / "r.route"), "--alerts", str(tmp_path / "j.db"), "--id", identity]) == 0
    assert main(["match", "rule exists", str(tmp_path / "j.db"), "--id", identity[:30]]) == 0


def test_a_file_without_alerts_is_named(tmp_path: Path) -> None:
    """With what its first line is, and where no file is named, that standard input was read."""
    indented = tmp_path / "indented.json"
    indented.write_text('{\n  "rule": "a",\n  "output": "a"\n}\n', "utf-8")
    assert run("explain", ROUTES, "--alerts", indented).stderr == (
        f"falco-bridge explain: no alert found in {indented}; line 1: is not JSON\n"
    )
    empty = tmp_path / "empty.jsonl"
    empty.write_text("", "utf-8")
    assert run("explain", ROUTES, "--alerts", empty).stderr == f"falco-bridge explain: no alert found in {empty}\n"
    assert run("explain", ROUTES, given="").stderr == (
        "falco-bridge explain: no alert found on standard input; name a file of alerts with --alerts\n"
    )
