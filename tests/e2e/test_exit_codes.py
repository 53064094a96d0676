"""The exit code of a bridge that cannot start: 2 only where the config or a route must be changed."""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.harness import Instance
from tests.e2e.test_listeners import command
from tests.support.ports import free_port

ROUTES = 'route "all" { to archive }\n'
CHANNELS = {"archive": "file://archive.jsonl"}
CANNOT_START, INVALID = 3, 2


def exit_code(instance: Instance) -> tuple[int, str]:
    done = command(instance, "--config", "falco-bridge.yaml")
    return done.returncode, done.stderr.decode()


def missing_routes(instance: Instance) -> None:
    path = instance.folder / "falco-bridge.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("test.route", "later/*.route"), encoding="utf-8")


def test_a_port_that_is_taken(instance: Instance) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        instance.configure(ROUTES, CHANNELS, sources=[{"http": address}])
        assert exit_code(instance)[0] == CANNOT_START
        instance.configure(ROUTES, CHANNELS, metrics=address)
        code, text = exit_code(instance)
    assert code == CANNOT_START
    assert address in text


def test_a_lock_that_is_held(instance: Instance) -> None:
    instance.configure(ROUTES, CHANNELS)
    with (instance.folder / "journal.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert exit_code(instance)[0] == CANNOT_START


def test_folders_that_are_not_mounted_yet(instance: Instance) -> None:
    """The journal's, that of a secret, of the routes, of a certificate, and the config's own."""
    instance.configure(ROUTES, CHANNELS, journal="later/journal.db")
    assert exit_code(instance)[0] == CANNOT_START
    instance.configure(ROUTES, {"archive": "webhook://example.com/${file:later/token}"})
    assert exit_code(instance)[0] == CANNOT_START
    instance.configure(ROUTES, CHANNELS)
    missing_routes(instance)
    assert exit_code(instance)[0] == CANNOT_START
    tls = {"cert": "later/cert.pem", "key": "later/key.pem"}
    instance.configure(ROUTES, CHANNELS, sources=[{"http": f"127.0.0.1:{free_port()}", "tls": tls}])
    assert exit_code(instance)[0] == CANNOT_START
    (instance.folder / "falco-bridge.yaml").unlink()
    assert exit_code(instance)[0] == CANNOT_START


def test_a_damaged_journal(instance: Instance) -> None:
    instance.configure(ROUTES, CHANNELS)
    instance.journal_path.write_bytes(b"this is no database, but long enough to be looked at" * 100)
    assert exit_code(instance)[0] == CANNOT_START


def test_a_channel_check_that_is_killed(instance: Instance) -> None:
    """It is the memory that is short, not the channel that is wrong."""
    instance.configure(ROUTES, {"archive": "json://127.0.0.1:9/"})
    killer = (
        "import subprocess, sys; from pathlib import Path; from bridge.daemon.checks import channel_check\n"
        "start = channel_check.start_python\n"
        "def killed(*given, **more):\n"
        "    process = start(*given, **more); process.kill(); return process\n"
        "channel_check.start_python = killed\n"
        "from bridge.daemon.start import run_bridge\n"
        "sys.exit(run_bridge(Path('falco-bridge.yaml')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", killer], cwd=instance.folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == CANNOT_START, done.stderr
    assert "the channels could not be checked" in done.stderr


@pytest.mark.parametrize(
    ("routes", "more"),
    [
        ('route "all" { to nowhere }\n', {}),
        ('route "all" {\n', {}),
        (ROUTES, {"metrics": "everywhere"}),
        (ROUTES, {"journal": "later/j.db", "labels": {"a b": "c"}}),
        (ROUTES, {"chanels": {}}),
        (ROUTES, {"journal": "later/j.db", "log": {"level": "loud"}}),
    ],
)
def test_what_a_restart_cannot_fix(instance: Instance, routes: str, more: dict[str, object]) -> None:
    """A mistake in the text counts for more than a file that is not there."""
    instance.configure(routes, CHANNELS, **more)
    code, text = exit_code(instance)
    assert code == INVALID, text


def test_the_unit_restarts_on_all_others() -> None:
    """For as long as it takes."""
    unit = (Path(__file__).parents[2] / "examples/systemd/falco-bridge.service").read_text(encoding="utf-8")
    lines = unit.splitlines()
    assert "Restart=always" in lines
    assert "RestartPreventExitStatus=2" in lines
    assert "StartLimitIntervalSec=0" in lines
