"""The link in a message acknowledges its incident: real processes, over a restart and a change of the config."""

from __future__ import annotations

import json
import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import Instance
from tests.support.far_side import Answer, FarSide
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROUTES = 'route "shells" { to chat to pager after 15m throttle 5 per 1h by user.name }\n'


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    yield instance
    instance.end()


def test_the_link_of_a_message_acknowledges_its_incident(instance: Instance) -> None:
    """GET changes nothing. The key survives a restart, so that older links stay valid; the listener follows a reload."""
    first, second = free_port(), free_port()
    with FarSide(lambda _request: Answer()).serving() as server:
        channels = {"chat": f"mmost://127.0.0.1:{server.port}/3ccdd113474722377935511fc85d3dd4", "pager": "console://"}

        def configure(port: int) -> None:
            instance.configure(
                ROUTES, channels, sources=[{"socket": "in.sock"}],
                acknowledge={"public_url": f"http://127.0.0.1:{port}", "listen": f"127.0.0.1:{port}"},
            )  # fmt: skip

        configure(first)
        bridge = instance.bridge()
        instance.await_logged('"started"')
        alert = {"rule": "shell", "output": "o", "priority": "Error", "output_fields": {"user.name": "root"}}
        (instance.folder / "one.jsonl").write_text(json.dumps(alert) + "\n", encoding="utf-8")
        assert instance.start("send", "one.jsonl", "--socket", "in.sock", output="send.log").wait(120) == 0
        wait_until(lambda: server.requests, "the message")
        text = server.requests[0].body.decode()
        link = text[text.index(f"http://127.0.0.1:{first}/ack/") :].split(")")[0].split(">")[0].split('"')[0]
        assert "Acknowledge this incident?" in fetched(link)
        assert instance.stop(bridge) == 0
        bridge = instance.bridge()
        wait_until(lambda: instance.log.count('"started"') == 2, "the restart")
        configure(second)
        instance.await_logged("listener `acknowledge` changed")
        link = link.replace(str(first), str(second))
        assert "Acknowledge this incident?" in fetched(link)
        assert "by link via chat" in fetched(link, b"name=")
        listing = instance.start("incidents", "--json", "--config", "falco-bridge.yaml", output="incidents.json")
        assert listing.wait(120) == 0
        (incident,) = json.loads((instance.folder / "incidents.json").read_text("utf-8"))["items"]
        assert (incident["state"], incident["actor"]) == ("acknowledged", "link via chat")
        assert incident["next_escalation_ns"] is None
        assert instance.stop(bridge) == 0
    key = instance.folder / "journal.db.links.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_bytes().hex() not in instance.log


def fetched(url: str, body: bytes | None = None) -> str:
    with urllib.request.urlopen(url, body, timeout=60) as answer:
        text: str = answer.read().decode()
    return text
