"""The commands in README and the docs work."""

from __future__ import annotations

import gzip
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
import yaml

from bridge.journal.opening import open_for_router
from tests.cli.commands import ROOT, RULES
from tests.support.postgres import in_schema, new_schema
from tests.support.waiting import wait_until

LONG_RUNNING = {"--config": "started", "simulate": "listening on", "console": "sign in"}
"""Commands that run until they are stopped, and what they print once they have started."""
NEEDS_BRIDGE = {"status", "quarantine", "send", "silence", "incidents"}
"""Verbs that need a running bridge."""
FILES = {
    name: text
    for page in sorted((ROOT / "docs").glob("*.md"))
    for name, text in re.findall(r"<!-- file: ([^\n]*) -->\n```\w+\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
}
"""The files that the docs show, each as it is shown last."""
FALCOSIDEKICK = "slack:\n  webhookurl: https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ\n"
DATABASE = re.compile(r"'?postgresql://[^' ]+'?")
"""The address of a database in a command. A real server's takes its place."""
MAY_EXIT_1 = {"history", "commands", "doctor"}
"""Verbs that exit with 1 if they find nothing, or something wrong: the journal is empty here, and no Falco runs."""


@contextmanager
def running_bridge(folder: Path) -> Iterator[None]:
    """Runs the quick start's bridge, with a socket source for ``send``."""
    path = folder / "falco-bridge.yaml"
    config = yaml.safe_load(path.read_text("utf-8"))
    config["sources"].append({"socket": "ingest.sock"})
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    log = (folder / "bridge.log").open("wb")
    with log, subprocess.Popen(
        [sys.executable, "-m", "bridge", "--config", path.name], cwd=folder, stdout=log, stderr=log
    ) as bridge:  # fmt: skip
        try:
            wait_until(lambda: b"started" in (folder / "bridge.log").read_bytes(), "the bridge")
            yield
        finally:
            bridge.terminate()
            assert bridge.wait(40) == 0


def shown_commands() -> list[str]:
    """The commands in the sh blocks of README and the docs."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    blocks = [block for page in pages for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)]
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return sorted({line for line in lines if line.startswith("falco-bridge ")})


@pytest.mark.parametrize("command", shown_commands())
def test_every_command_in_the_docs_works(command: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each runs in a folder with the quick start. A command that runs until it is stopped must start."""
    if "postgresql://" in command:
        database = in_schema(request.getfixturevalue("postgres"), new_schema())
        command = DATABASE.sub(lambda _: shlex.quote(database), command)
    for path in (ROOT / "examples" / "quickstart").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "falco_rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "config.yaml").write_text(FALCOSIDEKICK, encoding="utf-8")
    (tmp_path / "falco.jsonl.gz").write_bytes(gzip.compress((tmp_path / "terminal.jsonl").read_bytes()))
    terminal = ROOT / "examples" / "terminal" / "terminal.route"
    (tmp_path / terminal.name).write_bytes(terminal.read_bytes())
    open_for_router(tmp_path / "journal.db").close()  # as if a bridge had run here
    arguments = [word.replace("/var/lib/falco-bridge/", f"{tmp_path}/") for word in shlex.split(command)[1:]]
    if arguments[0] == "console":
        arguments += ["--listen", "127.0.0.1:0"]  # another test may use the port
    printed = tmp_path / "printed"
    with (
        running_bridge(tmp_path) if arguments[0] in NEEDS_BRIDGE else nullcontext(),
        printed.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "bridge", *arguments], cwd=tmp_path, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):  # fmt: skip
        if arguments[0] in LONG_RUNNING:
            wait_until(lambda: LONG_RUNNING[arguments[0]] in printed.read_text("utf-8"), "its start")
            process.terminate()
        assert process.wait(60) in {0, int(arguments[0] in MAY_EXIT_1)}, printed.read_text("utf-8")
    assert "Traceback" not in printed.read_text("utf-8")
