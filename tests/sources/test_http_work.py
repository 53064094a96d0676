"""Bodies that are small to send and expensive to decode: bounded, and decoded outside the event loop."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
import zstandard
from structlog.testing import capture_logs

from bridge.alert.malformed import Malformed
from bridge.http.request import Reply, decompress
from bridge.sources.contract import Batch
from bridge.sources.http import committing
from bridge.sources.http.committing import StuckCommit
from bridge.sources.payload import (
    MAX_ALERTS_PER_BODY,
    MAX_VALUES_PER_ALERT,
    Payload,
    TooManyAlerts,
    decode_one,
    read_body,
)
from tests.sources.collector import Collector, running
from tests.sources.test_http_source import ALERT, ask, source
from tests.support.waiting import wait_until

TEXT = b"12:00:00.000000000: Notice x "
MAX_CPU_SECONDS = 2.0
"""Of this thread, for the largest body. The attacks took 4 to 60 s; on a quiet machine each takes below 0.3 s."""


def cpu_seconds(action: Callable[[], object]) -> float:
    started = time.thread_time()
    with suppress(TooManyAlerts):
        action()
    return time.thread_time() - started


@pytest.mark.parametrize(
    "body",
    [
        b"\n" * 8_000_000,
        b" " * 8_000_000,
        b'{"rule": "r"}' + b"\n" * 8_000_000,
        b'{"rule": "r"}' + b" \n" * 4_000_000,
        TEXT + b"\n" * 8_000_000,
        TEXT + b"\nx" * 4_000_000,
        b"x\n" * 4_000_000,
        b"\x1b[0;1m" * 1_300_000,
        b"a/b 2026-01-01T00:00:00Z " + b"\x1b[m" * 2_600_000 + b"x",
        b'{"logEvents": [' + b'{"message": "x"},' * 99_000 + b"{}]}",
        b"[" + b" " * 8_000_000 + b"x",
        b"[" + b"\n" * 8_000_000 + b"{]",
        b'[{"rule": "r", "output_fields": {"a": [' + b"[]," * 2_600_000,
        b'{"rule": "r", "output_fields": {"a": [' + b"1," * 2_000_000 + b"1]}}",
        b'{"rule": "r", "output_fields": {"a": [' + b"[]," * 1_300_000 + b"1]}}",
    ],
    ids=lambda body: f"{body[:1]!r} {body[-3:]!r}",
)
def test_no_body_takes_long_to_decode(body: bytes) -> None:
    """Blank lines, lines that continue a text alert, blanks in arrays, lists of millions."""
    assert cpu_seconds(lambda: read_body(body, 0)) < MAX_CPU_SECONDS


def test_bounds_leave_room_for_real_bodies() -> None:
    """Pretty-printed arrays, blank lines between alerts, a text alert of many lines, an alert with a large list."""
    pretty = b"[" + b",\n".join([b'{\n"rule":\n"r"\n}'] * 9000) + b"\n" * 300_000 + b"]"
    assert len(read_body(pretty, 0).alerts) == 9000
    spaced = b"\n\r\n \n".join([ALERT] * 1000)
    assert len(read_body(spaced, 0).alerts) == 1000
    (alert,) = read_body(TEXT + b"\n\nx" * 1000, 0).alerts
    assert alert.output.count("\n") == 2000
    large = b'{"rule": "r", "output_fields": {"a": [' + b"1," * (MAX_VALUES_PER_ALERT - 10) + b"1]}}"
    assert len(read_body(large, 0).alerts) == 1
    refused = decode_one(large.replace(b"[1,", b"[" + b"1," * 100), 0)
    assert isinstance(refused, Malformed)
    assert f"more than {MAX_VALUES_PER_ALERT} values" in refused.reason


@pytest.mark.parametrize(
    ("member", "encoding"),
    [
        (gzip.compress(b"", mtime=0), b"gzip"),
        (gzip.compress(b"", mtime=0) + b"\0" * 100, b"gzip"),
        (zstandard.ZstdCompressor().compress(b""), b"zstd"),
    ],
)
def test_compressed_members_are_bounded(member: bytes, encoding: bytes) -> None:
    """800 KB of empty members took minutes, because each copied what follows it."""
    body = member * (800_000 // len(member))
    result: list[bytes | Malformed | Reply] = []
    assert cpu_seconds(lambda: result.append(decompress(body, encoding))) < MAX_CPU_SECONDS
    assert isinstance(result[0], Malformed)
    assert "compressed members" in result[0].reason
    part = member * 900
    assert decompress(part, encoding) == b""
    assert decompress(part[:-3].rstrip(b"\0"), encoding) == Malformed("is incomplete")


def test_members_of_any_size_are_joined() -> None:
    """Their borders fall anywhere in the pieces that are fed, with zero bytes between them."""
    for size in (0, 1, 65_535, 65_536, 200_000):
        content = bytes(number % 251 for number in range(size))
        assert decompress(gzip.compress(content, 0) + b"\0" * size + gzip.compress(content), b"gzip") == content * 2


def test_others_are_served_while_a_body_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoding takes place in the committer's thread."""
    started, done = threading.Event(), threading.Event()
    decode = committing.read_body

    def slowly(body: bytes, *rest: int) -> Payload:
        started.set()
        done.wait(60)
        return decode(body, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(committing, "read_body", slowly)
    with running(made := source()) as taken:
        poster = threading.Thread(target=lambda: ask(made.port, "POST", "/", ALERT))
        poster.start()
        assert started.wait(60)
        assert ask(made.port, "GET", "/healthz")[0] == 200
        done.set()
        poster.join(60)
    assert len(taken.alerts) == 1


def test_a_large_body_is_committed_in_parts_and_answered_once() -> None:
    """A body of 10,000 alerts; a commit is never more than 1000."""
    body = b"\n".join(b'{"rule": "r%d"}' % number for number in range(MAX_ALERTS_PER_BODY))
    with running(made := source()) as taken:
        assert ask(made.port, "POST", "/", body) == (200, "10000 accepted\n")
    assert [len(batch.alerts) for batch in taken.batches] == [1000] * 10
    assert [each.rule for each in taken.alerts] == [f"r{number}" for number in range(MAX_ALERTS_PER_BODY)]


def test_a_busy_processor_is_not_taken_for_a_full_disk() -> None:
    """A commit that computes for longer than ``hold_after`` is answered with 200."""
    taken = Collector()

    def compute(_batch: Batch) -> None:
        until = time.thread_time() + 0.6
        while time.thread_time() < until:
            pass

    taken.before = compute
    with capture_logs() as logs, running(made := source(hold_after=0.2), taken):
        assert ask(made.port, "POST", "/", ALERT) == (200, "1 accepted\n")
    assert not [each for each in logs if "held in memory" in each["event"]]


def test_waiting_is_distinguished_from_computing() -> None:
    """By the CPU time of the committing thread."""
    current, computed, end = StuckCommit(), threading.Event(), threading.Event()

    def commit() -> None:
        current.begin()
        until = time.thread_time() + 0.2
        while time.thread_time() < until:
            pass
        computed.set()
        end.wait(60)
        current.end()

    thread = threading.Thread(target=commit, daemon=True)
    thread.start()
    assert computed.wait(60)
    assert not current.longer_than(60)
    wait_until(lambda: current.longer_than(0.3), "the commit to be stuck")
    end.set()
    thread.join(60)
    assert not current.longer_than(0)


def test_a_body_that_is_refused_after_it_was_held_is_quarantined() -> None:
    """Its sender was answered 202, so it must not vanish."""
    taken = Collector()
    taken.hold.clear()
    body = gzip.compress(b"x" * (9 << 20))
    with running(made := source(hold_after=0.2), taken):
        assert ask(made.port, "POST", "/", ALERT)[0] == 202
        assert ask(made.port, "POST", "/", body, Content_Encoding="gzip")[0] == 202
        taken.hold.set()
        wait_until(lambda: taken.rejected, "the quarantined body")
    assert "refused after it had been held" in taken.rejected[0]
