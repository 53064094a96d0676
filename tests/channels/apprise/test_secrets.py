"""No secret of any Apprise service appears in outcomes or logs, however it fails."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.channels.apprise.canaries import CANARY, known_services
from tests.support.certificates import Authority, make_authority
from tests.support.far_side import Answer, FarSide, Request, connect_proxy

HOLD_NO_SECRET = {"syslog", "rsyslog", "dbus", "gio", "glib", "gnome", "kde", "qt", "macosx", "windows", "blink1"}
NEED_ANOTHER_PACKAGE = {"amqp", "amqps", "growl", "mqtt", "mqtts", "smpp", "smpps", "xmpp", "xmpps"}
HOLD_A_NUMBER = {"aprs"}
"""The passcode is a number, so it cannot contain a canary."""


def echo(request: Request) -> Answer:
    """Fails in several ways, and repeats the request."""
    status = (400, 401, 403, 404, 429, 500, 503, 200)[len(request.path) % 8]
    body = f"{request.path} {request.headers} ".encode() + request.body
    return Answer(status, body, {"Location": f"https://{CANARY}.example/"})


def answer_for_every_host(server: FarSide, authority: Authority) -> None:
    """Present a certificate for whichever host name the client asks for."""
    contexts: dict[str, ssl.SSLContext] = {}
    lock = threading.Lock()

    def choose(connection: ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
        with lock:
            if name and name not in contexts:
                pair = authority.issue(f"host-{len(contexts)}", (name,))
                contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                contexts[name].load_cert_chain(pair.certificate, pair.key)
        if name:
            connection.context = contexts[name]

    server._server.socket.context.sni_callback = choose  # type: ignore[attr-defined]


@pytest.mark.timeout(600)  # 250 plugins; about 20 s on a quiet machine
def test_no_apprise_service_exposes_a_secret(tmp_path: Path) -> None:
    """A canary for every token of every scheme; the server repeats requests, rejects them, or is unreachable."""
    authority = make_authority(tmp_path)
    services, plain = FarSide(echo, authority.issue("any", ("localhost",))), FarSide(echo)
    answer_for_every_host(services, authority)
    with services.serving(), plain.serving(), connect_proxy(services.port) as proxy:
        done = subprocess.run(
            [sys.executable, "-m", "tests.channels.apprise.canaries", str(plain.port)],
            capture_output=True, text=True, timeout=500, check=False,
            env=os.environ | {"HTTPS_PROXY": proxy, "NO_PROXY": "127.0.0.1",
                              "REQUESTS_CA_BUNDLE": str(authority.certificate)},
        )  # fmt: skip
    made = json.loads(done.stdout.splitlines()[0])
    output = done.stdout + done.stderr
    assert known_services().keys() - made <= HOLD_NO_SECRET | NEED_ANOTHER_PACKAGE | HOLD_A_NUMBER
    arrived = "".join(f"{each.path} {each.headers} {each.body!r}" for each in (*services.requests, *plain.requests))
    assert arrived.lower().count(CANARY) > len(made), "the services must receive them"
    assert "HTTP 40" in output
    assert "***" in output
    shown = [line for line in output.splitlines() if CANARY in line.lower()]
    assert not shown, "\n".join(line.partition(" ")[0] + " … " + _around(line) for line in shown)


def _around(line: str) -> str:
    at = line.lower().index(CANARY)
    return line[max(at - 60, 0) : at + 80]
