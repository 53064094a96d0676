"""A secret appears only in the requests to its own channel."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.delivery import DeliveryState
from tests.e2e.harness import Instance
from tests.support.far_side import Answer, FarSide, Request
from tests.support.ports import free_port
from tests.support.waiting import wait_until

CANARIES = ("canary-in-environment", "canary-in-file", "canarypassword", "canary-in-path")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    yield instance
    instance.end()


def echo(request: Request) -> Answer:
    """Rejects the request, and repeats every secret in it."""
    return Answer(413 if "path" in request.path else 500, f"{request.path} {request.headers}".encode())


def test_no_secret_appears_in_any_output(instance: Instance) -> None:
    """Debug logs, reasons, metrics, the output of every verb: also with channels that fail and repeat their secrets."""
    instance.environment["TOKEN"] = CANARIES[0]
    (instance.folder / "secret").write_text(CANARIES[1] + "\n", encoding="utf-8")
    with FarSide(echo).serving() as server:
        here = f"127.0.0.1:{server.port}"
        instance.configure(
            'route "r" { to a, b, c, d }\n',
            {
                "a": f"json://{here}/${{TOKEN}}",
                "b": f"json://{here}/${{file:secret}}",
                "c": f"json://user:{CANARIES[2]}@{here}/x",
                "d": f"json://{here}/{CANARIES[3]}?+X-Token={CANARIES[0]}",
            },
            log={"level": "debug", "format": "json"},
            metrics=f"127.0.0.1:{(metrics := free_port())}",
        )
        instance.falco("--generate", "--count", "2")
        bridge = instance.bridge()
        instance.await_kept(2)
        wait_until(lambda: len(server.requests) >= 8, "an attempt of each channel")
        wait_until(lambda: any(each.state is DeliveryState.DEAD for each in instance.deliveries()), "a dead letter")
        shown = page_of(metrics) + "".join(
            said(instance, *words) for words in (["status"], ["channels"], ["channels", "test", "a"], ["dead", "list"],
                                             ["channels", "test", "d"], ["dead", "list", "--json"])
        )  # fmt: skip
        instance.stop(bridge)
        arrived = " ".join(f"{request.path} {request.headers}" for request in server.requests)
        assert CANARIES[0] in arrived, "the channel itself needs it"
    reasons = " ".join(each.reason for each in instance.deliveries())
    assert "HTTP 413" in reasons
    checked = subprocess.run(
        [sys.executable, "-m", "bridge", "check", "--config", "falco-bridge.yaml"], cwd=instance.folder,
        capture_output=True, text=True, timeout=60, check=False, env={"PATH": "/usr/bin:/bin", "TOKEN": CANARIES[0]},
    )  # fmt: skip
    assert "falco_bridge_deliveries_total" in shown
    assert "HTTP 413" in shown
    everything = instance.log + reasons + checked.stdout + checked.stderr + shown
    assert [canary for canary in CANARIES if canary in everything] == []


def said(instance: Instance, *words: str) -> str:
    """What a verb prints on both outputs."""
    done = subprocess.run(
        [sys.executable, "-m", "bridge", *words, "--config", "falco-bridge.yaml"], cwd=instance.folder, text=True,
        capture_output=True, timeout=60, check=False, env=os.environ | instance.environment,
    )  # fmt: skip
    return done.stdout + done.stderr


def page_of(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        return str(answer.read().decode())


OURS = (
    "canaryuser", "canary-tenant", "canary-header", "whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5", "canary-query",
    "canary-of-metrics",
)  # fmt: skip


def family(pid: int) -> list[int]:
    """The process and all that it started."""
    tasks = Path(f"/proc/{pid}/task")
    below = [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
    return [pid, *(each for child in below for each in family(child))]


def test_no_secret_appears_in_the_journal_or_in_other_processes(instance: Instance) -> None:
    """Not in the journal's bytes, a command line or the environment of a child; the journal's files have mode 0600."""
    for name, canary in zip(("USERNAME_", "TENANT", "HEADER", "SECRET", "QUERY", "METRICS"), OURS, strict=True):
        instance.environment[name] = canary
    page = instance.folder / "page"
    page.write_text("#!/bin/sh\ntr '\\0' ' ' </proc/$PPID/environ; env; cat; exit 65\n", encoding="utf-8")
    page.chmod(0o755)
    with FarSide(lambda request: Answer(413 if "413" in request.path else 503,
                 f"{request.path} {request.headers}".encode())).serving() as server:  # fmt: skip
        here = f"127.0.0.1:{server.port}"
        instance.configure(
            'route "r" { to hook, hook2, logs, am, page }\n',
            {
                "hook": f"webhook://${{USERNAME_}}:x@{here}/413?+X-Token=${{HEADER}}&secret=${{SECRET}}&-k=${{QUERY}}",
                "hook2": f"webhook://${{USERNAME_}}:x@{here}/503?+X-Token=${{HEADER}}&-k=${{QUERY}}",
                "logs": f"loki://{here}/413?tenant=${{TENANT}}&+Authorization=Bearer%20${{HEADER}}",
                "am": f"alertmanager://${{USERNAME_}}:${{HEADER}}@{here}/413",
                "page": f"exec://{page}",
            },
            log={"level": "debug", "format": "json"},
            allow={"exec": [str(page)]},
            metrics={"listen": "127.0.0.1:0", "token": "${METRICS}"},
        )
        instance.falco("--generate", "--count", "3")
        bridge = instance.bridge()
        instance.await_kept(3)
        wait_until(
            lambda: sum(each.state is DeliveryState.DEAD for each in instance.deliveries()) >= 12, "dead letters"
        )
        pids = family(bridge.pid)
        assert len(pids) >= 2
        seen = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)
        seen += b"".join(Path(f"/proc/{pid}/environ").read_bytes() for pid in pids[1:])
        kept = sorted(instance.folder.glob("journal.db*"))
        assert {"journal.db", "journal.db-wal", "journal.db-shm"} <= {path.name for path in kept}
        assert {
            path.name: path.stat().st_mode & 0o777 for path in kept if path.is_file() and path.stat().st_mode & 0o077
        } == {}
        seen += b"".join(path.read_bytes() for path in kept if path.is_file())
        instance.stop(bridge)
        arrived = " ".join(f"{request.path} {request.headers}" for request in server.requests)
    assert all(canary in arrived for canary in ("canary-tenant", "canary-header", "canary-query"))
    reasons = " ".join(each.reason for each in instance.deliveries())
    assert "HTTP 413" in reasons
    assert "exited with status 65" in reasons
    everything = (seen + instance.log.encode() + reasons.encode()).decode("utf-8", "replace")
    everything += (instance.folder / "journal.db").read_bytes().decode("utf-8", "replace")
    assert [canary for canary in OURS if canary in everything] == []


def test_logs_are_json_unless_asked_otherwise(instance: Instance) -> None:
    """Text lines if the config says so."""
    instance.configure('route "r" { to a }\n', {"a": "file://a.jsonl"}, log={"level": "info", "format": "console"})
    bridge = instance.bridge()
    wait_until(lambda: "started" in instance.log, "the start")
    assert instance.stop(bridge) == 0
    assert not any(line.startswith("{") for line in instance.log.splitlines())
