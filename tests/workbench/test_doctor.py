"""The doctor: each cause of missing alerts and messages is found, and nothing is reported where all is well."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.alert import Alert, Priority, make_alert
from bridge.config.load import load_config
from bridge.journal.opening import open_for_router
from bridge.journal.records import RecordedAlert
from bridge.routing import Decision, Entry, Reason
from bridge.routing.router import Router
from bridge.routing.state import State
from bridge.workbench.doctor.certificates import certificate_files, certificates
from bridge.workbench.doctor.examine import (
    Disk,
    alerts_arrive,
    clocks,
    disk,
    fields,
    routes_fire,
    typed_commands,
)
from bridge.workbench.doctor.falco_sockets import falco_sockets
from bridge.workbench.doctor.finding import Finding, Gravity
from bridge.workbench.doctor.survey import Survey, survey
from tests.support.builders import program_of
from tests.support.certificates import make_authority

SECOND = 1_000_000_000
NOW = 1_772_600_000 * SECOND
PROGRAM = program_of("""
route "shells" { when rule = "Terminal shell" and k8s.ns.name = prod to chat }
route "never" { when rule = "No such rule" to chat }
route "typed" { when cmd.text contains "rm -rf" to chat }
route "about Falco" { when source = internal to chat }
""")


def an_alert(number: int, *, rule: str = "Terminal shell", node: str = "node-1", delay: float = 0.5) -> RecordedAlert:
    alert = make_alert(
        time_ns=NOW + number * SECOND - round(delay * SECOND), priority=Priority.WARNING, rule=rule, source="syscall",
        hostname=node, tags=(), output="", fields={"proc.name": "bash"},
    )  # fmt: skip
    return RecordedAlert(alert, "http", NOW + number * SECOND, (Decision("shells", Reason.SENT, ("chat",)),), number)


def surveyed() -> Survey:
    return survey(an_alert(number) for number in range(200))


def bad(findings: Iterable[Finding]) -> list[Finding]:
    return [each for each in findings if each.gravity is not Gravity.OK]


def test_a_field_that_no_alert_had_is_found_with_the_lines_for_falco() -> None:
    """Only for rules whose alerts came."""
    (found,) = [each for each in bad(fields(PROGRAM, surveyed())) if each.subject == 'route "shells"']
    assert "k8s.ns.name" in found.text
    assert found.lines == ("append_output:", '  - {match: {rule: "Terminal shell"}, extra_fields: [k8s.ns.name]}')


def test_a_route_that_matched_nothing_is_found() -> None:
    """Unless it is about internal alerts, which are rare."""
    found = {each.subject: each.text for each in bad(routes_fire(PROGRAM, surveyed(), "7 d"))}
    assert set(found) == {'route "never"', 'route "typed"'}
    assert "no rule whose alerts came can match it" in found['route "never"']


def test_a_few_alerts_say_nothing_about_routes() -> None:
    """A new bridge has no findings of that kind."""
    few = survey([an_alert(1)])
    assert [*fields(PROGRAM, few), *routes_fire(PROGRAM, few, "7 d"), *typed_commands(PROGRAM, few)] == []


def test_clocks_that_differ_are_found() -> None:
    """A clock ahead is a problem, a delay a warning; ten alerts are needed."""
    alerts = [
        an_alert(number, node=node, delay=delay)
        for node, delay, count in (("ahead", -60, 20), ("late", 600, 20), ("well", 1, 20), ("few", -60, 5))
        for number in range(count)
    ]
    found = {each.subject: each.gravity for each in bad(clocks(survey(alerts)))}
    assert found == {"node ahead": Gravity.PROBLEM, "node late": Gravity.WARNING}


def test_no_alerts_and_old_alerts_are_found() -> None:
    """None at all is a problem."""
    assert [each.gravity for each in alerts_arrive(Survey(), NOW, "7 d")] == [Gravity.PROBLEM]
    assert [each.gravity for each in alerts_arrive(surveyed(), NOW + 86_400 * SECOND, "7 d")] == [Gravity.WARNING]
    assert bad(alerts_arrive(surveyed(), NOW + 200 * SECOND, "7 d")) == []


def test_typed_commands_that_never_come_are_found() -> None:
    """A route reads them, and the rules or settings are missing."""
    (found,) = typed_commands(PROGRAM, surveyed())
    assert "examples/terminal" in found.remedy


def test_a_journal_in_a_database_does_not_grow_on_the_disk() -> None:
    """Only the bridge's other files are there."""
    (found,) = disk(Disk(free=10, total=100, journal=0, limit=0))
    assert (found.gravity, found.text) == (Gravity.OK, "10 B are free; the journal is in a database")


@pytest.mark.parametrize(
    ("free", "journal", "gravity"),
    [(1, 0, Gravity.PROBLEM), (20, 0, Gravity.WARNING), (20, 25, Gravity.OK), (90, 0, Gravity.OK)],
)
def test_a_disk_that_is_too_small_is_found(free: int, journal: int, gravity: Gravity) -> None:
    """Full, or smaller than what the journal may grow to."""
    (found,) = disk(Disk(free=free, total=100, journal=journal, limit=30))
    assert found.gravity is gravity


def test_why_falco_cannot_be_reached(tmp_path: Path) -> None:
    """No socket, no socket but a file, nothing listening; and one that answers."""
    paths = [tmp_path / name for name in ("none", "file", "dead", "alive")]
    paths[1].touch()
    with socket.socket(socket.AF_UNIX) as dead, socket.socket(socket.AF_UNIX) as alive:
        dead.bind(str(paths[2]))
        alive.bind(str(paths[3]))
        alive.listen()
        found = list(falco_sockets(f"unix:{path}" for path in paths))
    assert [each.gravity for each in found] == [Gravity.PROBLEM] * 3 + [Gravity.OK]
    assert "does not exist" in found[0].text
    assert "no socket" in found[1].text
    assert found[2].text == "connection refused"


def test_the_survey_is_bounded() -> None:
    """Rules and nodes of attackers do not fill the memory."""
    found = survey(an_alert(number, rule=f"r{number}", node=f"n{number}") for number in range(12_000))
    assert len(found.rules()) == 5_000
    assert len(found._delays) == 10_000


def journal_of(path: Path, alerts: list[Alert]) -> None:
    """A journal with these alerts, as the router decides about them."""
    router, state = Router(PROGRAM, {}), State()
    with closing(open_for_router(path)) as journal:
        entries = [Entry(alert, router.step(state, alert, alert.time_ns)) for alert in alerts]
        journal.alerts.append("http", time.time_ns(), entries)


def test_the_command_reads_the_journal_and_says_what_to_do(tmp_path: Path) -> None:
    """Without a running bridge, it says so first."""
    (tmp_path / "a.route").write_text('route "shells" { when k8s.ns.name = prod to chat }\n', encoding="utf-8")
    (tmp_path / "c.yaml").write_text(
        "sources: [{grpc: 'unix:falco.sock'}]\nchannels: {chat: console://}\nroutes: a.route\njournal: j.db\n",
        encoding="utf-8",
    )
    journal_of(tmp_path / "j.db", [an_alert(number).alert for number in range(120)])
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "doctor", "--config", "c.yaml", "--json"], cwd=tmp_path, env=os.environ,
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    found = {each["subject"]: each for each in json.loads(done.stdout)}
    assert found["bridge"]["gravity"] == "problem"
    assert "does not exist" in found[f"Falco at {tmp_path}/falco.sock"]["text"]
    assert "k8s.ns.name" in found['route "shells"']["text"] or "matched none" in found['route "shells"']["text"]
    assert found["config"]["gravity"] == "ok"


def test_certificates_that_expire_are_found(tmp_path: Path) -> None:
    """Of sources and channels. One that is renewed every day is always near its end."""
    authority = make_authority(tmp_path)
    authority.issue("old", expired=True)
    for name, days in {"day": 1, "month": 30, "year": 365}.items():
        authority.issue(name, days=days)
    (tmp_path / "r.route").write_text("otherwise { to a }\n", encoding="utf-8")
    pairs = {name: {"cert": f"{name}.crt", "key": f"{name}.key"} for name in ("old", "day", "month", "year")}
    channels = {name: {"url": "webhooks://h/", "tls": pairs[name]} for name in ("old", "day", "month")}
    sources = [{"http": "127.0.0.1:2801", "tls": pairs["year"]}]
    config = {"sources": sources, "channels": {"a": "console://", **channels}, "routes": "r.route", "journal": "j.db"}
    (tmp_path / "falco-bridge.yaml").write_text(json.dumps(config), encoding="utf-8")
    loaded = load_config(tmp_path / "falco-bridge.yaml", {})
    assert loaded.config is not None, loaded.errors().text()
    files = certificate_files(loaded.config)
    assert [path.name for path in files] == ["year.crt", "old.crt", "day.crt", "month.crt"]
    now = datetime.now(UTC)
    found = [(each.gravity, Path(each.subject).name) for each in certificates(files, now)]
    assert found == [(Gravity.PROBLEM, "old.crt"), (Gravity.OK, "certificates")]
    later = [(each.gravity, Path(each.subject).name) for each in certificates(files, now + timedelta(days=25))]
    assert later == [
        (Gravity.PROBLEM, "old.crt"), (Gravity.PROBLEM, "day.crt"), (Gravity.WARNING, "month.crt"),
        (Gravity.OK, "certificates"),
    ]  # fmt: skip


def test_the_command_says_what_is_broken(tmp_path: Path) -> None:
    """Routes with errors, and a journal that is damaged: to start the bridge would not help."""
    (tmp_path / "a.route").write_text('\nroute "shells" { when proc.nmae = bash to nosuch }\n', encoding="utf-8")
    (tmp_path / "c.yaml").write_text(
        "sources: [{http: 127.0.0.1:0}]\nchannels: {chat: console://}\nroutes: a.route\njournal: j.db\n",
        encoding="utf-8",
    )

    def found() -> dict[str, tuple[str, str, str]]:
        done = subprocess.run(
            [sys.executable, "-m", "bridge", "doctor", "--config", "c.yaml", "--json"], cwd=tmp_path, env=os.environ,
            capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (1, "")
        return {each["subject"]: (each["gravity"], each["text"], each["remedy"]) for each in json.loads(done.stdout)}

    gravity, text, remedy = found()["routes"]
    assert (gravity, remedy) == ("problem", "falco-bridge check --config c.yaml")
    assert text.startswith(f"2 errors, the first in {tmp_path}/a.route:2: ")
    (tmp_path / "a.route").write_text("otherwise { to chat }\n", encoding="utf-8")
    assert found()["journal"][2] == "start the bridge once"
    (tmp_path / "j.db").write_text("no journal" * 500, encoding="utf-8")
    gravity, text, remedy = found()["journal"]
    assert (gravity, "is damaged" in text, remedy) == ("problem", True, "")
    (tmp_path / "j.db").unlink()
    assert found()["bridge"][2] == "start it: falco-bridge --config c.yaml"
    for name in ("a.crt", "a.key"):
        (tmp_path / name).write_text("no certificate", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        text = (tmp_path / "c.yaml").read_text(encoding="utf-8")
        text = text.replace("http: 127.0.0.1:0", f"http: '{address}', tls: {{cert: a.crt, key: a.key}}")
        (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
        broken = found()
    assert f"could not start here: cannot listen on {address}" in broken["bridge"][1]
    assert "`cert` and `key` cannot be used" in broken["config"][1]
