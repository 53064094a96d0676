"""README and the examples are correct: links, commands, routes and shown output."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.alert import Alert
from bridge.alert.forms.json_form import decode_json
from bridge.channels.native.local.console import ConsoleChannel
from bridge.delivery.delivery import Delivery
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.routing.router import Router
from bridge.routing.state import State
from bridge.workbench.routes import load_routes

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
"""Language and text of each code block."""
LABELS = {"cluster": "quickstart"}
EXAMPLES = sorted({path.parent for path in (ROOT / "examples").rglob("*.route")})


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_every_example_checks_clean(folder: Path) -> None:
    """No diagnostic of any severity."""
    assert load_routes(sorted(folder.glob("*.route"))).checked.diagnostics == ()


def test_the_readmes_routes_check_clean() -> None:
    """Routes copied from README need no change."""
    blocks = [text for _, text in BLOCKS if "route " in text and "{" in text]
    assert blocks
    for block in blocks:
        assert check([SourceText("README.md", block)], Known(None, None)).diagnostics == ()


def printed_by_the_console(routes: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What the quick start's channel `pager` prints for its alerts."""
    program = check([SourceText("README.md", routes)], Known(None, None)).program
    assert program is not None
    router = Router(program, LABELS)
    console = ConsoleChannel("pager", LABELS)
    for line in (ROOT / "examples" / "quickstart" / "alerts.jsonl").read_bytes().splitlines():
        alert = decode_json(line, 0)
        assert isinstance(alert, Alert)
        for notification in router.step(State(), alert, alert.time_ns).notifications:
            if notification.channel == console.name:
                console.send([Delivery(0, alert, notification, 0, 0)])
    return capsys.readouterr().out


def test_the_readmes_example_is_the_quick_start_and_its_output(capsys: pytest.CaptureFixture[str]) -> None:
    """The routes are those of examples/quickstart, and the console prints the message that README shows."""
    (routes,) = (text for language, text in BLOCKS if not language)
    assert routes in (ROOT / "examples" / "quickstart" / "quickstart.route").read_text(encoding="utf-8")
    (message,) = (text for language, text in BLOCKS if language == "text")
    assert message in printed_by_the_console(routes, capsys)


def test_the_readme_links_to_every_page_and_every_example() -> None:
    """`make run` and `make test` come before everything else that can be run."""
    targets = set(re.findall(r"\]\(([^)#:]+)\)", README))
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= targets
    assert {f"examples/{folder.name}" for folder in (ROOT / "examples").iterdir()} <= targets
    assert {page.name for page in ROOT.glob("*.md")} - {"README.md"} <= targets
    assert README.index("make run") < README.index("make test") < README.index("## Example")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_that_is_named_exists(name: str) -> None:
    """`make run`, `make test` and the others."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))
    assert {"test"} <= named <= targets
