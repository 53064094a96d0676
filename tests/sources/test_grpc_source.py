"""A Falco is read through everything that one does on the wire."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from structlog.testing import capture_logs

from bridge.simulate.address import ServerTls
from bridge.simulate.server import StandInFalco
from bridge.sources.contract import Batch
from bridge.sources.grpc_source import MOST_IN_A_BATCH, GrpcSource
from bridge.sources.grpc_tls import ClientTls
from tests.support.certificates import make_authority
from tests.support.recordings import NAMES, grpc_messages
from tests.support.waiting import wait_until

ALL = [message for name in NAMES for message in grpc_messages(name)]


class Taken:
    """Keeps what a source hands over."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def __call__(self, batch: Batch) -> None:
        self.batches.append(batch)

    @property
    def count(self) -> int:
        return sum(len(batch.alerts) + len(batch.refused) for batch in self.batches)


@contextmanager
def reading(source: GrpcSource) -> Iterator[Taken]:
    taken = Taken()
    thread = threading.Thread(target=source.run, args=(taken,), daemon=True)
    thread.start()
    yield taken
    source.stop()
    thread.join(10)
    assert not thread.is_alive(), "the source did not stop"


def test_every_recording_flows_and_a_bad_message_costs_only_itself(tmp_path: Path) -> None:
    """Hostile UTF-8 included; what is no message is set aside with its reason."""
    with StandInFalco(f"unix:{tmp_path}/f.sock") as falco:
        falco.put(*ALL, b"\xff\xff not protobuf", *ALL)
        with reading(GrpcSource("f", falco.address)) as taken:
            wait_until(lambda: taken.count == 2 * len(ALL) + 1, "all messages")
        assert falco.lost == 0
    refused = [each for batch in taken.batches for each in batch.refused]
    assert [each.raw for each in refused] == [b"\xff\xff not protobuf"]


def test_batches_are_bounded(tmp_path: Path) -> None:
    """However much Falco has queued."""
    with StandInFalco(f"unix:{tmp_path}/f.sock") as falco:
        falco.put(*(ALL[:1] * 2500))
        with reading(GrpcSource("f", falco.address)) as taken:
            wait_until(lambda: taken.count == 2500, "all messages")
    assert max(len(batch.alerts) for batch in taken.batches) == MOST_IN_A_BATCH


def test_a_late_start_and_a_restart_are_survived_and_told_once(tmp_path: Path) -> None:
    """No socket: one warning with the remedy; then it reads on by itself."""
    address = f"unix:{tmp_path}/f.sock"
    with capture_logs() as logs, reading(GrpcSource("f", address)) as taken:
        wait_until(lambda: logs, "the warning")
        for round_ in (1, 2):
            with StandInFalco(address) as falco:
                falco.put(ALL[0])
                wait_until(lambda round_=round_: taken.count == round_, "the alert", seconds=15)
                falco.abandon()
    warnings = [entry["problem"] for entry in logs if entry["log_level"] == "warning"]
    assert "there is no socket" in warnings[0]
    assert len(warnings) <= 4, warnings


def test_mutual_tls_and_what_is_said_when_it_fails(tmp_path: Path) -> None:
    """The right certificates read; another CA, another name, no client certificate each say what to do."""
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    ours, theirs = make_authority(tmp_path / "ours"), make_authority(tmp_path / "theirs")
    server, client = ours.issue("falco", ("falco.example",)), ours.issue("client", ("client",))
    stranger = theirs.issue("stranger", ("client",))
    tls = ServerTls(ours.certificate, server.certificate, server.key)
    cases = {
        "signed by the CA": ClientTls(theirs.certificate, client.certificate, client.key, "falco.example"),
        "server_name": ClientTls(ours.certificate, client.certificate, client.key, "other.example"),
        "mutual TLS": ClientTls(ours.certificate, stranger.certificate, stranger.key, "falco.example"),
    }
    with StandInFalco("127.0.0.1:0", tls) as falco:
        falco.put(ALL[0])
        for words, wrong in cases.items():
            with capture_logs() as logs, reading(GrpcSource("f", falco.address, wrong)):
                wait_until(lambda logs=logs: logs, words, seconds=10)
            assert words in logs[0]["problem"], logs[0]
        right = ClientTls(ours.certificate, client.certificate, client.key, "falco.example")
        with reading(GrpcSource("f", falco.address, right)) as taken:
            wait_until(lambda: taken.count == 1, "the alert")


def test_a_falco_without_outputs_is_told_apart(tmp_path: Path) -> None:
    """UNIMPLEMENTED names the way out."""
    with (
        StandInFalco(f"unix:{tmp_path}/f.sock", outputs=False) as falco,
        capture_logs() as logs,
        reading(GrpcSource("f", falco.address)),
    ):
        wait_until(lambda: logs, "the warning")
    assert "http_output" in logs[0]["problem"]


def test_stopping_amid_a_flood_loses_nothing(tmp_path: Path) -> None:
    """What Falco had popped for the stream is read to its end before the source leaves."""
    with StandInFalco(f"unix:{tmp_path}/f.sock") as falco:
        falco.put(*(ALL[:1] * 20000))
        with reading(GrpcSource("f", falco.address)) as taken:
            wait_until(lambda: taken.count > 0, "the first batch")
        assert taken.count == falco.popped
        assert falco.lost == 0
