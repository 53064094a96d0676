"""The Kafka channel against brokers on loopback that speak Kafka's protocol: outcomes, keys, outages, timeouts."""

from __future__ import annotations

import json
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from bridge.channels.contract import Channel, Outcome, Verdict
from bridge.channels.native.kafka import producer
from bridge.channels.native.kafka.channel import PARAMETERS
from bridge.channels.native.shared import extras
from bridge.channels.native.shared.brokers import parse_brokers
from bridge.channels.registry import open_channel, problem_with
from bridge.common.masking import secrets_in
from bridge.delivery.service_limits import default_options
from tests.channels.deliveries import make_delivery
from tests.support.builders import delivery, notification
from tests.support.kafka_cluster import (
    MSG_SIZE_TOO_LARGE,
    NOT_LEADER,
    POLICY_VIOLATION,
    TOPIC_AUTHORIZATION_FAILED,
    Cluster,
    kafka_cluster,
)
from tests.support.waiting import wait_until

TOPIC = "falco"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with kafka_cluster(TOPIC) as running:
        yield running


@pytest.fixture
def opened() -> Iterator[list[Channel]]:
    channels: list[Channel] = []
    yield channels
    for each in channels:
        each.close()


def open_at(cluster: Cluster, opened: list[Channel], topic: str = TOPIC, query: str = "") -> Channel:
    channel = open_channel("k", f"kafka://{cluster.bootstrap}/{topic}{query}", {"cluster": "eu-1"})
    opened.append(channel)
    return channel


def test_alerts_are_messages_with_their_id_as_key(cluster: Cluster, opened: list[Channel]) -> None:
    """The body is that of a webhook."""
    batch = [make_delivery(number, time=f"2026-03-04T05:06:{number:02d}Z") for number in range(1, 21)]
    assert open_at(cluster, opened).send(batch).verdict is Verdict.DELIVERED
    stored = cluster.messages(TOPIC, 20)
    assert sorted(each.key for each in stored) == sorted(each.alert.id for each in batch)
    assert {each.partition for each in stored} == {0, 1}
    body = json.loads(stored[0].value)
    assert body["falco_bridge"]["id"] == stored[0].key
    assert body["falco_bridge"]["labels"] == {"cluster": "eu-1"}
    assert stored[0].headers == {"content-type": b"application/json", "id": stored[0].key.encode()}


def test_the_notifications_of_an_incident_are_in_one_partition_in_order(
    cluster: Cluster, opened: list[Channel]
) -> None:
    """Their key is the incident."""
    to = notification("k", incident="0123456789abcdef")
    channel = open_at(cluster, opened, query="?format=falcosidekick&compression=lz4")
    for number in range(1, 6):
        each = delivery(make_delivery(time=f"2026-03-04T05:06:0{number}Z").alert, number, to=to)
        assert channel.send([each]).verdict is Verdict.DELIVERED
    stored = cluster.messages(TOPIC, 5)
    assert {each.key for each in stored} == {"0123456789abcdef"}
    assert [json.loads(each.value)["time"][17:19] for each in stored] == ["01", "02", "03", "04", "05"]
    assert "uuid" in json.loads(stored[0].value)


def test_each_message_has_its_own_outcome(cluster: Cluster, opened: list[Channel]) -> None:
    """A broker refuses batches; what is too large alone is a dead letter, and the others are delivered."""
    channel = open_at(cluster, opened)
    cluster.fail(MSG_SIZE_TOO_LARGE, MSG_SIZE_TOO_LARGE)
    batch = [make_delivery(number, time="2026-03-04T05:06:07Z") for number in range(1, 4)]  # one key: one partition
    outcome = channel.send(batch)
    assert [each.verdict for each in outcome.each] == [Verdict.REJECTED, Verdict.DELIVERED, Verdict.DELIVERED]
    assert "MSG_SIZE_TOO_LARGE" in outcome.each[0].reason
    assert cluster.count(TOPIC) == 2


@pytest.mark.parametrize(
    ("code", "verdict", "part"),
    [
        (POLICY_VIOLATION, Verdict.REJECTED, "POLICY_VIOLATION"),
        (MSG_SIZE_TOO_LARGE, Verdict.REJECTED, "MSG_SIZE_TOO_LARGE"),
        (TOPIC_AUTHORIZATION_FAILED, Verdict.CHANNEL_FAULT, "allow WRITE"),
    ],
)
def test_the_error_of_a_message_decides(
    cluster: Cluster, opened: list[Channel], code: int, verdict: Verdict, part: str
) -> None:
    """Its reason names the error, and what to do."""
    channel = open_at(cluster, opened)
    cluster.fail(code)
    outcome = channel.send([make_delivery()])
    assert outcome.verdict is verdict
    assert part in outcome.reason
    assert channel.send([make_delivery()]).verdict is Verdict.DELIVERED


def test_a_moved_leader_is_tried_again_by_the_client(cluster: Cluster, opened: list[Channel]) -> None:
    """And the message is stored once."""
    channel = open_at(cluster, opened)
    cluster.fail(NOT_LEADER, NOT_LEADER)
    assert channel.send([make_delivery()]).verdict is Verdict.DELIVERED
    assert cluster.count(TOPIC) == 1


def test_an_outage_is_reported_at_once_and_ends_by_itself(cluster: Cluster, opened: list[Channel]) -> None:
    """The reason is the connection's, so that the courier checks the port."""
    channel = open_at(cluster, opened)
    assert channel.send([make_delivery(1)]).verdict is Verdict.DELIVERED
    cluster.take_down()
    outcomes: list[Outcome] = []

    def is_refused() -> bool:
        """The first attempt may only see that the connection was lost."""
        outcomes.append(channel.send([make_delivery(2)]))
        return outcomes[-1].reason.startswith("connection refused")

    wait_until(is_refused, "the connection to be refused")
    assert {each.verdict for each in outcomes} == {Verdict.RETRY}
    assert not [each for each in outcomes if "kafkas://" in each.reason]
    assert channel.address[1] == int(cluster.bootstrap.rpartition(":")[2])  # type: ignore[attr-defined]
    cluster.take_down(down=False)
    wait_until(lambda: channel.send([make_delivery(2)]).verdict is Verdict.DELIVERED, "the broker")
    assert cluster.count(TOPIC) == 2


def test_a_cluster_that_does_not_answer_is_a_retry_in_bounded_time(
    cluster: Cluster, opened: list[Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message is given up before, so it is not sent later."""
    monkeypatch.setattr("bridge.channels.native.kafka.channel.DELIVERY_SECONDS", 1.5)
    monkeypatch.setattr(producer, "DELIVERY_SECONDS", 1.5)
    cluster.slow_down(60_000)
    outcome = open_at(cluster, opened).send([make_delivery()])
    assert outcome.verdict is Verdict.RETRY
    assert "answer" in outcome.reason


def test_a_server_that_speaks_no_kafka_is_a_retry_with_a_hint(
    opened: list[Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that hangs without a word."""
    monkeypatch.setattr("bridge.channels.native.kafka.channel.DELIVERY_SECONDS", 1.5)
    monkeypatch.setattr(producer, "DELIVERY_SECONDS", 1.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        channel = open_channel("k", f"kafka://127.0.0.1:{silent.getsockname()[1]}/t", {})
        opened.append(channel)
        outcome = channel.send([make_delivery()])
    assert outcome.verdict is Verdict.RETRY
    assert outcome.reason


def test_a_server_that_closes_the_connection_is_a_retry_with_a_hint(opened: list[Channel]) -> None:
    """As a listener with TLS does."""

    class Closing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Closing) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        channel = open_channel("k", f"kafka://127.0.0.1:{server.server_address[1]}/t", {})
        opened.append(channel)
        outcome = channel.send([make_delivery()])
        server.shutdown()
        thread.join()
    assert outcome.verdict is Verdict.RETRY
    assert "kafkas://" in outcome.reason or "SSL listener" in outcome.reason


def test_a_long_alert_is_cut_to_the_size(cluster: Cluster, opened: list[Channel]) -> None:
    """Of the topic's limit."""
    channel = open_at(cluster, opened, query="?size=20000")
    assert channel.send([make_delivery(output="x" * 100_000)]).verdict is Verdict.DELIVERED
    (stored,) = cluster.messages(TOPIC, 1)
    assert len(stored.value) <= 20_000
    assert json.loads(stored.value)["rule"] == "Terminal shell"


def test_a_url_names_several_brokers() -> None:
    """With default ports; IPv6 addresses are in brackets."""
    brokers = parse_brokers("kafkas://u:p%40ss@a,b:9093,[::1]:1/topic?sasl=scram-sha-512", PARAMETERS, 9092)
    assert brokers.joined() == "a:9092,b:9093,[::1]:1"
    assert (brokers.target, brokers.address.user, brokers.address.password) == ("topic", "u", "p@ss")
    assert "p%40ss" not in repr(brokers)


def test_only_the_login_is_masked() -> None:
    """Hosts and topics must be readable in reasons."""
    secrets = secrets_in("kafkas://robot-1:pa%2Fssword@kafka-one:9092,kafka-two:9092/falco-alerts")
    assert {"robot-1", "pa/ssword", "pa%2Fssword"} <= secrets
    assert not [each for each in secrets if each in "kafka-one:9092 kafka-two falco-alerts"]


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("kafka://h:9092", "no topic; write kafka://HOST:PORT/TOPIC"),
        ("kafka:///t", "no host"),
        ("kafka://a,,b/t", "no host"),
        ("kafka://a:x/t", "invalid host or port"),
        ("kafka://h/a/b", "invalid topic"),
        ("kafka://h/..", "invalid topic"),
        ("kafka://h/t?sasl=plain", "write USER:PASSWORD@"),
        ("kafka://u:p@h/t?sasl=gssapi", "`sasl`; write one of plain, scram-sha-256, scram-sha-512"),
        ("kafka://h/t?compression=brotli", "`compression`; write one of none, gzip"),
        ("kafka://h/t?size=10", "`size`"),
        ("kafka://h/t?client=a%20b", "`client`"),
        ("kafka://h/t?compresion=lz4", "did you mean `compression`?"),
        ("kafka://h/t?cafile=/x", "kafkas://"),
        ("kafkas://h/t?cafile=/no/such", "CA bundle"),
        ("kafka://h/t?+X=y", "only HTTP"),
    ],
)
def test_what_cannot_work_is_reported_by_its_key(url: str, part: str) -> None:
    """When the config is checked."""
    assert part in str(problem_with(url))


def test_a_missing_library_is_reported_when_the_config_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setattr(extras, "find_spec", lambda _name: None)
    problem = str(problem_with("kafka://h/t"))
    assert "needs a library that is not installed; run: " in problem
    assert f"{sys.executable} -m pip install 'confluent-kafka" in problem


def test_checking_a_channel_does_not_load_the_library() -> None:
    """The router checks it: 20 MB stay with the courier."""
    code = (
        "import sys; from bridge.channels.registry import problem_with; "
        "print(problem_with('kafka://h/t'), 'confluent_kafka' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None False\n"


def test_a_topic_gets_one_batch_at_a_time_and_no_limit() -> None:
    """Programs read it."""
    options = default_options("kafka://h/t")
    assert (options.rate, options.concurrency, options.digest_after) == (None, 1, None)
