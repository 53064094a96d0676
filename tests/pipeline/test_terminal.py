"""Terminal commands in the running bridge: what is stored, and that a kill at any moment loses and doubles nothing."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from bridge.alert import INTERNAL_SOURCE, Alert
from bridge.alert.internal import DROP_RULE
from bridge.alert.rejected import RejectedMessage
from bridge.journal import JournalBusyError
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from bridge.pipeline import intake as intake_module
from bridge.pipeline import writer as writer_module
from bridge.pipeline.intake import Intake
from bridge.pipeline.terminal import material_file as material_file_module
from bridge.pipeline.terminal import recorder as recorder_module
from bridge.pipeline.terminal.material_file import MaterialFile, MaterialUnreadableError
from bridge.pipeline.terminal.recorder import TerminalRecorder
from bridge.routing.router import Router
from bridge.sources.contract import Aborted, Batch
from bridge.terminal.terminals import commands_of
from tests.support import builders
from tests.support.limits import largest_file
from tests.support.terminals import SECOND, Typist, in_batches, recording, secrets

ROUTES = (
    'redact proc.cmdline matching "hunter2[a-z]*"\n'
    'route "cron" { when source = terminal and cmd.wrote contains "/etc/cron.d/" to pager }\n'
    "otherwise { to archive }\n"
)


class SetClock:
    """Implements Clock: both clocks are as they were set."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def wall_ns(self) -> int:
        return self.now_ns

    def monotonic_ns(self) -> int:
        return self.now_ns


@dataclass
class Run:
    """A bridge's intake from its start to its end, on the files of a folder."""

    folder: Path
    now_ns: int = 0

    def __post_init__(self) -> None:
        self.journal: Journal = open_for_router(self.folder / "journal.db")
        self.file = MaterialFile(self.folder / "journal.db.terminal", self.folder / "journal.db.terminal.key")
        self.recorder = TerminalRecorder(self.file, monotonic=lambda: self.now_ns / SECOND)
        self.recorder.load()
        self.clock = SetClock(self.now_ns)
        self.intake = Intake(
            self.journal.alerts, Router(builders.program_of(ROUTES), {}), on_deliveries=lambda: None,
            on_fault=lambda fault: pytest.fail(str(fault)), clock=self.clock, recorder=self.recorder,
        )  # fmt: skip

    def accept(self, *alerts: Alert, rejected: tuple[RejectedMessage, ...] = ()) -> None:
        """One batch, received when its last event happened."""
        self.at(max([self.now_ns, *(alert.time_ns for alert in alerts)]))
        self.intake.accept(Batch("falco", self.now_ns, alerts, rejected))

    def at(self, now_ns: int) -> None:
        self.now_ns = now_ns
        self.clock.now_ns = now_ns

    def wait(self, seconds: float) -> None:
        """Time passes without an alert."""
        for _ in range(int(seconds * 2)):
            self.at(self.now_ns + SECOND // 2)
            self.intake.finish_commands(self.now_ns)

    def stored(self) -> list[Alert]:
        return [each.alert for each in self.journal.history.alerts()]

    def close(self) -> None:
        """The end of the process, which a kill does not differ from: nothing is written."""
        self.journal.close()
        self.recorder.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    started = Run(tmp_path)
    yield started
    started.close()


def cron() -> Typist:
    shell = Typist()
    shell.start()
    shell.type("echo x > /etc/cron.d/x")
    shell.write_file("/etc/cron.d/x")
    shell.show_prompt()
    return shell


def test_a_command_is_an_alert_and_its_material_is_none(run: Run) -> None:
    """It is routed; neither history nor `otherwise` gets what it was made of."""
    run.accept(*cron().alerts)
    run.wait(6)
    (command,) = run.stored()
    assert (command.rule, command.source) == ("Command typed in a terminal", "terminal")
    assert command.fields["cmd.text"] == "echo x > /etc/cron.d/x"
    assert command.fields["k8s.pod.name"] == "api-0"
    assert [each.channel for each in run.journal.history.deliveries()] == ["pager"]
    assert run.recorder.commands == 1
    assert run.intake.nodes.now()[0][0] == "node-a"


def test_redactions_of_command_lines_apply_to_what_was_typed(run: Run) -> None:
    """To every text of the command, and to its output line."""
    shell = Typist()
    shell.start()
    shell.type("curl -u me:hunter2abc x > hunter2file")
    shell.run("curl -u me:hunter2abc x", 200)
    shell.write_file("/tmp/hunter2file")
    run.accept(*shell.alerts)
    run.wait(6)
    (command,) = run.stored()
    assert "hunter2" not in str(command)
    assert command.fields["cmd.text"].startswith("curl -u me:")


def test_material_is_encrypted_private_and_goes_when_its_line_is_done(run: Run, tmp_path: Path) -> None:
    """The file holds no text of the line, before and after. The key is in a file of its own."""
    shell = cron()
    shell.write_text("rm -rf /secret", 2)
    run.accept(*shell.alerts)
    path = tmp_path / "journal.db.terminal"
    largest = path.stat().st_size
    assert largest > 5000
    for each in (path, tmp_path / "journal.db.terminal.key"):
        assert each.stat().st_mode & 0o777 == 0o600
    for each in tmp_path.iterdir():
        assert b"secret" not in each.read_bytes()
        assert b"cron" not in each.read_bytes()
    run.wait(8)
    held = str(msgspec.msgpack.decode(run.file.read()[0]))
    assert "rm -rf /secret" in held.replace("', '", "")
    assert "cron.d" not in held.replace("', '", "")
    assert len(run.file.read()) == 1
    shell.enter()
    shell.show_prompt()
    run.accept(*shell.alerts)
    run.wait(8)
    assert "secret" not in str(msgspec.msgpack.decode(run.file.read()[0])).replace("', '", "")


def test_a_batch_is_not_acknowledged_before_its_material_is_on_disk(run: Run, tmp_path: Path) -> None:
    """While the disk is full, intake waits; it continues when there is space."""
    attempts = []

    def full(observations: object, now_ns: int) -> None:
        attempts.append(now_ns)
        if len(attempts) < 3:
            raise JournalBusyError("cannot write: no space left on device")
        original(observations, now_ns)  # type: ignore[arg-type]

    original = run.recorder.take
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer_module, "_BUSY_WAIT_SECONDS", 0.01)
        patch.setattr(run.recorder, "take", full)
        run.accept(*cron().alerts)
    assert len(attempts) == 3
    run.wait(6)
    assert len(run.stored()) == 1


@pytest.mark.parametrize("number", ["-9999999999999999999", "99999999999999999999", "x", ""])
def test_a_number_that_no_kernel_has_keeps_no_alert_from_being_stored(run: Run, number: str) -> None:
    """Neither the alert with it nor the others of its batch."""
    shell = cron()
    for name in ("evt_num", "proc_pid", "proc_pid_ts", "proc_ppid", "proc_vpid", "proc_tty", "proc_sid", "evt_arg_ret"):
        shell.emit("fb: program at a terminal ended", **{name: number})
    run.accept(*shell.alerts, builders.alert(shell.now_ns + 1))
    run.wait(6)
    assert {each.rule for each in run.stored()} == {"Command typed in a terminal", builders.alert(0).rule}


def test_a_full_disk_is_reported_as_such(run: Run) -> None:
    """And the material that could not be stored is stored by the next attempt."""
    shell = cron()
    found = run.recorder.receive(shell.alerts)
    with largest_file(1000), pytest.raises(JournalBusyError, match="free space"):
        run.recorder.take(found, shell.now_ns)
    run.recorder.take(found, shell.now_ns)
    assert len(run.file.read()) == 2


def test_a_key_that_cannot_be_read_keeps_no_bridge_from_starting(tmp_path: Path) -> None:
    """Material waits, with the reason and the remedy, until it can be stored."""
    (tmp_path / "journal.db.terminal.key").mkdir()
    started = Run(tmp_path)
    found = started.recorder.receive(cron().alerts)
    with pytest.raises(JournalBusyError, match="permissions"):
        started.recorder.take(found, cron().now_ns)
    (tmp_path / "journal.db.terminal.key").rmdir()
    started.recorder.take(found, cron().now_ns)
    started.close()


@pytest.mark.parametrize(("name", "seed"), [("bash-80", 3), ("bash-80", 4), ("dash-80", 5)])
def test_a_kill_at_any_moment_loses_and_doubles_no_command(tmp_path: Path, name: str, seed: int) -> None:
    """Killed before and after material is stored, and before and after the commit; the batch is then read again."""
    alerts, draw = recording(name), random.Random(seed)
    expected = {command.id: command.text for command in commands_of(alerts)}
    running = Run(tmp_path)
    for batch in in_batches(alerts, 150):
        if draw.random() < 0.7:
            running = _killed(running, tuple(batch), draw)
        running.accept(*batch)
        if draw.random() < 0.5:
            running.wait(1)
    running.close()
    running = Run(tmp_path, now_ns=alerts[-1].time_ns)
    running.wait(8)
    stored = running.stored()
    found = {alert.id: alert.fields.get("cmd.text", "") for alert in stored}
    assert len(stored) == len(found)
    assert {identity: text for identity, text in found.items() if identity in expected} == expected
    assert len(found.keys() - expected.keys()) <= 1  # a program that was started when a bridge was down for seconds
    assert all(secret not in str(alert) for alert in stored for secret in secrets(name))
    running.close()


def _killed(running: Run, batch: tuple[Alert, ...], draw: random.Random) -> Run:
    """Killed at one of the moments of a batch."""

    def kill(*_: object, **__: object) -> int:
        raise Aborted("killed")

    moment = draw.choice(["material", "commit", "committed", "between"])
    with pytest.MonkeyPatch.context() as patch:
        if moment == "material":
            patch.setattr(running.file, "append", kill)
        elif moment == "commit":
            patch.setattr(running.journal.alerts, "append", kill)
        elif moment == "committed":
            patch.setattr(running.recorder, "committed", kill)
        if moment != "between":
            with suppress(Aborted):
                running.accept(*batch)
    running.close()
    return Run(running.folder, running.now_ns)


def test_a_block_that_a_crash_cut_off_is_left_out(tmp_path: Path) -> None:
    """At every byte of the last block."""
    file = MaterialFile(tmp_path / "m", tmp_path / "k")
    file.replace(b"state")
    file.append(b"one")
    whole = (tmp_path / "m").read_bytes()
    file.append(b"two")
    data = (tmp_path / "m").read_bytes()
    for size in range(len(whole), len(data)):
        (tmp_path / "m").write_bytes(data[:size])
        assert MaterialFile(tmp_path / "m", tmp_path / "k").read() == [b"state", b"one"]


def test_zeros_at_the_end_of_the_file_are_left_out(tmp_path: Path) -> None:
    """After a power failure, a file may have grown without its content."""
    file = MaterialFile(tmp_path / "m", tmp_path / "k")
    file.replace(b"state")
    file.append(b"one", durable=False)
    with (tmp_path / "m").open("ab") as grown:
        grown.write(bytes(100))
    assert MaterialFile(tmp_path / "m", tmp_path / "k").read() == [b"state", b"one"]


def test_blocks_follow_in_the_file_that_has_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the folder could not be synced after the file was written again."""
    file = MaterialFile(tmp_path / "m", tmp_path / "k")
    file.replace(b"state")

    def fail(_: Path) -> None:
        raise OSError("no sync")

    monkeypatch.setattr(material_file_module, "sync_folder", fail)
    with pytest.raises(OSError, match="no sync"):
        file.replace(b"later state")
    file.append(b"block")
    file.close()
    assert MaterialFile(tmp_path / "m", tmp_path / "k").read() == [b"later state", b"block"]


@pytest.mark.parametrize("length", [1, 7, 12, 27])
def test_a_block_that_is_too_short_is_refused(tmp_path: Path, length: int) -> None:
    """It has no room for a nonce and a tag. The bridge starts, and says so."""
    file = MaterialFile(tmp_path / "journal.db.terminal", tmp_path / "journal.db.terminal.key")
    file.replace(b"state")
    file.close()
    with file.path.open("ab") as grown:
        grown.write(length.to_bytes(4, "big") + b"x" * length)
    with capture_logs() as logged:
        Run(tmp_path).close()
    assert "terminal material unreadable" in logged[0]["event"]


def test_material_is_synced_and_other_observations_are_only_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    run.accept(*cron().alerts)
    assert len(synced) == 1
    size = run.file.size
    run.accept(builders.alert(run.now_ns + 1, rule=DROP_RULE, source=INTERNAL_SOURCE))
    assert (len(synced), run.file.size > size) == (1, True)


def test_changed_material_is_refused(tmp_path: Path) -> None:
    """A flipped bit, blocks in another order, another key."""
    file = MaterialFile(tmp_path / "m", tmp_path / "k")
    file.replace(b"state")
    file.append(b"same")
    file.append(b"size")
    data = (tmp_path / "m").read_bytes()
    size = 4 + 12 + 4 + 16
    changed = [
        data[:-1] + bytes([data[-1] ^ 1]),
        data[: -2 * size] + data[-size:] + data[-2 * size : -size],
        b"other" + data,
    ]
    for each in changed:
        (tmp_path / "m").write_bytes(each)
        with pytest.raises(MaterialUnreadableError):
            MaterialFile(tmp_path / "m", tmp_path / "k").read()
    (tmp_path / "m").write_bytes(data)
    (tmp_path / "k").write_bytes(os.urandom(32))
    with pytest.raises(MaterialUnreadableError):
        MaterialFile(tmp_path / "m", tmp_path / "k").read()


def test_without_its_key_material_is_removed_and_the_next_line_is_in_doubt(tmp_path: Path) -> None:
    """The bridge starts, and says so."""
    shell = cron()
    shell.write_text("rm -rf", 2)
    first = Run(tmp_path)
    first.accept(*shell.alerts)
    first.wait(6)
    first.close()
    (tmp_path / "journal.db.terminal.key").unlink()
    with capture_logs() as logs:
        second = Run(tmp_path, now_ns=shell.now_ns)
    assert [each["event"] for each in logs] == ["terminal material unreadable; lines that were being typed are marked"]
    before = len(shell.alerts)
    shell.now_ns += 60 * SECOND
    shell.write_text(" /x", 8)
    shell.enter()
    shell.show_prompt()
    second.accept(*shell.alerts[before:])
    second.wait(6)
    confidences = [alert.fields["cmd.confidence"] for alert in second.stored()]
    assert confidences == ["0.9", "0.5"]
    second.close()


def test_material_that_is_not_an_alert_leaves_no_text_in_the_quarantine(run: Run) -> None:
    """A message that was cut off, and an internal error."""
    broken = RejectedMessage("is not JSON", b'{"rule": "fb: line read from a terminal", "evt.arg.data": "aHVudGVyMg==')
    run.accept(rejected=(broken, RejectedMessage("is not JSON", b"other")))
    assert [each.raw for each in run.journal.history.quarantine()] == [intake_module._MATERIAL_REMOVED, b"other"]


def test_without_a_recorder_material_is_discarded(tmp_path: Path) -> None:
    """`terminal: off`."""
    journal = open_for_router(tmp_path / "journal.db")
    intake = Intake(
        journal.alerts, Router(builders.program_of(ROUTES), {}), on_deliveries=lambda: None, on_fault=lambda _: None
    )
    intake.accept(Batch("falco", 1, (*cron().alerts, builders.alert())))
    assert [each.alert.rule for each in journal.history.alerts()] == [builders.RULE]
    journal.close()


def test_commands_are_switched_off_and_on(run: Run) -> None:
    """Off: what was typed becomes commands, its material goes, and later material is discarded."""
    alerts = cron().alerts
    run.accept(*alerts)
    assert run.file.exists()
    run.intake.use_recorder(None, run.now_ns)
    assert [each.fields["cmd.text"] for each in run.stored()] == ["echo x > /etc/cron.d/x"]
    assert not run.file.exists()
    other = Typist(pid=99)
    other.start()
    other.type("ls")
    other.show_prompt()
    run.accept(*other.alerts)
    run.intake.use_recorder(TerminalRecorder(run.file), run.now_ns)
    run.wait(10)
    assert len(run.stored()) == 1
    third = Typist(pid=100)
    third.start()
    third.type("pwd")
    third.show_prompt()
    run.accept(*third.alerts)
    run.wait(10)
    assert [each.fields["cmd.text"] for each in run.stored()] == ["echo x > /etc/cron.d/x", "pwd"]


def test_removing_material_takes_a_bounded_share_of_the_time(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a removal that took a second, the next one waits for fifty."""
    removals = []

    def slow(state: bytes) -> None:
        removals.append(run.now_ns)
        run.now_ns += SECOND
        replace(state)

    replace = run.file.replace
    run.accept(*cron().alerts)
    monkeypatch.setattr(run.file, "replace", slow)
    for _ in range(60):
        run.recorder._has_done_lines = True
        run.wait(1)
    assert len(removals) == 2
    assert removals[1] - removals[0] > recorder_module._REST_FACTOR * SECOND
