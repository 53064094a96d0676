"""The simulated Falco does on the wire what a real one was seen to do, the awkward parts included."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

import grpc
import pytest

from bridge.alert.wire import version_pb2
from bridge.alert.wire.methods import GET, SUB, VERSION
from bridge.simulate.address import StandInTls
from bridge.simulate.errors import SimulationError
from bridge.simulate.server import StandInFalco
from tests.support.certificates import make_authority
from tests.support.recordings import NAMES, grpc_messages
from tests.support.waiting import wait_until

ALL = [message for name in NAMES for message in grpc_messages(name)]


@pytest.fixture
def falco(tmp_path: Path) -> Iterator[StandInFalco]:
    with StandInFalco(f"unix:{tmp_path}/falco.sock") as falco:
        yield falco


@pytest.fixture
def channel(falco: StandInFalco) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(falco.address) as channel:
        yield channel


def get(channel: grpc.Channel) -> grpc.Call:
    return channel.unary_stream(GET, request_serializer=None, response_deserializer=None)(b"")


def sub(channel: grpc.Channel, requests: Iterator[bytes]) -> grpc.Call:
    return channel.stream_stream(SUB, request_serializer=None, response_deserializer=None)(requests)


def asked(queue: SimpleQueue[bytes | None]) -> Iterator[bytes]:
    """Requests as the test puts them; None half-closes."""
    while (request := queue.get()) is not None:
        yield request


def take(call: grpc.Call, answers: SimpleQueue[bytes]) -> None:
    with suppress(grpc.RpcError):  # it is cancelled in the end
        for each in call:
            answers.put(each)


def test_what_was_recorded_goes_out_byte_for_byte(falco: StandInFalco, channel: grpc.Channel) -> None:
    """Invalid UTF-8 included; then the stream ends with OK."""
    falco.put(*ALL)
    call = get(channel)
    assert list(call) == ALL
    assert call.code() is grpc.StatusCode.OK


def test_get_on_an_empty_queue_ends_at_once(channel: grpc.Channel) -> None:
    """With OK, and nothing in it."""
    assert list(get(channel)) == []


def test_all_clients_share_one_queue(falco: StandInFalco, channel: grpc.Channel) -> None:
    """Each alert goes to one of them."""
    falco.put(b"a", b"b")
    first = list(get(channel))
    falco.put(b"c")
    with grpc.insecure_channel(falco.address) as other:
        assert (first, list(get(other)), list(get(channel))) == ([b"a", b"b"], [b"c"], [])


def test_sub_answers_a_request_and_is_silent_until_the_next(falco: StandInFalco, channel: grpc.Channel) -> None:
    """What is put after the answer waits for another request; the stream stays open."""
    requests: SimpleQueue[bytes | None] = SimpleQueue()
    answers: SimpleQueue[bytes] = SimpleQueue()
    call = sub(channel, asked(requests))
    threading.Thread(target=take, args=(call, answers), daemon=True).start()
    falco.put(b"a")
    requests.put(b"")
    assert answers.get(timeout=60) == b"a"
    wait_until(lambda: falco.pending == 0, "the queue to be drained")
    falco.put(b"b")
    assert falco.pending == 1
    assert falco.open_streams == 1
    requests.put(b"")
    assert answers.get(timeout=60) == b"b"
    requests.put(None)  # half-closing does not end it either
    falco.put(b"c")
    assert falco.open_streams == 1
    assert call.is_active()
    call.cancel()


def test_cancelling_amid_a_stream_loses_what_was_popped(falco: StandInFalco, channel: grpc.Channel) -> None:
    """Reading ten of five thousand and hanging up costs nearly all of them."""
    falco.put(*(b"x" * 200 for _ in range(5000)))
    call = get(channel)
    for _ in range(10):
        next(call)
    call.cancel()
    wait_until(lambda: falco.open_streams == 0, "the stream to end")
    assert falco.pending == 0
    assert falco.lost > 3000


def test_an_idle_sub_keeps_it_from_stopping_and_waking_it_aborts(tmp_path: Path) -> None:
    """As Falco 0.43 does."""
    falco = StandInFalco(f"unix:{tmp_path}/f.sock")
    falco.start()
    requests: SimpleQueue[bytes | None] = SimpleQueue()
    with grpc.insecure_channel(falco.address) as channel:
        call = sub(channel, asked(requests))
        requests.put(b"")
        falco.put(b"a")
        wait_until(lambda: falco.popped == 1 or requests.put(b""), "the answer")
        assert next(call) == b"a"
        assert falco.stop(0.3) is False
        requests.put(b"")
        wait_until(lambda: falco.aborted, "the abort")
        call.cancel()
        requests.put(None)
    falco.abort()


def test_a_stop_ends_streams_with_ok(tmp_path: Path) -> None:
    """What was popped is written first."""
    falco = StandInFalco(f"unix:{tmp_path}/f.sock")
    falco.start()
    with grpc.insecure_channel(falco.address) as channel:
        falco.put(*(b"x" for _ in range(100)))
        call = get(channel)
        assert next(call) == b"x"
        assert falco.stop(10) is True
        assert len(list(call)) == 99
        assert call.code() is grpc.StatusCode.OK


def test_it_tells_its_version(channel: grpc.Channel) -> None:
    """The last line of Falco that has gRPC."""
    call = channel.unary_unary(VERSION, request_serializer=None, response_deserializer=version_pb2.response.FromString)
    assert call(b"").version == "0.43.1"


def test_a_falco_without_outputs_says_unimplemented(tmp_path: Path) -> None:
    """As one does that has grpc_output disabled."""
    with StandInFalco(f"unix:{tmp_path}/f.sock", outputs=False) as falco:
        with grpc.insecure_channel(falco.address) as channel, pytest.raises(grpc.RpcError) as caught:
            list(get(channel))
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_over_tcp_both_sides_must_show_who_they_are(tmp_path: Path) -> None:
    """A client without a certificate, or with a stranger's, is turned away; one with the right one reads."""
    ours, theirs = make_authority(tmp_path), make_authority(tmp_path, "stranger")
    server, client, stranger = ours.issue("server"), ours.issue("client"), theirs.issue("client2")
    ca = ours.certificate.read_bytes()
    with StandInFalco("127.0.0.1:0", StandInTls(ours.certificate, server.certificate, server.key)) as falco:
        falco.put(b"a")
        for pair in (None, stranger):
            credentials = (
                grpc.ssl_channel_credentials(ca)
                if pair is None
                else grpc.ssl_channel_credentials(ca, pair.key.read_bytes(), pair.certificate.read_bytes())
            )
            with grpc.secure_channel(falco.address, credentials) as channel, pytest.raises(grpc.RpcError) as caught:
                list(get(channel))
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        good = grpc.ssl_channel_credentials(ca, client.key.read_bytes(), client.certificate.read_bytes())
        with grpc.secure_channel(falco.address, good) as channel:
            assert list(get(channel)) == [b"a"]


def test_tcp_without_tls_is_refused(tmp_path: Path) -> None:
    """As Falco refuses it, with the way out."""
    with pytest.raises(SimulationError, match="mutual TLS only"):
        StandInFalco("127.0.0.1:0").start()
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(SimulationError, match="in the way"):
        StandInFalco(f"unix:{tmp_path}/file").start()
