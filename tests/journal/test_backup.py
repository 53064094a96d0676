"""A backup is one consistent state of a journal in use, with its keys."""

from __future__ import annotations

import stat
import threading
import time
from pathlib import Path

import pytest

from bridge.journal import JournalError
from bridge.journal.opening import backup, open_for_router, open_to_read
from tests.courier.working import entry
from tests.daemon.test_reload import Running
from tests.support.waiting import wait_until


def test_a_backup_of_a_journal_that_is_written_to_is_consistent(tmp_path: Path) -> None:
    """Each batch is in it as a whole or not at all, and every delivery has its alert."""
    path, target = tmp_path / "j.db", tmp_path / "copy.db"
    journal = open_for_router(path)
    secret, done, written = journal.memory.secret(), threading.Event(), []

    def write() -> None:
        while not done.is_set():
            batch = [entry(f"{len(written)}-{each}", "a") for each in range(7)]
            journal.alerts.append("s", time.time_ns(), batch)
            written.append(batch)

    writer = threading.Thread(target=write)
    writer.start()
    wait_until(lambda: len(written) > 5, "some batches")
    assert backup(path, target) == [target, tmp_path / "copy.db.key"]
    before = len(written)
    wait_until(lambda: len(written) > before, "a batch after the backup")
    done.set()
    writer.join()
    journal.close()
    copy = open_to_read(target)
    count = copy.history.alert_count()
    assert (count % 7, 0 < count <= 7 * (before + 1)) == (0, True)
    assert copy.deliveries.undelivered() == count
    copy.close()
    assert (tmp_path / "copy.db.key").read_bytes() == secret
    for each in (target, tmp_path / "copy.db.key"):
        assert stat.S_IMODE(each.stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.glob("copy*")) == ["copy.db", "copy.db.key"]


def test_nothing_that_exists_is_changed_and_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    """A file, a key, a link; a folder that is missing; no journal."""
    journal = open_for_router(tmp_path / "j.db")
    journal.memory.secret()
    journal.close()
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    (tmp_path / "other.key").write_text("mine", encoding="utf-8")
    (tmp_path / "link").symlink_to("nowhere")
    before = sorted(each.name for each in tmp_path.iterdir())
    for name in ("file", "other", "link"):
        with pytest.raises(JournalError, match="exists and was not changed"):
            backup(tmp_path / "j.db", tmp_path / name)
    with pytest.raises(JournalError, match="cannot write"):
        backup(tmp_path / "j.db", tmp_path / "missing" / "copy.db")
    with pytest.raises(JournalError, match="no journal"):
        backup(tmp_path / "none.db", tmp_path / "copy.db")
    assert sorted(each.name for each in tmp_path.iterdir()) == before
    assert (tmp_path / "file").read_text("utf-8") == "mine"


def test_a_restored_backup_remembers_what_the_bridge_remembered(tmp_path: Path) -> None:
    """The command against a running bridge; a throttle's window survives, because the key is part of the backup."""
    running = Running(tmp_path, 'route "r" { to a throttle 1 per 10h by rule }\n')
    try:
        running.send()
        wait_until(lambda: running.lines("a") == 1, "the first notification")
        running.instance.await_settled()
        done = running.command("journal", "backup", "copy.db", "--config", "falco-bridge.yaml")
        assert (done.returncode, "copy.db.key" in done.stdout) == (0, True), done.stderr
        assert running.instance.stop(running.bridge) == 0
        for name in ("journal.db", "journal.db.key"):
            (tmp_path / name).unlink()
            (tmp_path / name.replace("journal", "copy")).rename(tmp_path / name)
        running.bridge = running.instance.bridge()
        wait_until(lambda: running.instance.log.count('"started"') == 2, "the restored bridge")
        running.send()
        running.instance.await_kept(2)
        assert running.instance.stop(running.bridge) == 0
        assert running.lines("a") == 1
    finally:
        running.instance.end()
