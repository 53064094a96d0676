"""The console of a bridge whose journal is in PostgreSQL. At full size all other tests of pages run there too."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from bridge.operator.client import AdminClient
from bridge.operator.model.status import Status
from tests.channels.hostile import CORPUS
from tests.console.conftest import Visitor, database_instance, running
from tests.console.test_api import call, pages
from tests.console.test_pages import PAGES, alert_paths
from tests.support.waiting import wait_until

TOKEN = "hunter2-hunter2"


@pytest.mark.timeout(600)
def test_the_console_works_over_postgresql(tmp_path: Path, postgres: str) -> None:
    """Started by the bridge: every page, a search with pages, an alert, sessions and an act."""
    with database_instance(tmp_path, postgres) as instance:
        console = {"listen": "127.0.0.1:0", "token": TOKEN, "write": True}
        for _ in running(instance, journal={"url": instance.url, "path": "local"}, console=console):
            client = AdminClient(tmp_path / "run" / "a.sock")

            def address(client: AdminClient = client) -> str:
                console = client.get("/api/v1/status", Status).console
                return "" if console is None else console.address

            wait_until(lambda: bool(address()), "the console", seconds=120)
            visitor = Visitor(f"http://{address()}", TOKEN, requests.Session())
            signed_in = visitor.session.post(f"{visitor.url}/sign-in", {"token": TOKEN}, timeout=60)
            assert "Open incidents" in signed_in.text
            assert {visitor.get(path).status_code for path in PAGES} == {200}
            assert len(alert_paths(visitor, "rule startswith hostile")) == len(CORPUS)
            (path,) = alert_paths(visitor, "k8s.pod.name = ticks")
            assert "delivered" in visitor.get(path).text
            found = pages(visitor, "/alerts", condition="rule startswith hostile", limit=11)
            assert len({each["id"] for each in found}) == len(CORPUS)
            assert any(each["wrote"] for each in pages(visitor, "/sessions")[0]["commands"])
            assert visitor.post("/silences/add", {"condition": "rule = quiet", "for": "1h"}).status_code == 303
            (silence,) = call(visitor, "GET", "/silences")["items"]
            assert silence["author"] == "token from 127.0.0.1 (console)"
