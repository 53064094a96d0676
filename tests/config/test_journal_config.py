"""How long, and how much, a config says that the journal keeps."""

from __future__ import annotations

from pathlib import Path

from bridge.config.load import Config, load_config
from tests.config.test_config import GOOD, write

TOKEN = {"TOKEN": "A/B/c"}


def with_journal(journal: str) -> str:
    return GOOD.replace("journal: journal.db", f"journal: {journal}")


def test_each_setting_is_read_by_itself(tmp_path: Path) -> None:
    """What is not named keeps its default."""
    config = load_config(
        write(tmp_path, with_journal("{path: journal.db, retention: {alerts: 90d, size: 500MB}}")), TOKEN
    )
    assert isinstance(config, Config)
    assert config.journal == tmp_path / "journal.db"
    assert (config.keep.alerts_ns, config.keep.deliveries_ns) == (90 * 86_400 * 10**9, 7 * 86_400 * 10**9)
    assert config.keep.size == 500_000_000


def test_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """A slip of a key, what is no duration, what is too small to hold anything."""
    wrong = "{path: journal.db, retention: {alert: 90d, deliveries: soon, size: 1KB}}"
    problems = load_config(write(tmp_path, with_journal(wrong)), TOKEN)
    assert not isinstance(problems, Config)
    told = " ".join(each.text() for each in problems)
    assert all(each in told for each in ("alert", "`deliveries` cannot be `soon`", "`size` cannot be `1KB`"))
