"""``falco-bridge replay`` as a user types it."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path

from bridge.journal.opening import open_for_router
from bridge.journal.records import SilenceRecord
from bridge.routing.router import Router
from bridge.routing.state import State
from tests.cli.commands import ALERTS, ROOT, ROUTES, run
from tests.support.builders import alert, entry, program_of

GOLDEN = ROOT / "tests" / "data" / "replay"


def test_the_report_is_the_one_in_the_golden_file() -> None:
    """Channels and routes over time, decisions, examples."""
    done = run("replay", ROUTES, "--from", ALERTS)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (GOLDEN / "quickstart.txt").read_text(encoding="utf-8")


def test_json_has_the_same_figures() -> None:
    """For programs: times in RFC 3339, every route and bucket."""
    found = json.loads(run("replay", ROUTES, "--from", ALERTS, "--json", "--samples", 1).stdout)
    archive, pager = found["channels"]
    assert (archive["channel"], archive["notifications"], pager["notifications"]) == ("archive", 50, 7)
    assert sum(count for _, count in archive["over_time"]) == 50
    assert {"route": "otherwise", "reasons": {"unmatched": 43}} in found["routes"]
    (sample,) = pager["routes"][0]["samples"]
    assert (sample["severity"], sample["kind"], len(sample["id"])) == ("Critical", "single", 32)


def test_a_folder_and_the_configs_labels_are_used(tmp_path: Path) -> None:
    """ROUTES replace the routes of the config; its labels, channels and journal stay."""
    for path in (ROOT / "examples" / "quickstart").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "new" / "team").mkdir(parents=True)
    text = 'route "mine" { when label.cluster = quickstart to pager throttle 1 per 1h }'
    (tmp_path / "new" / "team" / "a.route").write_text(text, encoding="utf-8")
    done = run("replay", "new", "--config", "falco-bridge.yaml", "--from", "alerts.jsonl", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "archive" not in done.stdout
    assert "57 throttled" in done.stdout or "56 throttled" in done.stdout
    assert "1 route with memory started without state." in done.stdout


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    """Exit code 2, and one sentence."""
    (tmp_path / "empty").mkdir()
    for words, expected in (
        (("replay", ROUTES), "name alerts with --from FILE"),
        (("replay", "--from", ALERTS), "name .route files or folders"),
        (("replay", "empty", "--from", ALERTS), "has no .route file"),
        (("replay", ROUTES, "--from", "gone.jsonl"), "gone.jsonl: cannot be read"),
        (("replay", "gone.route", "--from", ALERTS), "no such file"),
    ):
        done = run(*words, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, ""), words
        assert expected in done.stderr
        assert "Traceback" not in done.stderr


def test_a_silence_of_the_journal_acts_as_it_did_then(tmp_path: Path) -> None:
    """By `replay` and `diff`, also after it has ended; `--without-silences` leaves it out, and the report says which."""
    (tmp_path / "a.route").write_text('route "all" { when rule exists to chat }\n', encoding="utf-8")
    (tmp_path / "b.route").write_text('route "all" { when rule exists to chat, mail }\n', encoding="utf-8")
    now = time.time_ns()
    minutes = [now - each * 60 * 10**9 for each in (50, 40, 30, 20, 10)]
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        for at_ns in minutes:
            journal.alerts.append("s", at_ns, [entry(alert(at_ns, fields={"proc.name": "curl"}))])
        # acted from its creation, 35 minutes ago, until 15 minutes ago
        journal.memory.put_silence(
            SilenceRecord(
                "5ec2e7ab", "proc.name = curl", "", now - 3600 * 10**9, now - 900 * 10**9, "a", "", now - 2100 * 10**9
            )
        )
        journal.memory.put_silence(SilenceRecord("01d", "rule exists", "", 1, now - 7200 * 10**9, "a", "", 1))
    options = ("--from", "j.db", "--since", "1h", "--json")
    found = json.loads(run("replay", "a.route", *options, cwd=tmp_path).stdout)
    assert found["routes"] == [{"route": "all", "reasons": {"sent": 3, "silenced": 2}}]
    assert found["silences"] == {"known": 1, "replayed": True, "unusable": []}
    found = json.loads(run("replay", "a.route", *options, "--without-silences", cwd=tmp_path).stdout)
    assert found["routes"] == [{"route": "all", "reasons": {"sent": 5}}]
    assert json.loads(run("diff", "a.route", "b.route", *options, cwd=tmp_path).stdout)["gained"] == 3
    text = run("diff", "a.route", "b.route", *options[:-1], cwd=tmp_path).stdout
    assert "Silences: 1 of the journal acted as they did then" in text
    text = run("replay", "a.route", *options[:-1], "--without-silences", cwd=tmp_path).stdout
    assert "Silences: 1 of the journal that acted then left out" in text


def test_the_journal_of_the_config_is_replayed_from_a_time_on(tmp_path: Path) -> None:
    """With the live routes or a candidate; what `redact` removed before it was stored is said to be not judged."""
    live = 'redact proc.cmdline matching "token=[a-z]+"\nroute "all" { when rule exists to chat }\n'
    (tmp_path / "live.route").write_text(live, encoding="utf-8")
    candidate = 'route "tokens" { when proc.cmdline contains "token=abc" to chat }\notherwise { to chat }\n'
    (tmp_path / "new.route").write_text(candidate, encoding="utf-8")
    (tmp_path / "falco-bridge.yaml").write_text(
        "sources: [{stdin: true}]\nchannels: {chat: 'slack://${KEY}'}\nroutes: live.route\njournal: journal.db\n",
        encoding="utf-8",
    )
    router, state, now = Router(program_of(live), {}), State(), time.time_ns()
    with closing(open_for_router(tmp_path / "journal.db")) as journal:
        for hours in (50, 3, 1):
            at_ns = now - hours * 3600 * 10**9
            found = alert(at_ns, fields={"proc.cmdline": "curl token=abc", "proc.name": "curl"})
            journal.alerts.append("s", at_ns, [router.route(state, found, at_ns)])
    options = ("--config", "falco-bridge.yaml", "--since", "5h")
    done = run("replay", *options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("2 alerts, received from ")
    done = run("diff", "new.route", *options, "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert (done.returncode, found["alerts"], found["gained"], found["lost"]) == (1, 2, 0, 0)
    assert found["not_judged"] == [{"route": "tokens", "field": "proc.cmdline", "alerts": 2}]
    done = run("suggest", *options, cwd=tmp_path)
    assert (done.returncode, "# 2 notifications for 2 alerts" in done.stdout) == (0, True)
