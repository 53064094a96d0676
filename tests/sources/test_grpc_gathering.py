"""Memory and delay of the gRPC source are bounded, however long a stream is and however much it brings."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from bridge.alert.wire.methods import GET
from bridge.alert.wire.outputs_pb2 import response
from bridge.sources.contract import Aborted, Batch
from bridge.sources.grpc.gathering import MAX_AGE_SECONDS, MAX_BYTES, Gathering
from bridge.sources.grpc.source import GrpcSource
from tests.sources.collector import Collector, running
from tests.support.limits import no_threads
from tests.support.waiting import wait_until


def message(number: int, size: int = 0) -> bytes:
    return response(rule=f"rule {number}", output="x" * size, hostname="h").SerializeToString()


class OneStream:
    """A server whose first ``get`` sends what it is given; the later ones are empty. Counts the bytes sent."""

    def __init__(self, messages: Callable[[], Iterator[bytes]]) -> None:
        self._messages = messages
        self._calls = 0
        self.sent = 0

    def get(self, _request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
        self._calls += 1
        if self._calls == 1:
            for each in self._messages():
                self.sent += len(each)
                yield each

    @contextmanager
    def served(self, address: str) -> Iterator[None]:
        service, method = GET.strip("/").split("/")
        handler = grpc.unary_stream_rpc_method_handler(self.get)
        server = grpc.server(ThreadPoolExecutor(4))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
        server.add_insecure_port(address)
        server.start()
        try:
            yield
        finally:
            server.stop(None).wait()


def test_a_long_stream_of_large_messages_is_committed_in_bounded_parts(tmp_path: Path, *, full: bool) -> None:
    """While a commit is in progress, the server cannot send on: gRPC's flow control stops it."""
    count, size = (990, 4_000_000) if full else (150, 500_000)
    server = OneStream(lambda: (message(number, size) for number in range(count)))
    taken, address = Collector(), f"unix:{tmp_path}/f.sock"
    taken.hold.clear()
    waiting = threading.Event()
    taken.before = lambda _batch: waiting.set()
    with server.served(address), running(GrpcSource("f", address), taken):
        assert waiting.wait(60)
        sent = -1
        while sent != server.sent:  # until the server can send no more
            sent = server.sent
            time.sleep(0.5)
        assert sent < 3 * MAX_BYTES + 4 * size, f"{sent} bytes are not committed"
        taken.hold.set()
        wait_until(lambda: len(taken.alerts) == count, "all alerts", seconds=300)
    assert [each.rule for each in taken.alerts] == [f"rule {number}" for number in range(count)]
    assert max(sum(len(each.output) for each in batch.alerts) for batch in taken.batches) <= MAX_BYTES + size


@pytest.mark.parametrize("trickle", [False, True])
def test_messages_of_a_stream_that_does_not_end_are_committed(tmp_path: Path, *, trickle: bool) -> None:
    """Silence does not delay them, and nor does a slow stream that is never silent for long."""
    stopped = threading.Event()

    def messages() -> Iterator[bytes]:
        yield from (message(number) for number in range(500))
        number = 500
        while not stopped.wait(MAX_AGE_SECONDS / 4 if trickle else 600):
            yield message(number)
            number += 1

    address = f"unix:{tmp_path}/f.sock"
    with OneStream(messages).served(address), running(GrpcSource("f", address)) as taken:
        try:
            wait_until(lambda: len(taken.alerts) >= (520 if trickle else 500), "alerts of an open stream")
        finally:
            stopped.set()
    numbers = [int(each.rule.removeprefix("rule ")) for each in taken.alerts]
    assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("error", [Aborted("f"), RuntimeError("a bug")])
def test_an_error_of_a_commit_during_a_silence_ends_the_read(tmp_path: Path, error: Exception) -> None:
    """The source raises it, as it does when it commits between two messages."""
    stopped = threading.Event()

    def messages() -> Iterator[bytes]:
        yield message(1)
        stopped.wait(600)

    def fail(_batch: Batch) -> None:
        raise error

    address, raised = f"unix:{tmp_path}/f.sock", list[BaseException]()

    def run() -> None:
        try:
            GrpcSource("f", address).run(fail)
        except Exception as error:  # noqa: BLE001
            raised.append(error)

    with OneStream(messages).served(address):
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(60)
        stopped.set()
    assert raised == [error]


def test_gathered_messages_keep_their_order_under_pauses_and_bursts() -> None:
    """The commits of both threads together are what was added, once and in order."""
    committed: list[bytes] = []

    def commit(messages: list[bytes]) -> None:
        time.sleep(0.01)
        committed.extend(messages)

    added = [b"%d" % number for number in range(3000)]
    with Gathering(commit, lambda: None) as gathering:
        for number, each in enumerate(added):
            gathering.add(each, len(each))
            if number % 700 == 0:
                wait_until(lambda number=number: len(committed) == number + 1, "the commit of a silence")
        gathering.flush()
    assert committed == added


def test_a_gathering_wakes_after_a_long_silence() -> None:
    """Its thread sleeps without a message, and the first one wakes it."""
    committed: list[bytes] = []
    with Gathering(committed.extend, lambda: None) as gathering:
        gathering.add(b"1", 1)
        wait_until(lambda: gathering._asleep, "sleep")
        gathering.add(b"2", 1)
        wait_until(lambda: committed == [b"1", b"2"], "the second")


def test_without_a_thread_every_message_is_committed_at_once() -> None:
    """Nothing would commit it otherwise, if the stream brought no other one."""
    taken: list[list[int]] = []
    with Gathering[int](taken.append, lambda: None) as gathering:
        with no_threads():
            gathering.add(1, 1)
            gathering.add(2, 1)
        assert taken == [[1], [2]]
        gathering.add(3, 1)
        wait_until(lambda: taken == [[1], [2], [3]], "the commit by the thread")
