"""Slow, broken and hostile senders: each gets its answer, and other senders neither wait nor lose alerts."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.common.files.reloading import Reloading
from bridge.http.guard import ConnectionLimits, Guard, Timeouts
from bridge.sources.contract import Batch
from bridge.sources.http import committing
from bridge.sources.http.committing import Committer
from bridge.sources.http.limits import HttpLimits
from bridge.sources.http.source import HttpSource
from bridge.sources.payload import MAX_ALERTS_PER_BODY, read_body
from tests.sources.collector import Collector, running
from tests.sources.test_http_source import ALERT, ask, raw, source
from tests.support.certificates import make_authority
from tests.support.waiting import wait_until

POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
GOOD = POST % (len(ALERT), ALERT)


@pytest.fixture
def at_work() -> Iterator[tuple[HttpSource, Collector]]:
    made = source()
    with running(made) as taken:
        yield made, taken


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        yield connection


def rest(connection: socket.socket) -> bytes:
    answer = b""
    try:
        while piece := connection.recv(65536):
            answer += piece
    except ConnectionResetError:
        pass  # it was ended without ceremony
    return answer


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (b"400", b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET"),
        (b"400", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"),
        (b"400", b"POST / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde"),
        (b"501", b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        (b"501", b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        (b"400", b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        (b"400", b"POST / HTTP/1.1\nContent-Length: 1\n\na"),
        (b"400", b"POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\na"),
        (b"400", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (b"405", b"CONNECT x:1 HTTP/1.1\r\n\r\n"),
        (b"405", b"OPTIONS * HTTP/1.1\r\n\r\n"),
        (b"405", b"DELETE /ping HTTP/1.1\r\n\r\n"),
        (b"431", b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n"),
        (b"431", b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n"),
        (b"431", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"a" * 20_000 + b"\r\n\r\n"),
    ],
)
def test_what_could_be_read_in_two_ways_is_not_read(
    status: bytes, request_: bytes, at_work: tuple[HttpSource, Collector]
) -> None:
    """Refused with its reason, and nothing behind it is taken for a request."""
    made, taken = at_work
    answer = raw(made.port, request_ + GOOD)
    assert answer.startswith(b"HTTP/1.1 " + status + b" ")
    assert len(re.findall(rb"HTTP/1.1 \d", answer)) == 1
    assert b"Connection: close" in answer
    assert taken.alerts == []


def test_a_header_without_end_is_cut_off(at_work: tuple[HttpSource, Collector]) -> None:
    """However small the pieces are that it comes in."""
    made, _ = at_work
    with connected(made.port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        answer = threading.Thread(target=lambda: found.append(rest(connection)))
        found: list[bytes] = []
        answer.start()
        try:
            while answer.is_alive():
                connection.sendall(b"a" * 5000)
        except OSError:
            pass  # it was ended
        answer.join(60)
    assert not found[0] or found[0].startswith(b"HTTP/1.1 431 ")


def test_a_drop_now_and_then_buys_no_time() -> None:
    """From the first byte of a request to its last: in the target, in a header, in a body, in a chunk."""
    begun = [
        b"POST /",
        b"POST / HTTP/1.1\r\nX",
        POST % (1000, b"{"),
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    ]
    with running(made := source(timeouts=Timeouts(request=0.6))) as taken, ExitStack() as stack:
        connections = [stack.enter_context(connected(made.port)) for _ in begun]
        for connection, start in zip(connections, begun, strict=True):
            connection.sendall(start)
        gone: list[bytes] = []
        readers = [threading.Thread(target=lambda each=each: gone.append(rest(each))) for each in connections]
        for reader in readers:
            reader.start()
        while any(reader.is_alive() for reader in readers):
            for connection in connections:
                try:
                    connection.send(b"a")
                except OSError:
                    continue
            readers[0].join(0.1)
            readers[-1].join(0.1)
        assert [answer.split(b" ")[1] for answer in gone] == [b"408"] * len(begun)
        assert ask(made.port, "POST", "/", ALERT)[0] == 200
        assert len(taken.alerts) == 1


def test_an_idle_connection_is_closed() -> None:
    """Before its first request and between two. Empty lines do not keep it open."""
    with running(made := source(timeouts=Timeouts(first_byte=0.5))), connected(made.port) as connection:
        connection.sendall(b"\r\n\r\n")
        assert rest(connection) == b""
    with running(made := source(timeouts=Timeouts(idle=0.5))), connected(made.port) as connection:
        connection.sendall(GOOD)
        assert rest(connection).startswith(b"HTTP/1.1 200")


def test_a_sender_that_sends_no_handshake_is_disconnected(tmp_path: Path) -> None:
    """A sender that says nothing to a TLS port holds its place for a moment only, and the others are served."""
    authority = make_authority(tmp_path)
    server = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    limits = HttpLimits(ConnectionLimits(total=2), Timeouts(handshake=5.0))
    made = HttpSource("http", "127.0.0.1", 0, Guard(), Reloading("http", (), lambda: context), limits)
    ours = ssl.create_default_context(cafile=str(authority.certificate))
    with capture_logs() as logs, running(made) as taken, connected(made.port) as silent, connected(made.port) as plain:
        plain.sendall(GOOD)
        assert not rest(plain).startswith(b"HTTP")
        assert rest(silent) == b""
        wait_until(lambda: made._listener.count == 0, "the limits")
        https = http.client.HTTPSConnection("127.0.0.1", made.port, context=ours, timeout=60)
        https.request("POST", "/", ALERT)
        assert https.getresponse().status == 200
        https.close()
        assert len(taken.alerts) == 1
        assert "2 TLS handshakes failed" in made.state()[0].detail
    (logged,) = [each for each in logs if each.get("problem") == "HTTP_REQUEST"]
    assert "https://" in logged["remedy"]
    assert (logged["listening"], logged["peer"]) == (f"127.0.0.1:{made.port}", "127.0.0.1")


def test_half_closed_senders_hear_their_answer(at_work: tuple[HttpSource, Collector]) -> None:
    """Also one that closed too early: it is logged."""
    made, taken = at_work
    for data, status in ((GOOD, b"200"), (GOOD + GOOD, b"200"), (GOOD[:-1], b"400"), (b"", b"")):
        with connected(made.port) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = rest(connection)
            assert answer.split(b" ")[1:2] == ([status] if status else [])
    assert len(taken.alerts) == 3


def test_what_other_senders_do(at_work: tuple[HttpSource, Collector]) -> None:
    """HEAD, Expect, chunks, absolute targets, HTTP/1.0, zstd, several gzip members, a BOM."""
    made, taken = at_work
    head = raw(made.port, b"HEAD /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert head.endswith(b"\r\n\r\n")
    assert raw(made.port, b"HEAD / HTTP/1.1\r\n\r\n").endswith(b"Allow: POST\r\nConnection: close\r\n\r\n")
    chunked = b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    chunks = b"".join(b"1;x=y\r\n%c\r\n" % byte for byte in ALERT) + b"0\r\nAuthorization: none\r\n\r\n"
    assert raw(made.port, chunked + chunks).startswith(b"HTTP/1.1 200")
    absolute = GOOD.replace(b"POST /", b"POST http://bridge:2801/any?x=y").replace(b"1.1", b"1.0")
    assert raw(made.port, absolute).startswith(b"HTTP/1.1 200")
    with connected(made.port) as connection:
        connection.sendall(GOOD[: -len(ALERT)].replace(b"Host: x", b"Expect: 100-continue\r\nConnection: close"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(ALERT)
        assert rest(connection).startswith(b"HTTP/1.1 200")
    compress = zstandard.ZstdCompressor().compress
    two = compress(ALERT + b"\n") + compress(ALERT)
    assert ask(made.port, "POST", "/", two, Content_Encoding="zstd") == (200, "2 accepted\n")
    assert ask(made.port, "POST", "/", two[:-1], Content_Encoding="zstd")[0] == 400
    bomb = compress(b"x" * (1 << 27))
    assert len(bomb) < 20_000
    assert ask(made.port, "POST", "/", bomb, Content_Encoding="zstd")[0] == 413
    two = gzip.compress(ALERT + b"\n") + gzip.compress(ALERT)
    assert ask(made.port, "POST", "/", two, Content_Encoding="gzip") == (200, "2 accepted\n")
    assert ask(made.port, "POST", "/", b"\xef\xbb\xbf" + ALERT) == (200, "1 accepted\n")
    assert ask(made.port, "POST", "/", b"hello", Content_Encoding="gzip")[0] == 400
    assert taken.rejected == ["is incomplete", "is not gzip, as its Content-Encoding says"]


def test_a_test_alert_is_taken_in_for_those_who_may_post() -> None:
    """As falcosidekick's ``/test``; behind the secret path too."""
    with running(made := source(Guard(path="hunter2hunter2"))) as taken:
        assert ask(made.port, "POST", "/test")[0] == 401
        assert ask(made.port, "GET", "/hunter2hunter2/test")[0] == 405
        assert ask(made.port, "POST", "/hunter2hunter2/test", b"") == (200, "1 accepted\n")
    (alert,) = taken.alerts
    assert (alert.rule, alert.priority.word, alert.tags) == ("Test rule", "debug", ("example", "test"))
    assert alert.fields["proc.name"] == "falco-bridge"


def test_the_unknown_are_refused_before_their_body_is_read() -> None:
    """Nothing of them is gathered."""
    with running(made := source(Guard(token="tokentoken"))):
        answer = raw(made.port, b"POST / HTTP/1.1\r\nContent-Length: 8000000\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"WWW-Authenticate: Bearer\r\n" in answer
        assert made._answering.unfinished == 0


def test_bodies_together_are_bounded() -> None:
    """What many senders begin and do not end does not fill the memory; its room is given back."""
    begun = b"POST / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 1_900_000
    with running(made := source(unfinished=3 << 20)):
        with connected(made.port) as first:
            first.sendall(begun)
            wait_until(
                lambda: made._answering is not None and made._answering.unfinished == 1_900_000, "the first body"
            )
            assert raw(made.port, begun).startswith(b"HTTP/1.1 503 ")
        wait_until(lambda: made._answering.unfinished == 0, "the room")
        assert ask(made.port, "POST", "/", ALERT)[0] == 200


def test_too_many_alerts_in_one_body_are_refused(at_work: tuple[HttpSource, Collector]) -> None:
    """Small ones unpack to much more than they weigh."""
    made, taken = at_work
    for body in (
        b'{"rule":"r"}\n' * (MAX_ALERTS_PER_BODY + 1),
        b"[" + b"1," * MAX_ALERTS_PER_BODY + b"1]",
        b"[" + b"1," * 2_000_000,
    ):
        assert ask(made.port, "POST", "/", body)[0] == 413
    assert taken.batches == []


def test_answers_keep_the_order_of_their_requests() -> None:
    """A health check that was sent behind an alert is answered behind it."""
    made, taken = source(), Collector()
    taken.hold.clear()
    with running(made, taken), connected(made.port) as connection:
        connection.sendall(
            GOOD + b"GET /ping HTTP/1.1\r\n\r\n" + POST % (1, b"x") + GOOD.replace(b"Host: x", b"Connection: close")
        )
        wait_until(lambda: taken.entered, "the commit to begin")
        taken.hold.set()
        answer = rest(connection)
    assert [each[:3] for each in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"400", b"200"]
    assert b"pong" in answer


def test_unread_answers_are_bounded(at_work: tuple[HttpSource, Collector]) -> None:
    """A sender that only sends is not read on."""
    made, _ = at_work
    with connected(made.port) as connection:
        connection.settimeout(1.0)
        with pytest.raises(TimeoutError):
            connection.sendall(b"GET /ping HTTP/1.1\r\n\r\n" * 4_000_000)
        (one,) = made._listener.connections
        assert one._transport.get_write_buffer_size() < 1 << 24
        assert ask(made.port, "POST", "/", ALERT)[0] == 200


def test_a_fault_in_one_request_costs_that_request_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is logged and answered with 500; the requests of its batch are committed one by one."""
    poison = json.dumps({"rule": "poison", "time": "2026-01-01T00:00:00Z"}).encode()

    def refuse(batch: Batch) -> None:
        if any(alert.rule == "poison" for alert in batch.alerts):
            raise ZeroDivisionError

    made, taken = source(), Collector()
    taken.before = refuse
    taken.hold.clear()
    answers: list[bytes] = []
    with capture_logs() as logs, running(made, taken):
        first = threading.Thread(
            target=lambda: answers.append(raw(made.port, GOOD.replace(b"Host: x", b"Connection: close")))
        )
        first.start()
        wait_until(lambda: taken.entered, "the commit to begin")
        with connected(made.port) as connection:
            last = GOOD.replace(b"Host: x", b"Connection: close")
            connection.sendall(GOOD + POST % (len(poison), poison) + last)
            wait_until(lambda: made._answering is not None and len(made._answering.pending._open) == 4, "the others")
            taken.hold.set()
            answer = rest(connection)
        first.join(60)
        assert [each[:3] for each in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"500", b"200"]
        monkeypatch.setattr(committing, "read_body", lambda *_: 1 / 0)
        assert ask(made.port, "POST", "/", ALERT)[0] == 500
        monkeypatch.undo()
        assert ask(made.port, "POST", "/", ALERT)[0] == 200
    assert len(taken.alerts) == 4
    assert {"commit failed", "request failed"} <= {each["event"] for each in logs}


def test_with_a_full_disk_alerts_are_held_until_the_memory_is_full() -> None:
    """202 without waiting once it is known, 507 past the bound; all that was held is committed in the end."""
    made, taken = source(hold_after=0.5, held=10_000), Collector()
    taken.hold.clear()
    with capture_logs() as logs, running(made, taken):
        statuses = [ask(made.port, "POST", "/", ALERT)[0] for _ in range(6)]
        assert (statuses[0], statuses[-1], set(statuses)) == (202, 507, {202, 507})
        held = statuses.count(202)
        assert f"{held} held in memory so far" in made.state()[0].detail
        taken.hold.set()
        wait_until(lambda: len(taken.alerts) == held, "the commit")
        assert ask(made.port, "POST", "/", ALERT)[0] == 200
    assert sum("held in memory" in each["event"] for each in logs) == 1


def test_an_array_that_breaks_off_loses_its_end_only() -> None:
    """So does one with bytes that are not UTF-8, or something behind it."""
    for body, good, bad in (
        (b'[{"rule": "a"}, {"rule": "b"}, {"ru', 2, 1),
        (b'[{"rule": "a\xff"}, {"rule": "b"}]', 2, 0),
        (b'[{"rule": "a"}] behind', 1, 1),
        (b'{broken\n{"rule": "a"}\n', 1, 1),
        (b"[" * 100_000, 0, 1),
        (b"[]", 0, 1),
    ):
        payload = read_body(body, 0)
        assert (len(payload.alerts), len(payload.rejected)) == (good, bad), body[:40]


SEEDS = [GOOD, GOOD + GOOD, b"GET /ping HTTP/1.1\r\n\r\n" + GOOD, GOOD.replace(b"POST /", b"POST /test"),
         b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(ALERT), ALERT),
         b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 40\r\n\r\n" + gzip.compress(ALERT)]  # fmt: skip


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A request with bytes left out, put in and changed."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["insert", "cut", "change", "repeat"])):
            case "insert":
                data[at:at] = draw(st.sampled_from([b"\r\n", b":", b"\0", b"\xff", b" ", b"0", b"9" * 20, b"\r\n\r\n"]))
            case "cut":
                del data[at : at + draw(st.integers(1, 20))]
            case "change":
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=2))
            case _:
                data[at:at] = data[at : at + 30]
    return bytes(data)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(data=mangled(), cut=st.integers(1, 200))
def test_mangled_requests_over_a_real_socket_do_not_affect_other_senders(
    data: bytes, cut: int, at_work: tuple[HttpSource, Collector]
) -> None:
    """Each is answered or hung up on; the next sender is served, and no place stays taken."""
    made, _ = at_work
    with connected(made.port) as connection:
        try:
            connection.sendall(data[:cut])
            connection.sendall(data[cut:])
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it had hung up already
        answer = rest(connection)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert b" 500 " not in answer
    assert ask(made.port, "POST", "/", ALERT)[0] == 200
    wait_until(lambda: made._listener.count == 0, "the limits")
    assert made._answering.unfinished == 0


def test_a_fault_of_the_committer_ends_the_source_which_can_be_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sender waits for ever; it listens at the same port again."""
    made, taken = source(), Collector()
    raised: list[Exception] = []

    def run() -> None:
        try:
            made.run(taken)
        except ZeroDivisionError as error:
            raised.append(error)

    monkeypatch.setattr(Committer, "_commit", lambda *_: 1 / 0)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    with connected(made.port) as connection:
        connection.sendall(GOOD)
        assert b" 200 " not in rest(connection)
    thread.join(60)
    assert len(raised) == 1
    monkeypatch.undo()
    with running(made, taken):
        wait_until(lambda: made._loop is not None and made._loop.is_running(), "the second life")
        assert ask(made.port, "POST", "/", ALERT)[0] == 200
