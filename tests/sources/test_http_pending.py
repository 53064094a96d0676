"""Requests wait in order, are gathered into large commits, and are bounded."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time

from bridge.common.net.tcp_socket import listen_tcp
from bridge.http.guard import ConnectionLimits, Guard
from bridge.http.listener import Listener
from bridge.http.request import MAX_BODY_BYTES
from bridge.http.response import Response, SharedSocket
from bridge.sources.contract import Batch
from bridge.sources.http.answering import AnswerCounts, Answering
from bridge.sources.http.committing import Committer
from bridge.sources.http.limits import HttpLimits
from bridge.sources.http.pending import PendingRequest, PendingRequests
from tests.sources.collector import Collector, running
from tests.sources.test_http_hostile import GOOD, connected
from tests.sources.test_http_source import ALERT, source


class UnsentConnection:
    """A connection whose responses are not sent."""

    def __init__(self) -> None:
        self.shared = SharedSocket()

    def flush(self) -> None:
        return


def request(body: int | bytes = 10, encoding: bytes = b"identity") -> PendingRequest:
    """``body`` is its size where it does not matter."""
    content = body if isinstance(body, bytes) else b"x" * body
    return PendingRequest(content, encoding, Response(UnsentConnection(), "POST", first=True, last=False))


def test_requests_of_one_turn_are_passed_on_together_and_in_order() -> None:
    """Up to a batch; stopping returns what is queued, and then None."""

    async def scenario() -> None:
        pending = PendingRequests(HttpLimits(), asyncio.get_running_loop())
        requests = [request() for _ in range(1500)]
        assert all(pending.put(each) for each in requests)
        await asyncio.sleep(0)
        first = pending.take()
        pending.stop()
        second = pending.take()
        assert first is not None
        assert second is not None
        assert len(first) == 1000
        assert first + second == requests
        assert pending.take() is None
        assert not pending.empty
        pending.done(1500)
        assert pending.empty

    asyncio.run(scenario())


def test_the_only_request_of_a_turn_is_passed_on_at_once() -> None:
    """Behind those of the turn that came before it."""

    async def scenario() -> None:
        pending = PendingRequests(HttpLimits(), asyncio.get_running_loop())
        alone, first, second = request(), request(), request()
        assert pending.put(alone, at_once=True)
        assert pending.take() == [alone]
        assert pending.put(first)
        assert pending.put(second, at_once=True)
        await asyncio.sleep(0)
        assert pending.take() == [first, second]

    asyncio.run(scenario())


def test_large_bodies_are_taken_a_few_at_a_time() -> None:
    """The bodies of one batch are bounded by size."""

    async def scenario() -> None:
        pending = PendingRequests(HttpLimits(), asyncio.get_running_loop())
        for _ in range(10):
            assert pending.put(request(600_000))
        await asyncio.sleep(0)
        assert [len(pending.take() or []) for _ in range(5)] == [2] * 5

    asyncio.run(scenario())


def test_gathering_ends_however_short_its_time_is() -> None:
    """A thousand times with the least that a clock can show: CPython's SimpleQueue waited for ever in one of ten."""

    async def scenario() -> None:
        for _ in range(1000):
            pending = PendingRequests(HttpLimits(), asyncio.get_running_loop())
            pending.put(request())
            await asyncio.sleep(0)
            pending._expected, pending._taken_at = 5, time.monotonic()
            assert len(pending.take() or []) == 1

    asyncio.run(scenario())


def test_requests_beyond_the_memory_are_refused_until_there_is_room() -> None:
    """One request of any size always fits."""

    async def scenario() -> None:
        pending = PendingRequests(HttpLimits(held=10_000), asyncio.get_running_loop())
        assert pending.put(request(50_000))
        assert not pending.put(request())
        pending.done(1)
        assert pending.put(request())
        assert pending.abort() == 1
        assert pending.take() is None
        assert not pending.put(request())

    asyncio.run(scenario())


def test_a_sender_alone_does_not_wait_for_others() -> None:
    """Gathering begins after a commit of several requests, and never takes longer than a millisecond."""

    async def scenario() -> None:
        pending = PendingRequests(HttpLimits(), asyncio.get_running_loop())
        pending.put(request())
        await asyncio.sleep(0)
        pending.take()
        await asyncio.sleep(0.01)
        assert pending._gathering_time() == 0
        for _ in range(2):
            pending.put(request())
        await asyncio.sleep(0)
        pending.take()
        await asyncio.sleep(0.01)
        assert pending._gathering_time() == 0.001

    asyncio.run(scenario())


def test_senders_that_post_again_after_their_answers_share_commits() -> None:
    """Sixteen senders, each with one request at a time: a commit has several of them."""
    taken = Collector()
    taken.before = lambda _batch: time.sleep(0.01)

    def post(port: int) -> None:
        with connected(port) as connection:
            for _ in range(10):
                connection.sendall(GOOD)
                assert connection.recv(1000).startswith(b"HTTP/1.1 200")

    with running(made := source(), taken):
        threads = [threading.Thread(target=post, args=(made.port,)) for _ in range(16)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(60)
    assert len(taken.alerts) == 160
    assert len(taken.batches) < 120


def test_a_body_that_was_refused_is_not_held() -> None:
    """It waits with others for their commit. If the disk is full by then, they are accepted, and it is not."""

    async def scenario() -> None:
        pending = PendingRequests(HttpLimits(hold_after=-1), asyncio.get_running_loop())
        counts = AnswerCounts()
        sockets = listen_tcp("127.0.0.1", 0)
        listener = Listener("127.0.0.1", 0, Guard(), ConnectionLimits(), sockets=sockets)
        answering = Answering("http", Guard(), HttpLimits(), listener, pending, counts, lambda action: action())

        def stuck(batch: Batch) -> None:
            answering.hold(stuck=True)
            taken(batch)

        committer = Committer("http", pending, stuck, answering.answer, None)
        good, refused = request(ALERT), request(gzip.compress(b"x" * (MAX_BODY_BYTES + 1)), b"gzip")
        assert pending.put(good)
        assert pending.put(refused)
        pending.stop()
        committer.run()
        sockets[0].close()
        assert good.response.reply is not None
        assert refused.response.reply is not None
        assert (good.response.reply.status, refused.response.reply.status) == (202, 413)
        assert counts.held == 1

    taken = Collector()
    asyncio.run(scenario())
    assert (len(taken.alerts), taken.rejected) == (1, [])
