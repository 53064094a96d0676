"""The docs are complete and correct: every code, statement, clause and verb is documented, and every example is run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from bridge.channels.registry import NATIVE, PARAMETERS
from bridge.cli.main import VERBS
from bridge.config.load import load_config
from bridge.config.schema.config import Config
from bridge.config.schema.keys import keys_of, sections_of
from bridge.config.schema.sources import SourceSettings
from bridge.config.warn import config_warnings
from bridge.daemon.checks.channel_check import check_channels
from bridge.daemon.checks.start_check import check_start
from bridge.daemon.checks.tls_check import check_tls
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Code, Severity
from bridge.language.syntax.reserved import CLAUSES, STATEMENTS, STEPS
from bridge.routing.router import Router
from bridge.workbench.route_tests import RouteTestRunner
from bridge.workbench.routes import load_routes
from tests.support.ports import on_free_ports

ROOT = Path(__file__).parent.parent
CODES = ROOT / "docs" / "codes"
KNOWN = Known(
    frozenset({"pager", "archive", "secops", "oncall", "triage"}),
    frozenset({"cluster"}),
    retention_ns=30 * 86_400 * 10**9,
)
RULES = """
- rule: Terminal shell
  condition: evt.type = execve
  output: shell (user=%user.name command=%proc.cmdline)
  priority: NOTICE
"""


def blocks(path: Path) -> list[str]:
    return re.findall(r"```route\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def with_imports(folder: Path) -> None:
    """The files that the docs' routes import."""
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    (folder / "falco_rules.yaml").write_text(RULES, encoding="utf-8")
    (folder / "falco_rules.local.yaml").write_text("# none yet\n", encoding="utf-8")
    (tables,) = re.findall(r"```csv\n(.*?)```", (ROOT / "docs" / "language.md").read_text(encoding="utf-8"), re.DOTALL)
    (folder / "owners.csv").write_text(tables, encoding="utf-8")
    (folder / "oncall.csv").write_text("k8s.ns.name,channel\npayments,pager\n", encoding="utf-8")
    (folder / "common.route").write_text("list shells = (bash, sh)\n", encoding="utf-8")


def codes_of(text: str, folder: Path) -> set[Code]:
    with_imports(folder)
    (folder / "t.route").write_text(text, encoding="utf-8")
    return {each.code for each in load_routes([folder / "t.route"], KNOWN).checked.diagnostics}


ROUTE_CODES = [code for code in Code if not code.id.startswith("C")]
CONFIG_CODES = [code for code in Code if code.id.startswith("C")]
REST_OF_A_CONFIG = {
    "sources": "[{stdin: true}]", "channels": "{archive: 'file://archive.jsonl'}", "routes": "a.route", "journal": "j.db",
}  # fmt: skip


def yaml_blocks(path: Path) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def config_codes_of(text: str, folder: Path) -> set[Code]:
    """The codes of a config of which the text gives some sections."""
    (folder / "a.route").write_text("otherwise { drop }\n", encoding="utf-8")
    (folder / "secret").write_text("0123456789abcdef\n", encoding="utf-8")
    rest = (f"{key}: {value}\n" for key, value in REST_OF_A_CONFIG.items() if f"\n{key}:" not in f"\n{text}")
    (folder / "falco-bridge.yaml").write_text(on_free_ports(text) + "".join(rest), encoding="utf-8")
    loaded = load_config(folder / "falco-bridge.yaml", {})
    found = {each.code for each in (*check_channels(loaded), *check_tls(loaded), *config_warnings(loaded))}
    can_start = found or "postgresql:" in text  # there is no database here
    return found if can_start else {each.code for each in check_start(loaded)}


@pytest.mark.parametrize("code", CONFIG_CODES, ids=lambda code: code.id)
def test_every_code_of_the_config_has_a_page_with_a_bad_and_a_good_example(code: Code, tmp_path: Path) -> None:
    """The bad one raises it and nothing else; the good one raises nothing at all."""
    bad, good = yaml_blocks(CODES / f"{code.id}.md")
    assert config_codes_of(bad, tmp_path) == {code}
    assert config_codes_of(good, tmp_path) == set()
    assert f"[{code.id}]" in (CODES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", ROUTE_CODES, ids=lambda code: code.id)
def test_every_code_has_a_page_with_a_bad_and_a_good_example(code: Code, tmp_path: Path) -> None:
    """The wrong example has exactly this code, the right one has none, and the index has the title."""
    page = (CODES / f"{code.id}.md").read_text(encoding="utf-8")
    wrong, right = blocks(CODES / f"{code.id}.md")
    assert codes_of(wrong, tmp_path) == {code}
    assert codes_of(right, tmp_path) == set()
    title = page.splitlines()[0].removeprefix(f"# {code.id}: ")
    assert f"| [{code.id}]({code.id}.md) | {title} |" in (CODES / "README.md").read_text(encoding="utf-8")


def test_codes_are_unique_and_every_page_belongs_to_one() -> None:
    """No two diagnostics share a code, and no page describes a code that does not exist."""
    assert len({code.id for code in Code}) == len(Code)
    assert {path.stem for path in CODES.glob("[A-Z][0-9]*.md")} == {code.id for code in Code}


PAGES = sorted(path for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_docs_routes_check_without_errors(path: Path, tmp_path: Path) -> None:
    """Routes copied from a page have no errors."""
    for block in blocks(path):
        assert not {code for code in codes_of(block, tmp_path) if code.severity is Severity.ERROR}, block


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_tests_in_the_docs_routes_pass(path: Path, tmp_path: Path) -> None:
    """A ``test`` on a page is run, as by ``falco-bridge test``."""
    for block in blocks(path):
        with_imports(tmp_path)
        (tmp_path / "t.route").write_text(block, encoding="utf-8")
        checked = load_routes([tmp_path / "t.route"], KNOWN).checked
        assert checked.program is not None, block
        runner = RouteTestRunner(Router(checked.program, {}), {})
        assert [(case.name, runner.run(case)) for case in checked.tests if runner.run(case)] == []


def test_there_are_thirty_recipes_and_each_of_their_routes_has_a_test() -> None:
    """A recipe is a heading of the third level."""
    text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert text.count("\n### ") >= 30
    assert [block for block in blocks(ROOT / "docs" / "recipes.md") if "\ntest " not in block] == []


def test_the_language_page_names_every_word_of_the_language() -> None:
    """Every statement, clause and step is documented."""
    text = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    missing = [word for word in (*STATEMENTS, *CLAUSES, *STEPS) if f"`{word}" not in text]
    assert not missing


def test_every_verb_is_documented() -> None:
    """docs/commands.md has a section for each verb."""
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    missing = [verb for verb in VERBS if f"## falco-bridge {verb.replace('_', '-')}" not in text]
    assert not missing


def test_every_native_channel_and_parameter_is_documented() -> None:
    """docs/channels.md has a section for each scheme and a row for each parameter."""
    text = (ROOT / "docs" / "channels.md").read_text(encoding="utf-8")
    heads = {word.strip() for line in text.splitlines() if line.startswith("## ") for word in line[3:].split(",")}
    assert set(NATIVE) <= heads
    assert not [name for name in PARAMETERS if f"`{name}=" not in text and f"`?{name}=" not in text]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_between_pages_lead_somewhere() -> None:
    """Every link inside the project names an existing file and, where it has an anchor, an existing heading."""
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]:
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
            path = page.parent / target if target else page
            assert path.exists(), f"{page.name} → {target}"
            assert not anchor or anchor in anchors(path), f"{page.name} → {target}#{anchor}"


FALCO_OUTPUTS = {
    "json_output", "json_include_output_property", "json_include_output_fields_property", "json_include_tags_property",
    "metrics", "syscall_event_drops", "grpc", "grpc_output", "http_output", "file_output",
    "program_output", "stdout_output", "time_format_iso_8601", "append_output",
}  # fmt: skip


KINDS = {keys_of(section)[0].name for section in sections_of(SourceSettings)}


def test_the_sources_of_the_docs_are_a_config(tmp_path: Path) -> None:
    """The lines for falco-bridge.yaml are a valid config of every kind; those for falco.yaml name Falco's settings."""
    kinds: set[str] = set()
    falco: set[str] = set()
    for name in ("ca.crt", "client.crt", "client.key", "server.crt", "server.key", "clients.crt"):
        (tmp_path / name).touch()
    (tmp_path / "a.route").write_text("otherwise { to archive }\n", encoding="utf-8")
    rest = "channels: {archive: 'file://archive.jsonl'}\nroutes: a.route\njournal: journal.db\n"
    for block in yaml_blocks(ROOT / "docs" / "sources.md"):
        document = yaml.safe_load(block)
        if "sources" not in document:
            assert set(document) <= FALCO_OUTPUTS, block
            falco |= set(document)
            continue
        kinds |= {key for source in document["sources"] for key in source} & KINDS
        (tmp_path / "falco-bridge.yaml").write_text(block + rest, encoding="utf-8")
        found = load_config(tmp_path / "falco-bridge.yaml", {"INGEST_PATH": "0123456789abcdef"})
        assert isinstance(found.config, Config), found.errors().text()
    assert kinds == KINDS
    assert {"http_output", "file_output", "program_output", "grpc_output", "json_output"} <= falco


GUIDES = ["start.md", "recipes.md"]


@pytest.mark.parametrize("name", GUIDES)
def test_the_configs_of_the_guides_are_valid(name: str, tmp_path: Path) -> None:
    """Each, completed with the sections that it does not show; lines for falco.yaml name Falco's settings."""
    (tmp_path / "a.route").write_text("otherwise { drop }\n", encoding="utf-8")
    for block in yaml_blocks(ROOT / "docs" / name):
        document = yaml.safe_load(block)
        if "json_output" in document:
            assert set(document) <= FALCO_OUTPUTS
            continue
        rest = "".join(f"{key}: {value}\n" for key, value in REST_OF_A_CONFIG.items() if key not in document)
        (tmp_path / "falco-bridge.yaml").write_text(block + rest, encoding="utf-8")
        (tmp_path / "start.route").write_text("otherwise { drop }\n", encoding="utf-8")
        loaded = load_config(
            tmp_path / "falco-bridge.yaml", {"SLACK_TOKEN": "xoxb-1234567890-1234567890123-abcdefghijklmnopqrstuvwx"}
        )
        assert isinstance(loaded.config, Config), loaded.errors().text()
        assert {each.code for each in check_channels(loaded)} == set()
