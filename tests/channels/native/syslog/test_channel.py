"""The syslog channel against real receivers: TCP, TLS, client certificates, UDP, and receivers that go away."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.channels.contract import Channel, Verdict
from bridge.channels.native.syslog import transport
from bridge.channels.registry import open_channel, problem_with
from bridge.common.files import reloading
from bridge.delivery.extras import ChannelExtras, ClientTls
from bridge.delivery.service_limits import default_options
from tests.channels.deliveries import make_delivery
from tests.support.certificates import Authority, make_authority
from tests.support.syslog_receiver import Receiver, counted, datagram_receiver, parse, stream_receiver
from tests.support.waiting import wait_until

BATCH = [make_delivery(number) for number in range(1, 51)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("syslog"))


@pytest.fixture
def opened() -> Iterator[list[Channel]]:
    channels: list[Channel] = []
    yield channels
    for each in channels:
        each.close()


def open_at(port: int, opened: list[Channel], scheme: str = "syslog+tcp", query: str = "") -> Channel:
    channel = open_channel("siem", f"{scheme}://localhost:{port}{query}", {"cluster": "eu-1"})
    opened.append(channel)
    return channel


def test_a_batch_is_one_write_of_counted_messages(opened: list[Channel]) -> None:
    """In order, over one connection that is used again."""
    with stream_receiver() as receiver:
        channel = open_at(receiver.port, opened)
        assert channel.send(BATCH).verdict is Verdict.DELIVERED
        assert channel.send([make_delivery(51)]).verdict is Verdict.DELIVERED
        wait_until(lambda: len(receiver.messages()) == 51, "all messages")
        assert [int(each.parameters["delivery"]) for each in receiver.messages()] == list(range(1, 52))
        assert len(receiver.streams) == 1


def test_newlines_can_frame_messages_for_old_receivers(opened: list[Channel]) -> None:
    """A line break of an attacker is escaped, so it does not start a second message."""
    evil = make_delivery(1, output="a\n<13>1 - - - - - - forged", hostname="b\n<13>1 c")
    for form in ("falco", "text", "cef"):
        with stream_receiver() as receiver:
            channel = open_at(receiver.port, opened, query=f"?framing=newline&format={form}")
            assert channel.send([evil, make_delivery(2)]).verdict is Verdict.DELIVERED
            wait_until(lambda r=receiver: sum(each.count(b"\n") for each in r.streams) == 2, "two lines")  # type: ignore[misc]
            lines = bytes(receiver.streams[0]).splitlines()
            assert [parse(each).parameters["delivery"] for each in lines] == ["1", "2"]


def test_a_receiver_that_closed_is_found_before_writing(opened: list[Channel]) -> None:
    """The next batch goes over a new connection, and nothing is lost or doubled."""
    with stream_receiver() as receiver:
        channel = open_at(receiver.port, opened)
        for number in range(1, 4):
            assert channel.send([make_delivery(number)]).verdict is Verdict.DELIVERED
            wait_until(lambda n=number: len(receiver.messages()) == n, "the message")  # type: ignore[misc]
            receiver.drop.set()
            wait_until(lambda n=number: receiver.ended == n, "the receiver to close")  # type: ignore[misc]
            receiver.drop.clear()
        assert len(receiver.streams) == 3


def test_a_receiver_that_does_not_read_to_the_end_is_tried_again(opened: list[Channel]) -> None:
    """It resets the connection: what it has not read is lost, and some of it may come twice."""
    with stream_receiver(receiver=Receiver(closes_after=1)) as receiver:
        channel = open_at(receiver.port, opened)
        big = [make_delivery(number, output="x" * 7000) for number in range(1, 501)]
        outcome = channel.send(big)
        assert outcome.verdict is Verdict.RETRY
        assert "connection closed" in outcome.reason


def test_a_receiver_that_hangs_is_a_retry_in_bounded_time(
    opened: list[Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its buffers are full, and it reads nothing."""
    monkeypatch.setattr(transport, "_WRITE_SECONDS", 0.5)
    with stream_receiver() as receiver:
        receiver.reads.clear()
        channel = open_at(receiver.port, opened, query="?size=1000000")
        big = [make_delivery(number, output="x" * 900_000) for number in range(1, 31)]
        outcome = channel.send(big)
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "timed out")


def test_a_receiver_that_is_down_refuses_the_connection(opened: list[Channel]) -> None:
    """The courier then checks the port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        channel = open_at(taken.getsockname()[1], opened)
        outcome = channel.send([make_delivery()])
        assert outcome.reason.startswith("connection refused")
        assert channel.address == ("localhost", taken.getsockname()[1])  # type: ignore[attr-defined]


def test_tls_verifies_the_receiver(opened: list[Channel], authority: Authority, tmp_path: Path) -> None:
    """With the CA that the URL names; another CA is a reason with a remedy."""
    other = make_authority(tmp_path, "other")
    with stream_receiver(authority.issue("logs")) as receiver:
        channel = open_at(receiver.port, opened, "syslog+tls", f"?cafile={authority.certificate}")
        assert channel.send(BATCH).verdict is Verdict.DELIVERED
        wait_until(lambda: len(receiver.messages()) == 50, "all messages")
        untrusting = open_at(receiver.port, opened, "syslog+tls", f"?cafile={other.certificate}")
        outcome = untrusting.send(BATCH)
        assert outcome.verdict is Verdict.RETRY
        assert "TLS certificate of localhost not trusted" in outcome.reason
        assert "`cafile`" in outcome.reason


def test_a_tls_receiver_that_closed_is_found_before_writing(opened: list[Channel], authority: Authority) -> None:
    """By its close or its alert."""
    with stream_receiver(authority.issue("logs2")) as receiver:
        channel = open_at(receiver.port, opened, "syslog+tls", f"?cafile={authority.certificate}")
        assert channel.send([make_delivery(1)]).verdict is Verdict.DELIVERED
        wait_until(lambda: len(receiver.messages()) == 1, "the message")
        receiver.drop.set()
        wait_until(lambda: receiver.ended == 1, "the receiver to close")
        receiver.drop.clear()
        assert channel.send([make_delivery(2)]).verdict is Verdict.DELIVERED
        wait_until(lambda: len(receiver.messages()) == 2, "the second message")


def test_a_receiver_that_wants_a_client_certificate_does_not_lose_messages(
    opened: list[Channel], authority: Authority
) -> None:
    """In TLS 1.3 it refuses the client after the handshake, when a batch could seem to have been written."""
    with stream_receiver(authority.issue("logs3"), authority.certificate) as receiver:
        channel = open_at(receiver.port, opened, "syslog+tls", f"?cafile={authority.certificate}")
        outcome = channel.send(BATCH)
    assert outcome.verdict is Verdict.RETRY
    assert "requires a client certificate" in outcome.reason


def test_a_client_certificate_is_shown_and_replaced(
    opened: list[Channel], authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate that was renewed is used for the next batch, over a new connection."""
    monkeypatch.setattr(reloading, "CHECK_SECONDS", 0.0)
    pair = authority.issue("client")
    paths = [tmp_path / "tls.crt", tmp_path / "tls.key"]
    for path, source in zip(paths, (pair.certificate, pair.key), strict=True):
        path.write_bytes(source.read_bytes())
    tls = ClientTls(str(authority.certificate), str(paths[0]), str(paths[1]))
    with stream_receiver(authority.issue("logs4"), authority.certificate) as receiver:
        url = f"syslog+tls://localhost:{receiver.port}"
        channel = open_channel("siem", url, {}, extras=ChannelExtras(tls=tls))
        opened.append(channel)
        assert channel.send([make_delivery(1)]).verdict is Verdict.DELIVERED
        assert channel.send([make_delivery(2)]).verdict is Verdict.DELIVERED
        renewed = authority.issue("renewed")
        for path, source in zip(paths, (renewed.certificate, renewed.key), strict=True):
            path.write_bytes(source.read_bytes())
        assert channel.send([make_delivery(3)]).verdict is Verdict.DELIVERED
        wait_until(lambda: len(receiver.messages()) == 3, "all messages")
        assert [len(counted(bytes(each))) for each in receiver.streams] == [2, 1]


def test_tls_settings_need_tls() -> None:
    """The key is named."""
    extras = ChannelExtras(tls=ClientTls(cert="/x"))
    assert "`tls`" in str(problem_with("syslog+tcp://h", extras=extras))
    assert "syslog+tcp" in str(problem_with("syslog+tcp://h", extras=extras))


def test_udp_sends_a_datagram_for_each_message(opened: list[Channel]) -> None:
    """Without framing."""
    with datagram_receiver() as (port, receiver):
        channel = open_channel("siem", f"syslog+udp://127.0.0.1:{port}?format=text", {})
        opened.append(channel)
        assert channel.send([make_delivery(1), make_delivery(2)]).verdict is Verdict.DELIVERED
        received = [parse(receiver.recv(65536)) for _ in range(2)]
    assert [each.parameters["delivery"] for each in received] == ["1", "2"]
    assert received[0].text == "shell in a pod"


def test_udp_to_a_port_where_nothing_listens_is_a_retry_where_the_system_says_so(opened: list[Channel]) -> None:
    """Loopback answers with ICMP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    channel = open_channel("siem", f"syslog+udp://127.0.0.1:{port}", {})
    opened.append(channel)
    assert channel.send([make_delivery()]).reason.startswith("connection refused")


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("syslog+tcp://", "no host"),
        ("syslog+tcp://h/x", "HOST:PORT"),
        ("syslog+tcp://user:password@h", "HOST:PORT"),
        ("syslog+tcp://h?facility=local9", "`facility`; write one of kern, user"),
        ("syslog+tcp://h?facilty=user", "did you mean `facility`?"),
        ("syslog+tcp://h?app=a%20b", "`app`"),
        ("syslog+tcp://h?sd=falco", "`sd`; write NAME@NUMBER"),
        ("syslog+tcp://h?size=100", "`size`"),
        ("syslog+tcp://h?framing=none", "`framing`; write one of counted, newline"),
        ("syslog+tcp://h?cafile=/x", "syslog+tls://"),
        ("syslog+tls://h?cafile=/no/such/file", "`cafile`"),
        ("syslog+udp://h?framing=counted", "`framing`"),
        ("syslog+udp://h?size=70000", "`size`"),
    ],
)
def test_what_cannot_work_is_reported_by_its_key(url: str, part: str) -> None:
    """When the config is checked."""
    assert part in str(problem_with(url))


def test_a_receiver_gets_one_batch_at_a_time_and_no_limit() -> None:
    """Programs read it, and lines stay in order."""
    options = default_options("syslog+tls://h")
    assert (options.rate, options.concurrency, options.digest_after) == (None, 1, None)


RSYSLOGD = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin")


@pytest.mark.skipif(RSYSLOGD is None, reason="rsyslogd is not installed; the other tests use a receiver of their own")
@pytest.mark.parametrize("framing", ["counted", "newline"])
def test_rsyslog_reads_the_messages(framing: str, tmp_path: Path, opened: list[Channel]) -> None:
    """Header, structured data and JSON, and an attacker's line break within one message."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    template = r"%pri%|%timereported:::date-rfc3339%|%hostname%|%app-name%|%msgid%|%structured-data%|%msg%\n"
    config = tmp_path / "rsyslog.conf"
    config.write_text(
        f'global(workDirectory="{tmp_path}")\nmodule(load="imtcp")\ninput(type="imtcp" port="{port}" address="127.0.0.1")\n'
        f'template(name="all" type="string" string="{template}")\n'
        f'action(type="omfile" file="{tmp_path}/out" template="all")\n',
        encoding="utf-8",
    )
    command = [str(RSYSLOGD), "-n", "-f", str(config), "-i", str(tmp_path / "pid")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        channel = open_at(port, opened, query=f"?framing={framing}&facility=local1")
        evil = make_delivery(2, output='a\n<13>1 - - - - - - forged "]', hostname="node\n2")
        out = tmp_path / "out"
        wait_until(lambda: channel.send([make_delivery(1), evil]).verdict is Verdict.DELIVERED, "rsyslogd to listen")
        wait_until(lambda: out.exists() and out.read_bytes().count(b"\n") >= 2, "rsyslogd to write")
        lines = out.read_text(encoding="utf-8").splitlines()
    finally:
        process.terminate()
        process.wait(60)
    assert len(lines) == 2
    priority, reported, host, app, kind, data, body = lines[0].split("|", 6)
    assert (priority, host, app, kind) == (str(17 * 8 + 2), "node-1", "falco", "single")
    assert reported == "2026-03-04T05:06:07.123456Z"
    assert 'rule="Terminal shell"' in data
    assert '"proc.cmdline":"rm -rf /"' in body
    assert "node_2" in lines[1]
    assert r"a\n<13>1" in lines[1]
