"""A bridge and its console in real processes, with recorded commands and hostile alerts, for all tests of the pages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from bridge.common.secret import Secret
from bridge.journal.location import DatabaseLocation, Location
from tests.channels.hostile import CORPUS
from tests.conftest import FULL
from tests.e2e.harness import Instance
from tests.support.postgres import drop_schema, in_schema, new_schema
from tests.support.waiting import wait_until

SESSION = Path(__file__).parents[2] / "examples" / "quickstart" / "terminal.jsonl"
ROUTES = """\
route "hostile" {
  when  rule startswith hostile
  throttle 100 per 1h by proc.cmdline
  to    pager
  severity critical
}
route "flood" { when rule = flood drop }
route "typed" { when source = terminal to archive }
otherwise { to archive }
"""


@dataclass
class Visitor:
    """Somebody who has signed in."""

    url: str
    token: str
    session: requests.Session

    def get(self, path: str) -> requests.Response:
        return self.session.get(f"{self.url}{path}", timeout=60)

    def post(self, path: str, form: dict[str, str], **headers: str) -> requests.Response:
        mark = re.search(r'name="mark" value="(\w+)"', self.get("/").text)
        assert mark is not None
        body = {"mark": mark[1]} | form
        return self.session.post(f"{self.url}{path}", body, headers=headers, timeout=60, allow_redirects=False)


def hostile_alerts() -> Iterator[str]:
    for number, (name, text) in enumerate(CORPUS.items()):
        yield json.dumps(
            {
                "output": f"Notice {text[:20_000]}", "priority": "Notice", "rule": f"hostile {name} {text[:200]}",
                "source": "syscall", "tags": [text[:100]], "hostname": f"node {text[:50]}",
                "time": f"2026-11-27T10:00:{number:02}.000000001Z",
                "output_fields": {"proc.cmdline": text[:20_000], "k8s.ns.name": text[:100], "k8s.pod.name": name},
            }
        )  # fmt: skip


@dataclass
class DatabaseInstance(Instance):
    """An instance whose journal is in PostgreSQL."""

    url: str = ""

    @property
    def journal_path(self) -> Location:  # type: ignore[override]
        return DatabaseLocation(Secret(self.url), self.folder / "local")


@contextmanager
def database_instance(folder: Path, postgres: str) -> Iterator[DatabaseInstance]:
    """An instance with a schema of its own."""
    schema = new_schema()
    instance = DatabaseInstance(folder, url=in_schema(postgres, schema))
    try:
        yield instance
    finally:
        drop_schema(postgres, schema)


@pytest.fixture(scope="session", params=["file", "database"] if FULL else ["file"])
def bridge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A running bridge that has stored everything. At full size all tests run on both kinds of journal."""
    folder = tmp_path_factory.mktemp("console")
    if request.param == "file":
        yield from running(Instance(folder))
        return
    with database_instance(folder, request.getfixturevalue("postgres")) as instance:
        yield from running(instance, journal={"url": instance.url, "path": "local"})


def running(instance: Instance, **more: object) -> Iterator[Instance]:
    """Start the bridge, let it store everything, and end it afterwards."""
    lines = [*hostile_alerts(), *SESSION.read_text(encoding="utf-8").splitlines()]
    (instance.folder / "alerts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    channels = {"pager": "file://pager.jsonl", "archive": "file://archive.jsonl"}
    source = {"file": "alerts.jsonl", "read_from": "start"}
    (instance.folder / "run").mkdir()
    instance.configure(ROUTES, channels, sources=[source], admin=str(instance.folder / "run/a.sock"), **more)
    instance.bridge()
    instance.await_kept(len(CORPUS) + 5, seconds=120)
    instance.await_settled(seconds=120)
    yield instance
    instance.end()


def started(instance: Instance, name: str, *arguments: str) -> Visitor:
    """Start a console, and sign in."""
    instance.start("console", "--config", "falco-bridge.yaml", "--listen", "127.0.0.1:0", *arguments, output=name)
    log = instance.folder / name
    wait_until(lambda: "token: " in log.read_text(encoding="utf-8"), "the console")
    text = log.read_text(encoding="utf-8")
    url = text.split("open ")[1].split()[0].rstrip("/")
    visitor = Visitor(url, text.split("token: ")[1].split()[0], requests.Session())
    signed_in = visitor.session.post(f"{url}/sign-in", {"token": visitor.token}, timeout=60)
    assert signed_in.status_code == 200, signed_in.text
    return visitor


@pytest.fixture(scope="session")
def visitor(bridge: Instance) -> Visitor:
    """A visitor of a console that may act."""
    return started(bridge, "console.log", "--write")


@pytest.fixture(scope="session")
def reader(bridge: Instance) -> Visitor:
    """A visitor of a console that only shows."""
    return started(bridge, "reader.log")
