"""Schedules in verbs that read recorded alerts."""

from __future__ import annotations

from pathlib import Path

from tests.cli.commands import run

ALERT = '{"time":"2001-03-01T12:00:00Z","rule":"r","priority":"Notice","source":"syscall","output":"o","output_fields":{}}\n'


def test_the_time_for_schedules_is_when_an_alert_was_received(tmp_path: Path) -> None:
    """As in the bridge. For a file of alerts, it is the time of the alert itself."""
    (tmp_path / "a.route").write_text(
        'schedule day = 2001-03-01\nroute "then" { during day to out }\n', encoding="utf-8"
    )
    config, alerts = tmp_path / "falco-bridge.yaml", tmp_path / "alerts.jsonl"
    config.write_text(
        "sources: [{stdin: true}]\nchannels: {out: console://}\nroutes: [a.route]\njournal: j.db\n", "utf-8"
    )
    alerts.write_text(ALERT, encoding="utf-8")
    received = run("--config", config, given=ALERT)
    assert (received.returncode, received.stdout) == (0, ""), received.stderr
    assert 'route "then": no match: schedule `day` does not hold' in run("explain", "--config", config).stdout
    assert 'route "then": matched' in run("explain", "--config", config, "--alerts", alerts).stdout
    for bound, path in (("then exactly 0", tmp_path / "j.db"), ("then exactly 1", alerts)):
        assert run("test", "--config", config, "--alerts", path, "--expect", bound).returncode == 0, bound
