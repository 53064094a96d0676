"""A running bridge reports a delivery that it cannot read, and sends the others."""

from __future__ import annotations

import urllib.request

from tests.e2e.harness import Instance
from tests.e2e.test_listeners import command, start
from tests.journal.test_unreadable import flip
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROUTES = 'route "all" { to later }\n'


def test_status_and_readiness_report_it(instance: Instance) -> None:
    """The bridge stays ready: a probe that fails would keep alerts from it."""
    metrics = free_port()
    instance.configure(ROUTES, {"later": f"webhook://127.0.0.1:{free_port()}/"}, metrics=f"127.0.0.1:{metrics}")
    instance.falco("--generate", "--count", "3")
    bridge = start(instance)
    instance.await_kept(3)
    assert instance.stop(bridge) == 0
    flip(instance.journal_path, "alerts", 2)
    instance.configure(ROUTES, {"later": "file://archive.jsonl"}, metrics=f"127.0.0.1:{metrics}")
    bridge = start(instance)
    instance.await_settled()

    def ready() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/readyz", timeout=60) as answer:
            return str(answer.read().decode())

    wait_until(lambda: "1 delivery could not be read" in ready(), "the report")
    status = command(instance, "status", "--config", "falco-bridge.yaml").stdout.decode()
    assert "it is damaged: 1 delivery could not be read" in status
    listed = command(instance, "dead", "list", "--config", "falco-bridge.yaml").stdout.decode()
    assert "unreadable" in listed.lower()
    assert instance.stop(bridge) == 0
    assert len((instance.folder / "archive.jsonl").read_text(encoding="utf-8").splitlines()) == 2
