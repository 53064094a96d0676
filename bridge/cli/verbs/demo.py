"""``falco-bridge demo``: runs the quick start, without a Falco and without accounts."""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from bridge.cli.arguments.numbers import positive_number

_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.1
_TERMINAL = "terminal.jsonl"


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "demo",
        help="run the quick start with a simulated Falco",
        description="Shows what was typed in a recorded terminal session. Then runs the quick start: a simulated Falco "
        "serves recorded alerts over gRPC, and the bridge routes them. The messages of the pager are printed, and the "
        "archive is a file. Exits when all alerts are delivered.",
        example="falco-bridge demo --dir /tmp/demo",
    )
    parser.add_argument("--dir", type=Path, metavar="DIR", help="folder to run in (default: a new one)")
    parser.add_argument(
        "--rate", type=positive_number, default=20.0, metavar="N", help="alerts per second (default 20)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play the demo. Returns 0 if every alert was committed and every delivery settled."""
    for stop in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, _exit_on_signal)
    folder = _prepare(args.dir)
    print(_typed(folder / _TERMINAL), flush=True)
    print(f"falco-bridge demo: running in {folder}\n", flush=True)
    falco = _start("simulate", "alerts.jsonl", "--listen", "unix:falco.sock", "--rate", str(args.rate), folder=folder)
    bridge = _start("--config", "falco-bridge.yaml", folder=folder)
    try:
        finished = _wait_until_settled(folder / "journal.db", _count(folder / "alerts.jsonl"), bridge)
    finally:
        bridge.terminate()
        falco.terminate()
        code = bridge.wait(_TIMEOUT_SECONDS)
        falco.wait(_TIMEOUT_SECONDS)
    print(_summary(folder))
    return 0 if finished and code == 0 else 1


def _exit_on_signal(stop: int, _frame: object) -> None:
    """Exit through ``finally``, which stops the child processes."""
    sys.exit(128 + stop)


def _prepare(wanted: Path | None) -> Path:
    """The folder to run in, with a copy of the quick start."""
    from bridge.simulate.samples import samples_folder

    folder = Path(tempfile.mkdtemp(prefix="falco-bridge-demo-")) if wanted is None else wanted.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("falco-bridge.yaml", "quickstart.route", "alerts.jsonl", _TERMINAL):
        shutil.copy(samples_folder() / name, folder / name)
    return folder


def _typed(recording: Path) -> str:
    """What somebody typed in a pod, as `commands` shows it."""
    from bridge.cli.printing.command_list import as_sessions
    from bridge.workbench.commands import read_commands

    lines = "\n".join(as_sessions(read_commands([str(recording)])))
    command = f"falco-bridge commands --from {recording}"
    return f"What was typed in a recorded session, from the alerts of Falco:\n\n{lines}\n\n{command}\n"


def _start(*arguments: str, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bridge", *arguments]
    return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL)  # noqa: S603  # our own command


def _count(alerts: Path) -> int:
    return sum(1 for line in alerts.read_text(encoding="utf-8").splitlines() if line.strip())


def _wait_until_settled(journal_path: Path, expected: int, bridge: subprocess.Popen[bytes]) -> bool:
    """Until every alert is kept and nothing waits to be delivered. False where the bridge died or time ran out."""
    from bridge.journal import JournalError
    from bridge.journal.opening import open_to_read
    from bridge.journal.protocols import Journal

    deadline = time.monotonic() + _TIMEOUT_SECONDS
    journal: Journal | None = None
    while bridge.poll() is None and time.monotonic() < deadline:
        if journal is None:
            with suppress(JournalError):  # the bridge has not made it yet
                journal = open_to_read(journal_path)
        if journal is not None and journal.history.alert_count() >= expected and not journal.deliveries.undelivered():
            journal.close()
            return True
        time.sleep(_POLL_SECONDS)
    return False


def _summary(folder: Path) -> str:
    from bridge.cli.printing.summary import summarise
    from bridge.journal.opening import open_to_read
    from bridge.workbench.routes import conditions_of, load_routes

    journal = open_to_read(folder / "journal.db")
    loaded = load_routes([folder / "quickstart.route"])
    text = summarise(journal.history, conditions_of(loaded))
    journal.close()
    archive, kept = folder / "archive.jsonl", folder / "journal.db"
    look = f"falco-bridge console --config {folder / 'falco-bridge.yaml'}"
    where = f"Every delivery is in {archive}, every alert and decision in {kept}."
    return f"{text}\n\n{where}\nLook at them in a browser: {look}"
