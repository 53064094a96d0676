"""The MQTT channel against a broker of the tests that answers with reason codes, and against mosquitto."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.channels.contract import Channel, Verdict
from bridge.channels.native.mqtt import publisher
from bridge.channels.native.shared import extras
from bridge.channels.registry import open_channel, problem_with
from bridge.delivery.service_limits import default_options
from tests.channels.deliveries import make_delivery
from tests.support.certificates import make_authority
from tests.support.mqtt_broker import Broker, Published, mqtt_broker
from tests.support.waiting import wait_until

BATCH = [make_delivery(number) for number in range(1, 51)]


@pytest.fixture
def opened() -> Iterator[list[Channel]]:
    channels: list[Channel] = []
    yield channels
    for each in channels:
        each.close()


def open_at(port: int, opened: list[Channel], query: str = "", *, login: str = "", scheme: str = "mqtt") -> Channel:
    channel = open_channel("m", f"{scheme}://{login}localhost:{port}/falco/alerts{query}", {"cluster": "eu-1"})
    opened.append(channel)
    return channel


def ids(messages: list[Published]) -> list[int]:
    return [json.loads(each.body)["falco_bridge"]["delivery"] for each in messages]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_batch_is_published_in_order_and_acknowledged(version: str, opened: list[Channel]) -> None:
    """Over one connection that is used again."""
    with mqtt_broker() as broker:
        channel = open_at(broker.port, opened, f"?version={version}")
        assert channel.send(BATCH).verdict is Verdict.DELIVERED
        assert channel.send([make_delivery(51)]).verdict is Verdict.DELIVERED
        assert ids(broker.messages) == list(range(1, 52))
        assert {(each.topic, each.qos, each.retain) for each in broker.messages} == {("falco/alerts", 1, False)}
        assert broker.connections == 1


def test_messages_may_be_retained_or_not_acknowledged(opened: list[Channel]) -> None:
    """With QoS 0 delivered means sent."""
    with mqtt_broker() as broker:
        channel = open_at(broker.port, opened, "?qos=0&retain=yes&format=falcosidekick")
        assert channel.send(BATCH).verdict is Verdict.DELIVERED
        wait_until(lambda: len(broker.messages) == 50, "the messages")
        assert {(each.qos, each.retain) for each in broker.messages} == {(0, True)}
        assert "uuid" in json.loads(broker.messages[0].body)


def test_each_message_has_its_own_outcome(opened: list[Channel]) -> None:
    """By its reason code."""
    codes = {2: 153, 3: 151, 4: 16}
    broker = Broker(puback=lambda message: codes.get(ids([message])[0], 0))
    with mqtt_broker(broker):
        outcome = open_at(broker.port, opened).send(BATCH[:5])
    expected = [Verdict.DELIVERED, Verdict.REJECTED, Verdict.RETRY, Verdict.DELIVERED, Verdict.DELIVERED]
    assert [each.verdict for each in outcome.each] == expected
    assert "quota exceeded (151)" in outcome.reason


@pytest.mark.parametrize(
    ("broker", "query", "verdict", "part"),
    [
        (Broker(login=("me", "pass-word")), "", Verdict.CHANNEL_FAULT, "compare user and password"),
        (Broker(login=("me", "pass-word")), "?version=3.1.1", Verdict.CHANNEL_FAULT, "compare user and password"),
        (Broker(versions=(4,)), "", Verdict.CHANNEL_FAULT, "write `version=3.1.1`"),
        (Broker(connack=136), "", Verdict.RETRY, "server unavailable"),
        (Broker(puback=lambda _message: 135), "", Verdict.CHANNEL_FAULT, "allow the user to publish"),
        (Broker(puback=lambda _message: -1), "", Verdict.RETRY, "closed"),
    ],
)
def test_a_refusal_says_what_to_do(
    broker: Broker, query: str, verdict: Verdict, part: str, opened: list[Channel]
) -> None:
    """A wrong login, a version that is not known, a forbidden topic, a broker that is busy."""
    with mqtt_broker(broker):
        outcome = open_at(broker.port, opened, query, login="me:wrong-word@").send(BATCH[:3])
    assert outcome.verdict is verdict
    assert part in outcome.reason
    assert "wrong-word" not in outcome.reason


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Paho leaves a failed socket to the GC
def test_a_login_and_tls(opened: list[Channel], tmp_path: Path) -> None:
    """The broker is verified."""
    authority, other = make_authority(tmp_path), make_authority(tmp_path, "other")
    with mqtt_broker(Broker(login=("me", "pass/word")), authority.issue("broker")) as broker:
        for ca, verdict in ((authority, Verdict.DELIVERED), (other, Verdict.RETRY)):
            query = f"?cafile={ca.certificate}"
            outcome = open_at(broker.port, opened, query, login="me:pass%2Fword@", scheme="mqtts").send(BATCH)
            assert outcome.verdict is verdict
        assert "TLS certificate of localhost not trusted" in outcome.reason
        assert len(broker.messages) == 50


def test_an_outage_ends_by_itself(opened: list[Channel]) -> None:
    """A closed connection is replaced, and nothing that was given back is sent by the client later."""
    broker = Broker()
    with mqtt_broker(broker):
        channel = open_at(broker.port, opened)
        assert channel.send(BATCH[:1]).verdict is Verdict.DELIVERED

    def is_refused() -> bool:
        """The first attempt may only see that the connection was lost."""
        outcome = channel.send(BATCH[1:2])
        assert outcome.verdict is Verdict.RETRY
        return outcome.reason.startswith("connection refused")

    wait_until(is_refused, "the connection to be refused")
    broker.drop.clear()
    with mqtt_broker(broker):
        assert channel.send(BATCH[2:3]).verdict is Verdict.DELIVERED
        assert ids(broker.messages) == [1, 3]


def test_a_broker_that_hangs_is_a_retry_in_bounded_time(opened: list[Channel], monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it accepts the connection, and when it does not acknowledge."""
    monkeypatch.setattr(publisher, "ACKNOWLEDGE_SECONDS", 0.5)
    monkeypatch.setattr(publisher, "CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcome = open_at(silent.getsockname()[1], opened).send(BATCH)
        assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "timed out")
    monkeypatch.setattr(publisher, "CONNECT_SECONDS", 60.0)
    with mqtt_broker(Broker(puback=lambda message: 0 if ids([message]) == [1] else None)) as broker:
        outcome = open_at(broker.port, opened).send(BATCH[:2])
        assert [each.verdict for each in outcome.each] == [Verdict.DELIVERED, Verdict.RETRY]
        assert "no answer" in outcome.reason


def test_a_long_alert_is_cut_to_what_the_broker_takes(opened: list[Channel]) -> None:
    """The maximum packet size of its greeting."""
    maximum = b"\x27" + (20_000).to_bytes(4)
    with mqtt_broker(Broker(properties=maximum)) as broker:
        outcome = open_at(broker.port, opened).send([make_delivery(output="x" * 100_000)])
        assert outcome.verdict is Verdict.DELIVERED
        assert len(broker.messages[0].body) < 20_000
        assert json.loads(broker.messages[0].body)["rule"] == "Terminal shell"


def test_closing_ends_the_thread() -> None:
    """A channel that is replaced leaves nothing behind."""
    before = threading.active_count()
    with mqtt_broker() as broker:
        channel = open_channel("m", f"mqtt://localhost:{broker.port}/a", {})
        assert channel.send(BATCH).verdict is Verdict.DELIVERED
        channel.close()
        channel.close()
    wait_until(lambda: threading.active_count() <= before, "the threads to end")


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("mqtt://h", "no topic; write mqtt://HOST:PORT/TOPIC"),
        ("mqtt:///t", "no host"),
        ("mqtt://h/a/+", "invalid topic"),
        ("mqtt://h/%23", "invalid topic"),
        ("mqtt://h/$SYS/a", "invalid topic"),
        ("mqtt://h/a?qos=2", "`qos`; write one of 1, 0"),
        ("mqtt://h/a?version=4", "`version`; write one of 5, 3.1.1"),
        ("mqtt://h/a?client=a%20b", "`client`"),
        ("mqtt://:p@h/a", "without a user"),
        ("mqtt://h/a?cafile=/x", "mqtts://"),
        ("mqtts://h/a?cafile=/no/such", "`cafile`"),
        ("mqtt://h/a?quos=1", "did you mean `qos`?"),
        ("mqtt://h/a?+X=y", "only HTTP"),
    ],
)
def test_what_cannot_work_is_reported_by_its_key(url: str, part: str) -> None:
    """When the config is checked."""
    assert part in str(problem_with(url))


def test_a_missing_library_is_reported_when_the_config_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it. Checking loads nothing of it."""
    code = (
        "import sys; from bridge.channels.registry import problem_with; "
        "print(problem_with('mqtt://h/a'), 'paho' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None False\n"
    monkeypatch.setattr(extras, "find_spec", lambda _name: None)
    assert f"run: {sys.executable} -m pip install 'paho-mqtt" in str(problem_with("mqtt://h/a"))


def test_a_topic_gets_one_batch_at_a_time_and_no_limit() -> None:
    """Programs read it."""
    options = default_options("mqtts://h/t")
    assert (options.rate, options.concurrency, options.digest_after) == (None, 1, None)


MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed; the other tests use a broker of their own")
@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_mosquitto_takes_the_messages(version: str, tmp_path: Path, opened: list[Channel]) -> None:
    """And gives them to a subscriber."""
    from paho.mqtt import client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n", encoding="utf-8")
    process = subprocess.Popen(
        [str(MOSQUITTO), "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    received: list[bytes] = []
    subscribed = threading.Event()
    reader = mqtt.Client(CallbackAPIVersion.VERSION2)
    reader.on_message = lambda _client, _data, message: received.append(message.payload)
    reader.on_subscribe = lambda *_: subscribed.set()
    reader.on_connect = lambda client, *_: client.subscribe("falco/#", 1)
    try:
        channel = open_at(port, opened, f"?version={version}")
        wait_until(lambda: channel.send(BATCH[:1]).verdict is Verdict.DELIVERED, "mosquitto to listen")
        reader.connect("127.0.0.1", port)
        reader.loop_start()
        assert subscribed.wait(60)
        assert channel.send(BATCH).verdict is Verdict.DELIVERED
        wait_until(lambda: len(received) == 50, "the messages")
    finally:
        reader.disconnect()
        reader.loop_stop()
        process.terminate()
        process.wait(60)
    assert [json.loads(each)["falco_bridge"]["delivery"] for each in received] == list(range(1, 51))
