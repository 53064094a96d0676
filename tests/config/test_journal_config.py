"""How long, and how much, a config lets the journal store."""

from __future__ import annotations

from pathlib import Path

from tests.config.reading import GOOD, errors, read

DAY_NS = 86_400 * 10**9


def with_journal(journal: str) -> str:
    return GOOD.replace("journal: journal.db", f"journal: {journal}")


def test_each_setting_is_read_on_its_own(tmp_path: Path) -> None:
    """The others keep their defaults."""
    config = read(tmp_path, with_journal("{path: journal.db, retention: {alerts: 90d, size: 500MB}}"))
    retention = config.journal.retention
    assert config.journal.path == tmp_path / "journal.db"
    assert (retention.alerts.ns, retention.deliveries.ns) == (90 * DAY_NS, 7 * DAY_NS)
    assert retention.size.bytes == 500_000_000


def test_all_errors_are_reported(tmp_path: Path) -> None:
    """A misspelt key, what is not a duration, a size too small to be useful."""
    found = errors(tmp_path, with_journal("{path: journal.db, retention: {alert: 90d, deliveries: soon, size: 1KB}}"))
    assert [each.message for each in found] == [
        "unknown key `alert` in `retention`",
        "invalid `deliveries`: `soon`",
        "invalid `size`: `1KB`",
    ]
    assert found[0].hint == "did you mean `alerts`?"
