"""``check`` finds what would keep a bridge from starting on this machine, and says it as the bridge would."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.config.load import load_config
from bridge.daemon.checks.start_check import check_extras, check_start
from bridge.journal.opening import open_for_router
from tests.support.ports import free_port

CONFIG = {
    "sources": "[{stdin: true}]", "channels": "{archive: 'file://archive.jsonl'}", "routes": "a.route", "journal": "j.db",
}  # fmt: skip


def problems(folder: Path, **changed: str) -> list[tuple[int, str]]:
    """The line and the message of each problem of a config with these keys."""
    (folder / "a.route").write_text('route "r" { to archive throttle 1 per 1m }\n', encoding="utf-8")
    text = "".join(f"{key}: {value}\n" for key, value in (CONFIG | changed).items())
    (folder / "falco-bridge.yaml").write_text(text, encoding="utf-8")
    loaded = load_config(folder / "falco-bridge.yaml", {})
    assert loaded.config is not None, loaded.errors().text()
    return [(each.span.line, each.message) for each in check_start(loaded)]


def test_folders_groups_and_paths(tmp_path: Path) -> None:
    """At their places."""
    (tmp_path / "file").touch()
    assert problems(tmp_path) == []
    assert problems(tmp_path, journal="no/j.db") == [(4, f"there is no folder {tmp_path}/no")]
    socket_source = "[{socket: no/in.sock, group: no-such-group, spool: spool}]"
    assert [message for _, message in problems(tmp_path, sources=socket_source)] == [
        f"there is no folder {tmp_path}/no", "there is no group no-such-group",
    ]  # fmt: skip
    assert problems(tmp_path, admin="no/a.sock") == [(5, f"there is no folder {tmp_path}/no")]
    assert problems(tmp_path, admin="{socket: ./file}") == [(5, f"{tmp_path}/file is not a socket")]


def test_a_journal_that_cannot_be_used(tmp_path: Path) -> None:
    """Another program's file."""
    (tmp_path / "j.db").write_bytes(b"no journal" * 1000)
    ((line, message),) = problems(tmp_path)
    assert (line, "j.db" in message) == (4, True)


def test_addresses_and_ports(tmp_path: Path) -> None:
    """Another machine's address; a port in use, unless a bridge runs with this journal: it may be its own."""
    assert problems(tmp_path, sources='[{http: "192.0.2.7:2801", allow: [10.0.0.0/8]}]')[0][1].startswith(
        "cannot listen on 192.0.2.7:2801"
    )
    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
        for section in ({"sources": f'[{{http: "127.0.0.1:{port}"}}]'}, {"metrics": f'"127.0.0.1:{port}"'}):
            assert "already in use" in problems(tmp_path, **section)[0][1]
            journal = open_for_router(tmp_path / "j.db")
            assert problems(tmp_path, **section) == []
            journal.close()
    assert problems(tmp_path, metrics=f'"127.0.0.1:{port}"') == []


@pytest.mark.parametrize(
    "break_it",
    [
        lambda text: text.replace("journal: j.db", "journal: no/j.db"),
        lambda text: text.replace("routes: a.route", "routes: []"),
        lambda text: text.replace("[{stdin: true}]", "[{socket: no/in.sock}]"),
        lambda text: text.replace("[{stdin: true}]", f'[{{http: "192.0.2.7:{free_port()}", allow: [10.0.0.0/8]}}]'),
    ],
    ids=["journal", "routes", "socket", "address"],
)  # fmt: skip
def test_what_keeps_the_bridge_from_starting_fails_the_check(break_it: Callable[[str], str], tmp_path: Path) -> None:
    """By the command line, both of them."""
    problems(tmp_path)
    config = tmp_path / "falco-bridge.yaml"
    config.write_text(break_it(config.read_text("utf-8")), encoding="utf-8")
    for words, code in (["check"], {1}), ([], {2, 3}):
        done = subprocess.run([sys.executable, "-m", "bridge", *words, "--config", config], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=120, check=False)  # fmt: skip
        assert done.returncode in code, done


def test_traces_without_their_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start that fails may succeed later: nothing in the config is wrong."""
    assert problems(tmp_path, traces="http://collector:4318") == []
    monkeypatch.setattr("bridge.daemon.checks.start_check.is_installed", lambda: False)
    ((line, message),) = problems(tmp_path, traces="http://collector:4318")
    assert (line, "not installed" in message) == (5, True)
    assert problems(tmp_path) == []
    problems(tmp_path, traces="http://collector:4318")
    (error,) = check_extras(load_config(tmp_path / "falco-bridge.yaml", {}))
    assert (error.may_pass, "-m pip install" in error.hint and "opentelemetry-sdk" in error.hint) == (True, True)
