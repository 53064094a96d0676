"""Falco's posts are answered with 200 after the commit; other requests are answered, bounded, and affect no other sender."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.alert import Alert
from bridge.alert.forms.json_form import decode_json
from bridge.common.errors import SetupError
from bridge.common.files import reloading
from bridge.common.files.reloading import Reloading
from bridge.common.net.listening import ListeningSockets
from bridge.config.schema.sources import HttpSettings, ServerTlsSettings
from bridge.config.schema.values import ListenAddress
from bridge.daemon.sources import OpenJournal, prepare_source
from bridge.http.guard import Guard
from bridge.http.request import MAX_BODY_BYTES, RequestHead
from bridge.journal.opening import open_for_router
from bridge.language.program.fields.values import parse_network
from bridge.sources.http.answering import Answering
from bridge.sources.http.committing import Answers
from bridge.sources.http.limits import HttpLimits
from bridge.sources.http.source import HttpSource
from bridge.sources.payload import read_body
from tests.sources.collector import Collector, running
from tests.support.certificates import make_authority
from tests.support.recordings import NAMES, http_bodies
from tests.support.waiting import wait_until

ALERT = json.dumps({"rule": "r", "time": "2026-01-01T00:00:00Z", "output": "o", "output_fields": {}}).encode()


def source(guard: Guard | None = None, tls: ssl.SSLContext | None = None, **limits: Any) -> HttpSource:
    certificates = None if tls is None else Reloading("http", (), lambda: tls)
    return HttpSource("http", "127.0.0.1", 0, guard or Guard(), certificates, HttpLimits(**limits))


@pytest.fixture
def at_work() -> Iterator[tuple[HttpSource, Collector]]:
    made = source()
    with running(made) as taken:
        yield made, taken


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def raw(port: int, data: bytes) -> bytes:
    """Bytes as they are, and the whole answer until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(data)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def test_every_recording_is_taken_on_one_kept_connection(at_work: tuple[HttpSource, Collector]) -> None:
    """One alert a request, as Falco posts them, text lines too; the same alerts as decoded by themselves."""
    made, taken = at_work
    connection = http.client.HTTPConnection("127.0.0.1", made.port, timeout=60)
    bodies = [body for name in NAMES for body in http_bodies(name)]
    for body in bodies:
        connection.request("POST", "/", body, {"User-Agent": "falcosecurity/falco"})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"1 accepted\n")
    connection.close()
    expected = [decode_json(body, 0) for body in bodies if body.startswith(b"{")]
    pairs = zip(taken.alerts, bodies, strict=True)
    assert [alert for alert, body in pairs if body.startswith(b"{")] == expected
    assert len(taken.alerts) == len(bodies)


def test_an_answer_comes_after_the_commit() -> None:
    """Not while the journal is still busy."""
    made, taken = source(hold_after=60.0), Collector()
    taken.hold.clear()
    answers: list[tuple[int, str]] = []
    with running(made, taken):
        thread = threading.Thread(target=lambda: answers.append(ask(made.port, "POST", "/", ALERT)))
        thread.start()
        thread.join(0.5)
        assert answers == []
        taken.hold.set()
        thread.join(60)
    assert answers[0][0] == 200
    assert len(taken.alerts) == 1


def test_while_the_disk_takes_nothing_alerts_are_held_and_said_to_be() -> None:
    """202, and they are committed when it takes them again."""
    made, taken = source(), Collector()
    taken.hold.clear()
    with running(made, taken):
        status, text = ask(made.port, "POST", "/", ALERT)
        assert (status, "held in memory" in text) == (202, True)
        assert ask(made.port, "GET", "/ping")[0] == 200
        taken.hold.set()
        wait_until(lambda: len(taken.alerts) == 1, "the commit")


def test_bodies_of_every_shape(at_work: tuple[HttpSource, Collector]) -> None:
    """Arrays, a line each, gzip; only the bad piece is quarantined."""
    made, taken = at_work
    many = b"\n".join(json.dumps({"rule": f"r{n}"}).encode() for n in range(3))
    array = json.dumps([{"rule": "a"}, {"rule": "b"}]).encode()
    pretty = json.dumps({"rule": "pretty", "output_fields": {"a": "b"}}, indent=1).encode()
    assert ask(made.port, "POST", "/x/y", many) == (200, "3 accepted\n")
    assert ask(made.port, "POST", "/", array) == (200, "2 accepted\n")
    assert ask(made.port, "POST", "/", pretty) == (200, "1 accepted\n")
    assert ask(made.port, "POST", "/", gzip.compress(many), Content_Encoding="gzip") == (200, "3 accepted\n")
    assert ask(made.port, "POST", "/", many + b"\n{broken") == (200, "3 accepted, 1 rejected and quarantined\n")
    status, text = ask(made.port, "POST", "/", b"hello")
    assert (status, "neither JSON nor a text line" in text) == (400, True)
    assert ask(made.port, "POST", "/", b"")[0] == 400
    assert ask(made.port, "POST", "/", b"[]")[0] == 400
    assert len(taken.rejected) == 4


def test_what_is_asked_besides(at_work: tuple[HttpSource, Collector]) -> None:
    """Health for falcosidekick's users; the answer to other methods says what to do."""
    made, _ = at_work
    assert ask(made.port, "GET", "/ping") == (200, "pong\n")
    assert ask(made.port, "GET", "/healthz") == (200, '{"status": "ok"}\n')
    assert ask(made.port, "GET", "/")[0] == 405
    assert ask(made.port, "DELETE", "/")[0] == 405


def test_bounds_are_answered(at_work: tuple[HttpSource, Collector]) -> None:
    """Too large, too many, unpacking to too much, not HTTP: each with its status, and the next sender is served."""
    made, taken = at_work
    too_large = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1)
    assert raw(made.port, too_large).startswith(b"HTTP/1.1 413 ")
    chunked = (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    )
    assert b" 413 " in raw(made.port, chunked + (b"100000\r\n" + b"x" * 0x100000 + b"\r\n") * 8)
    headers = b"".join(b"X-%d: y\r\n" % n for n in range(100))
    assert raw(made.port, b"POST / HTTP/1.1\r\n" + headers + b"\r\n").startswith(b"HTTP/1.1 431 ")
    assert raw(made.port, b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    bomb = gzip.compress(b"x" * (MAX_BODY_BYTES + 1))
    assert ask(made.port, "POST", "/", bomb, Content_Encoding="gzip")[0] == 413
    assert ask(made.port, "POST", "/", gzip.compress(ALERT)[:-9], Content_Encoding="gzip")[0] == 400
    assert ask(made.port, "POST", "/", ALERT, Content_Encoding="br")[0] == 415
    assert taken.alerts == []
    assert ask(made.port, "POST", "/", ALERT)[0] == 200


def test_pipelined_requests_are_answered_in_order(at_work: tuple[HttpSource, Collector]) -> None:
    """Two in one packet."""
    made, taken = at_work
    one = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(ALERT), ALERT)
    last = one.replace(b"Host: x", b"Host: x\r\nConnection: close")
    answer = raw(made.port, one + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert len(taken.alerts) == 2


def test_who_may_post() -> None:
    """A secret path, a bearer token, an address: each lets in, none of them turns away."""
    with running(made := source(Guard(path="hunter2hunter2", token="tokentoken"))) as taken:
        assert ask(made.port, "POST", "/", ALERT)[0] == 401
        assert ask(made.port, "POST", "/hunter2hunter", ALERT)[0] == 401
        assert ask(made.port, "POST", "/", ALERT, Authorization="Bearer nonsense")[0] == 401
        assert ask(made.port, "POST", "/hunter2hunter2/falco?x=1", ALERT)[0] == 200
        assert ask(made.port, "POST", "/", ALERT, Authorization="Bearer tokentoken")[0] == 200
        assert ask(made.port, "GET", "/healthz")[0] == 200
        assert len(taken.alerts) == 2
    elsewhere, here = parse_network("10.0.0.0/8"), parse_network("127.0.0.0/8")
    assert elsewhere is not None
    assert here is not None
    with running(made := source(Guard(allow=(elsewhere,)))):
        assert ask(made.port, "GET", "/ping")[0] == 403
    with running(made := source(Guard(allow=(elsewhere, here)))):
        assert ask(made.port, "POST", "/", ALERT)[0] == 200
    assert "tokentoken" not in repr(Guard(token="tokentoken"))


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:2801", "", "http://[", "\u00e9"])
def test_web_pages_may_not_post(origin: str) -> None:
    """A page can make a browser post text/plain anywhere. With DNS rebinding, its origin is even the listener's."""
    named = {"Origin": origin, "Content-Type": "text/plain"}
    with running(made := source()) as taken:
        status, text = ask(made.port, "POST", "/", ALERT, **named)
        assert (status, "origins" in text) == (403, True)
        assert ask(made.port, "POST", "/", ALERT, Content_Type="text/plain")[0] == 200, "Falco's text alerts"
        assert ask(made.port, "GET", "/healthz", **named)[0] == 200
        assert len(taken.alerts) == 1
    with running(made := source(Guard(origins=("https://Tools.example/",)))) as taken:
        assert ask(made.port, "POST", "/", ALERT, Origin="https://tools.example")[0] == 200
        assert ask(made.port, "POST", "/", ALERT, **named)[0] == 403
        assert len(taken.alerts) == 1


def test_a_secret_that_was_replaced_is_good_for_a_while_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Falco posts an alert once, and has the new secret a little later than the bridge; then the old one is refused."""
    now = 1000.0
    monkeypatch.setattr("bridge.http.guard.time.monotonic", lambda: now)
    guard = Guard(path="hunter2hunter2", token="tokentoken")
    old = [RequestHead("POST", "/hunter2hunter2/test", "", b""), RequestHead("POST", "/", "tokentoken", b"")]
    new = [RequestHead("POST", "/hunter3hunter3/test", "", b""), RequestHead("POST", "/", "token-of-today", b"")]
    assert ([guard.authorizes(each) for each in old], [guard.authorizes(each) for each in new]) == (
        [True] * 2,
        [False] * 2,
    )
    guard.rotate("hunter3hunter3", "token-of-today")
    assert all(guard.authorizes(each) for each in old + new)
    assert [guard.public_path(each) for each in (old[0], new[0])] == ["test", "test"]
    now += 899
    guard.rotate("hunter3hunter3", "token-of-today")
    assert guard.authorizes(old[0]), "the same secrets once more change nothing"
    now += 2
    assert ([guard.authorizes(each) for each in old], [guard.authorizes(each) for each in new]) == (
        [False] * 2,
        [True] * 2,
    )
    assert "hunter2" not in repr(guard)


def test_over_tls_with_certificates_on_both_sides(tmp_path: Path) -> None:
    """As Falco's http_output does with mtls."""
    authority = make_authority(tmp_path)
    server, client = authority.issue("server"), authority.issue("client")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    with running(made := source(tls=context)) as taken:
        ours = ssl.create_default_context(cafile=str(authority.certificate))
        with pytest.raises((ssl.SSLError, ConnectionError)):
            post_securely(made.port, ours)
        ours.load_cert_chain(client.certificate, client.key)
        assert post_securely(made.port, ours) == 200
        assert len(taken.alerts) == 1


def test_renewed_certificates_are_taken_for_the_next_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a restart; files that do not belong together meanwhile leave the old ones in use."""
    monkeypatch.setattr(reloading, "CHECK_SECONDS", 0.02)
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, new = make_authority(tmp_path / "old"), make_authority(tmp_path / "new")
    first, second = old.issue("server"), new.issue("server")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_bytes(first.certificate.read_bytes())
    key.write_bytes(first.key.read_bytes())
    tls = ServerTlsSettings(cert=certificate, key=key)
    asked = HttpSettings(name="http", http=ListenAddress("127.0.0.1", 0, "127.0.0.1:0"), tls=tls)
    made = prepare_source(asked, ListeningSockets())(
        OpenJournal(open_for_router(tmp_path / "journal.db").alerts.checkpoint)
    )
    assert isinstance(made, HttpSource)
    trusting_old = ssl.create_default_context(cafile=str(old.certificate))
    trusting_new = ssl.create_default_context(cafile=str(new.certificate))
    with running(made):
        assert post_securely(made.port, trusting_old) == 200
        certificate.write_bytes(second.certificate.read_bytes())
        assert post_securely(made.port, trusting_old) == 200
        key.write_bytes(second.key.read_bytes())
        wait_until(lambda: answers(made.port, trusting_new), "the new certificate")


def answers(port: int, context: ssl.SSLContext) -> bool:
    try:
        return post_securely(port, context) == 200
    except ssl.SSLError:
        return False


def post_securely(port: int, context: ssl.SSLContext) -> int:
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)
    with closing(connection):
        connection.request("POST", "/", ALERT)
        return connection.getresponse().status


def test_a_port_that_is_in_use_is_reported() -> None:
    """Before the bridge starts."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(SetupError, match="another program uses this port"),
    ):
        HttpSource("http", "127.0.0.1", taken.getsockname()[1], Guard())


def stopped_amid_a_commit(made: HttpSource, taken: Collector) -> list[tuple[int, str]]:
    """The answers to a sender that posts while the source is stopped."""
    answers: list[tuple[int, str]] = []
    taken.hold.clear()
    with running(made, taken):
        thread = threading.Thread(target=lambda: answers.append(ask(made.port, "POST", "/", ALERT)))
        thread.start()
        wait_until(lambda: taken.entered, "the commit to begin")
        made.stop()
        taken.hold.set()
        thread.join(60)
    return answers


def test_stopping_answers_what_has_come() -> None:
    """A request in flight is committed and answered; an idle connection does not hold it."""
    made, taken = source(), Collector()
    idle = socket.create_connection(("127.0.0.1", made.port))
    answers = stopped_amid_a_commit(made, taken)
    idle.close()
    assert [status for status, _ in answers] == [200]


def test_stopping_waits_for_answers_that_are_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the committer's thread does not run between the end of a commit and the answer."""
    made, taken, schedule, pause = source(), Collector(), Answering.answer, threading.Event()

    def slowly(answering: Answering, answers: Answers) -> None:
        pause.wait(0.5)
        schedule(answering, answers)

    monkeypatch.setattr(Answering, "answer", slowly)
    answers = stopped_amid_a_commit(made, taken)
    assert [status for status, _ in answers] == [200]


def test_being_asked_again_while_it_hangs_up_leaves_nothing_half_done() -> None:
    """A second stop, or the deadline, come when it is all but gone."""
    made, faults = source(), list[BaseException]()
    abort_connections = made._close_connections

    async def asked_again() -> None:
        made.stop()
        made.abort()
        await asyncio.sleep(0.05)
        await abort_connections()

    def run() -> None:
        try:
            made.run(Collector())
        except BaseException as error:  # noqa: BLE001  # asserted below
            faults.append(error)

    made._close_connections = asked_again  # type: ignore[method-assign]
    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: ask(made.port, "GET", "/ping", b"")[0] == 200, "the source")
    made.stop()
    thread.join(60)
    assert faults == []
    assert made._loop is not None
    assert made._loop.is_closed()


def test_cancelling_counts_what_was_not_committed() -> None:
    """And returns at once."""
    made, taken = source(), Collector()
    taken.hold.clear()
    with running(made, taken):
        thread = threading.Thread(target=try_asking, args=(made.port,))
        thread.start()
        wait_until(lambda: taken.entered, "the commit to begin")
        assert made.abort() == 1
        taken.hold.set()
        thread.join(60)


def try_asking(port: int) -> None:
    try:
        ask(port, "POST", "/", ALERT)
    except (http.client.HTTPException, OSError):
        return  # it was aborted


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 400))
def test_mutated_bodies_never_crash_and_cost_no_neighbour(junk: bytes, at: int) -> None:
    """A good alert before and after the mutated part."""
    at = min(at, len(ALERT))
    broken = ALERT[:at] + junk.replace(b"\n", b"") + ALERT[at:]
    payload = read_body(b"\n".join([ALERT, broken, ALERT]), 0)
    good = decode_json(ALERT, 0)
    assert isinstance(good, Alert)
    assert sum(alert.id == good.id for alert in payload.alerts) >= 2
