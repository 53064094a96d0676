"""``falco-bridge history`` as a user types it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bridge.alert import Alert
from bridge.cli.main import main
from bridge.history.index.folder import IndexFolder
from bridge.history.index.indexer import Indexer
from bridge.journal.opening import open_for_router
from bridge.journal.records import MemoryWrite
from bridge.routing import Decision, Entry, Notification, NotificationContext, NotificationKind, Reason, Routed
from tests.cli.commands import ROOT, run
from tests.support.builders import alert, entry

HOUR_NS = 3_600_000_000_000
SENT = Decision("shells", Reason.SENT, ("pager", "chat"))
THROTTLED = Decision("shells", Reason.THROTTLED, (), "5 in the last hour, limit 5")
NOW_NS = time.time_ns()


def happened(hours_ago: float, *decisions: Decision, **changes: object) -> tuple[int, Entry]:
    at_ns = NOW_NS - int(hours_ago * HOUR_NS)
    return at_ns, Entry(alert(at_ns, **changes), Routed(decisions, ()))  # type: ignore[arg-type]


HAPPENED = [
    happened(30, SENT, rule="Old"),
    happened(3, SENT, rule="Shell", fields={"k8s.ns.name": "payments", "k8s.pod.name": "api-0"}),
    happened(2, THROTTLED, rule="Shell", output="\x1b[2J=HYPERLINK(1)", fields={"k8s.ns.name": "staging"}),
    happened(1, rule="Write", output="wrote /etc/cron.d/backup", fields={"proc.cmdline": "=cmd|' /C calc'!A0"}),
]


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "journal.db"
    opened = open_for_router(path)
    for at_ns, each in HAPPENED:
        opened.alerts.append("falco", at_ns, [each])
    opened.close()
    return path


def ids(*indices: int) -> list[str]:
    return [HAPPENED[index][1].alert.id for index in indices]


def found(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[str]:
    """The ids that the verb prints as JSON."""
    main(["history", *map(str, arguments), "--json"])
    return [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "indices"),
    [
        ([], [3, 2, 1]),
        (["--since", "48h"], [3, 2, 1, 0]),
        (["--since", "150 minutes"], [3, 2]),
        (["--since", "48h", "--until", "90m"], [2, 1, 0]),
        (["k8s.ns.name = payments"], [1]),
        (["--rule", "Shell"], [2, 1]),
        (["--rule", "Shell", "--rule", "Write"], [3, 2, 1]),
        (["--route", "shells"], [2, 1]),
        (["--channel", "pager"], [1]),
        (["--reason", "throttled"], [2]),
        (["--reason", "sent", "--channel", "chat", "--route", "shells"], [1]),
        (["--reason", "throttled", "--channel", "chat"], []),
        (["--words", "cron backup"], [3]),
        (["--words", "CRON.D", "--words", "wrote"], [3]),
        (["--words", "cro"], []),
        (["--limit", "1"], [3]),
        (["not k8s.ns.name exists", "--rule", "Write"], [3]),
    ],
)
def test_what_is_asked_for_is_found_newest_first(
    journal: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], indices: list[int]
) -> None:
    """By condition, span, rule, route, channel, reason and words."""
    assert found(capsys, *arguments, "--journal", journal) == ids(*indices)


def test_a_channel_finds_what_a_digest_brought_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With other options, and without the alerts that were only decided about; with and without an index."""
    grouped = Decision("noisy", Reason.GROUPED)
    made = [happened(3 - n / 10, grouped if n % 2 else SENT, rule="even" if n % 2 == 0 else "odd")[1] for n in range(6)]
    context = NotificationContext(NotificationKind.DIGEST, alerts=tuple(made[n].alert.id for n in (1, 3)))
    digest = Notification("mail", ("noisy",), made[1].alert.priority, about=made[1].alert.id, context=context)
    path = tmp_path / "journal.db"
    journal = open_for_router(path)
    journal.alerts.append("falco", NOW_NS - HOUR_NS, made)
    journal.alerts.append("timers", NOW_NS, [], memory=MemoryWrite((), (digest,)))
    for indexed in (False, True):
        if indexed:
            indexer = Indexer(journal.history, IndexFolder(path), "boot")
            while indexer.step():
                pass
            indexer.close()
        for arguments, expected in (
            (["--channel", "mail"], [3, 1]),
            (["--channel", "mail", "--limit", "1"], [3]),
            (["--channel", "mail", "--reason", "grouped", "--route", "noisy", "--rule", "odd"], [3, 1]),
            (["--channel", "mail", "rule = even"], []),
            (["--channel", "mail", "--since", "30m"], []),
            (["--channel", "pager"], [4, 2, 0]),
        ):
            assert found(capsys, *arguments, "--journal", path) == [made[n].alert.id for n in expected]
    journal.close()


def test_the_table_shows_ids_places_and_decisions(journal: Path) -> None:
    """The newest first, with the numbers behind a reason, and control characters as escapes."""
    done = run("history", "--journal", journal)
    header, write, throttled, sent = done.stdout.splitlines()
    assert done.returncode == 0
    assert header.split()[-4:] == ["priority", "rule", "where", "decided"]
    assert ids(3)[0][:16] in write
    assert "no route matched" in write
    assert "shells: throttled (5 in the last hour, limit 5)" in throttled
    assert "payments/api-0" in sent
    assert "shells: sent to pager, chat" in sent
    limited = run("history", "--journal", journal, "--limit", "2")
    assert "the newest 2 of more" in limited.stderr


def test_a_cell_of_csv_is_no_formula(journal: Path) -> None:
    """A spreadsheet calculates a cell that begins with ``=``: attackers write such command lines."""
    done = run("history", "--csv", "--journal", journal, "--fields", "id,proc.cmdline,output")
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert rows[0] == ["id", "proc.cmdline", "output", "decisions"]
    assert rows[1][:3] == [ids(3)[0], "'=cmd|' /C calc'!A0", "wrote /etc/cron.d/backup"]
    assert rows[2][2] == "\\x1b[2J=HYPERLINK(1)"
    assert rows[3][3] == "shells: sent to pager, chat"


def test_json_lines_are_read_as_falcos(journal: Path, tmp_path: Path) -> None:
    """They can be piped into the other verbs, with the same ids."""
    done = run("history", "--json", "--journal", journal)
    line = json.loads(done.stdout.splitlines()[-1])
    assert line["decisions"] == [{"route": "shells", "reason": "sent", "channels": ["pager", "chat"], "detail": ""}]
    assert line["source_name"] == "falco"
    again = run("match", "rule exists", "--fields", "id", given=done.stdout)
    assert again.stdout.split()[1:] == ids(3, 2, 1)
    assert run("match", "rule exists", "--fields", "id", "--id", ids(2)[0], given=done.stdout).stdout.split()[
        1:
    ] == ids(2)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--since", "yesterdy"], "`yesterdy` is not a time; write 2h, "),
        (["--since", "1h", "--until", "2h"], "--since must be a time before --until"),
        (["--reason", "throtled"], "there is no reason `throtled`; did you mean `throttled`?"),
        (["rule ="], "expected a value"),
        (["--fields", "proc.nam"], "did you mean `proc.name`?"),
        (["--words", "--"], "--words"),
    ],
)
def test_a_mistake_is_explained(
    journal: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    """With exit code 2 and what to write instead."""
    try:
        code: object = main(["history", *arguments, "--journal", str(journal)])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert problem in capsys.readouterr().err


def test_a_condition_over_redacted_text_says_that_it_cannot_be_judged(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the imported routes redact a field that it reads, and only then."""
    routes = tmp_path / "redact.route"
    routes.write_text('redact proc.cmdline matching "password=.*"\n', encoding="utf-8")
    arguments = ["--import", str(routes), "--journal", str(journal)]
    main(["history", 'proc.cmdline contains "x"', *arguments])
    assert (
        "routes redact proc.cmdline; where text was removed, the condition cannot be judged" in capsys.readouterr().err
    )
    main(["history", "rule = Shell", *arguments])
    assert "redact" not in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--words", "--rule", "--route", "--channel"])
def test_what_is_no_utf_8_is_found_nowhere(tmp_path: Path, option: str) -> None:
    """As typed in a terminal with another encoding; it is replaced, as in alerts."""
    opened = open_for_router(tmp_path / "journal.db")
    opened.alerts.append("falco", NOW_NS, [HAPPENED[0][1]])
    assert not Indexer(opened.history, IndexFolder(tmp_path / "journal.db"), "boot").step()
    opened.close()
    done = run("history", option, "caf\udce9", "--journal", tmp_path / "journal.db")
    assert (done.returncode, done.stderr) == (1, "falco-bridge history: no alert found\n")


def test_no_journal_and_nothing_found_are_different(journal: Path, tmp_path: Path) -> None:
    """2 and 1."""
    assert run("history", "--journal", tmp_path / "none.db").returncode == 2
    nothing = run("history", "rule = never", "--journal", journal)
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "no alert found" in nothing.stderr


def test_follow_prints_what_is_stored_later(journal: Path) -> None:
    """After the newest ones that are stored already, in the order of time."""
    from bridge.history.follow import follow
    from bridge.history.wanted import Wanted

    opened = open_for_router(journal)
    pauses = 0

    def wait(_seconds: float) -> None:
        nonlocal pauses
        pauses += 1
        opened.alerts.append("falco", NOW_NS, [entry(_late(pauses))])

    try:
        following = follow(opened.history, Wanted(rules=frozenset({"Late"})), 1, wait)
        assert [next(following).alert for _ in range(3)] == [_late(1), _late(2), _late(3)]
    finally:
        opened.close()


@pytest.mark.parametrize("words", [["tail"], ["history", "--follow"]])
def test_what_is_followed_is_printed_at_once(journal: Path, words: list[str]) -> None:
    """Line by line, the newest last, although standard output is no terminal."""
    command = [sys.executable, "-m", "bridge", *words, "not rule = Late", "--json", "--journal", str(journal)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        printed = [json.loads(process.stdout.readline())["id"] for _ in range(3)]
        opened = open_for_router(journal)
        live = alert(NOW_NS + len(words), rule="Live", output="live")
        opened.alerts.append("falco", NOW_NS, [entry(live)])
        opened.close()
        last = json.loads(process.stdout.readline())
        while last["id"] != live.id:
            printed.append(last["id"])
            last = json.loads(process.stdout.readline())
        process.terminate()
    assert ids(1)[0] in printed
    assert printed == sorted(printed)


def _late(number: int) -> Alert:
    return alert(NOW_NS + number, rule="Late")
