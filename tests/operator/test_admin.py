"""The admin socket: who is answered, what is refused, and that nobody can hold it."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from bridge.common.errors import SetupError
from bridge.common.unix_socket import listen
from bridge.operator import server as admin_server
from bridge.operator.client import AdminError, NotRunningError, ask
from bridge.operator.server import Actor, AdminServer, RefusedError
from tests.support.waiting import wait_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.sock"


@pytest.fixture
def server(path: Path) -> Iterator[AdminServer]:
    server = AdminServer(path)
    server.offer("echo", lambda _actor, arguments: dict(arguments))
    server.start()
    yield server
    server.close()


def said(path: Path, request: bytes) -> dict[str, object]:
    """The answer to raw bytes."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(path))
        with suppress(BrokenPipeError):
            connection.sendall(request)
        answer = b""
        while not answer.endswith(b"\n") and (data := connection.recv(65536)):
            answer += data
    return json.loads(answer)


def test_an_operation_is_asked_and_answers(server: AdminServer, path: Path) -> None:
    """Arguments go there, the answer comes back."""
    assert ask(path, "echo", {"a": [1, "ü"]}) == {"a": [1, "ü"]}


def test_the_actor_is_told_by_the_kernel(server: AdminServer, path: Path) -> None:
    """Not by the request, whatever it claims."""
    server.offer("who", lambda actor, _arguments: actor.name)
    import pwd

    assert ask(path, "who", {"actor": "somebody else"}) == pwd.getpwuid(os.geteuid()).pw_name


def test_a_refusal_and_a_fault_are_sentences(server: AdminServer, path: Path) -> None:
    """The first as it was raised; of the second only that it happened."""

    def refuse(_actor: Actor, _arguments: Mapping[str, object]) -> object:
        raise RefusedError("there is no such channel")

    server.offer("refuse", refuse)
    server.offer("fail", lambda _actor, arguments: arguments["secret"])
    with pytest.raises(AdminError, match="there is no such channel"):
        ask(path, "refuse")
    with pytest.raises(AdminError, match="failed at `fail`; its log says why"):
        ask(path, "fail")
    with pytest.raises(AdminError, match="knows no operation `nonsense`; it knows echo, fail, refuse"):
        ask(path, "nonsense")
    assert ask(path, "echo") == {}


@pytest.mark.parametrize(
    "request_", [b"\n", b"[]\n", b"{}\n", b"\xff\n", b"[" * 100_000 + b"\n", b'{"operation": 1}\n',
                 b'{"operation": "echo", "arguments": []}\n'],
    ids=lambda each: repr(each[:20]),
)  # fmt: skip
def test_nonsense_is_refused_and_the_next_is_answered(server: AdminServer, path: Path, request_: bytes) -> None:
    """Whatever the line holds."""
    assert said(path, request_)["ok"] is False
    assert ask(path, "echo") == {}


def test_a_request_without_an_end_is_refused(server: AdminServer, path: Path) -> None:
    """Past the bound nothing more is read."""
    assert "at most 1048576 bytes" in str(said(path, b"x" * (3 << 20))["problem"])


def test_who_says_nothing_is_hung_up_on(server: AdminServer, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And holds nobody up meanwhile, were they more than there are places for."""
    monkeypatch.setattr(admin_server, "_PATIENCE_SECONDS", 0.4)
    silent = [socket.socket(socket.AF_UNIX) for _ in range(40)]
    for each in silent:
        each.settimeout(30)
        each.connect(str(path))

    def answered() -> bool:
        try:
            return ask(path, "echo") == {}
        except AdminError:
            return False

    wait_until(answered, "an answer past the silent")
    for each in silent:
        while each.recv(65536):
            pass
        each.close()


def test_only_its_user_may_open_it(server: AdminServer, path: Path) -> None:
    """0600 from the first instant."""
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert path.lstat().st_uid == os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_not_answered_even_past_the_mode(server: AdminServer, path: Path) -> None:
    """Should somebody have opened it to all."""
    path.chmod(0o777)
    path.parent.chmod(0o755)
    asked = """
import os, socket
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX); s.connect("a.sock")
s.sendall(b'{"operation": "echo"}\\n'); print(s.recv(9999).decode())
"""
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=path.parent, capture_output=True, text=True, timeout=30, check=False
    )
    assert "only the user that runs the bridge, and root" in done.stdout, done.stderr


def test_a_stale_socket_is_replaced(path: Path) -> None:
    """As a killed bridge leaves it."""
    listen(path).close()
    assert path.is_socket()
    server = AdminServer(path)
    server.start()
    with pytest.raises(AdminError, match="knows no operation"):
        ask(path, "echo")
    server.close()
    assert not path.exists()


def test_a_live_socket_and_a_file_are_left_alone(server: AdminServer, path: Path, tmp_path: Path) -> None:
    """Two bridges cannot take each other's place."""
    with pytest.raises(SetupError, match="another program listens at"):
        AdminServer(path)
    assert ask(path, "echo") == {}
    file = tmp_path / "precious"
    file.write_text("x", encoding="utf-8")
    with pytest.raises(SetupError, match="is no socket; nothing was changed"):
        AdminServer(file)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(SetupError, match="is no socket"):
        AdminServer(tmp_path / "link")
    assert file.read_text(encoding="utf-8") == "x"


def test_a_path_that_no_socket_can_have_is_told(tmp_path: Path) -> None:
    """To whoever listens and to whoever asks, with the size."""
    path = tmp_path / ("x" * 120)
    with pytest.raises(SetupError, match=f"at most 107 bytes, and .* has {len(str(path))}"):
        AdminServer(path)
    with pytest.raises(AdminError, match="at most 107 bytes"):
        ask(path, "echo")


def test_no_bridge_no_folder_no_group(tmp_path: Path) -> None:
    """Each has its sentence."""
    with pytest.raises(NotRunningError, match="no bridge is running"):
        ask(tmp_path / "none.sock", "echo")
    with pytest.raises(SetupError, match="create the folder"):
        AdminServer(tmp_path / "none" / "a.sock")
    with pytest.raises(SetupError, match="there is no group nobody-has-this"):
        listen(tmp_path / "b.sock", "nobody-has-this")


def test_a_stranger_on_the_socket_is_told(path: Path) -> None:
    """Something that listens there and is no bridge."""
    with listen(path) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"220 welcome\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(AdminError, match="does not speak as a bridge does"):
            ask(path, "echo")
        thread.join()
