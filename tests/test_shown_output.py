"""The outputs that the docs show are what the commands print, and the files that they name contain what they show."""

from __future__ import annotations

import io
import os
import re
import shlex
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from bridge.cli.main import main

ROOT = Path(__file__).parent.parent
QUICKSTART = ROOT / "examples" / "quickstart"
MARK = re.compile(
    r"<!-- (?P<kind>file|(?:(?P<lines>\d+) lines of the )?output of): (?P<subject>[^\n]*) -->\n```\w+\n(?P<text>.*?)```",
    re.DOTALL,
)
"""Before a block: the file that it contains, or the command that prints it, and of how many of its lines it consists."""
PAGES = [page for page in sorted((ROOT / "docs").glob("*.md")) if MARK.search(page.read_text("utf-8"))]
REWRITE = os.environ.get("FALCO_BRIDGE_GOLDEN") == "rewrite"


def printed(command: str) -> str:
    """What the command prints on both streams."""
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        main(shlex.split(command)[1:])
    return "".join(f"{line.rstrip()}\n" for line in output.getvalue().splitlines())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_outputs_on_the_page_are_those_of_the_commands(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command runs beside the quick start's files and the files that the page shows before it."""
    for path in QUICKSTART.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def current(mark: re.Match[str]) -> str:
        if mark["kind"] == "file":
            (tmp_path / mark["subject"]).write_text(mark["text"], encoding="utf-8")
            return mark[0]
        text = printed(mark["subject"])
        if mark["lines"]:
            text = "".join(text.splitlines(keepends=True)[: int(mark["lines"])])
        start = mark.start("text") - mark.start()
        return f"{mark[0][:start]}{text}```"

    text = page.read_text(encoding="utf-8")
    shown = MARK.sub(current, text)
    if REWRITE:
        page.write_text(shown, encoding="utf-8")
    else:
        assert shown == text, "FALCO_BRIDGE_GOLDEN=rewrite updates the page"
