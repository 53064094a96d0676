"""The NATS channel against a real nats-server: JetStream, core, logins, TLS, outages."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.js.api import DiscardPolicy, StorageType, StreamConfig

from bridge.channels.contract import Channel, Verdict
from bridge.channels.native.nats import channel as nats_channel
from bridge.channels.native.nats import publisher
from bridge.channels.native.shared import extras
from bridge.channels.registry import open_channel, problem_with
from bridge.common.masking import secrets_in
from bridge.delivery.service_limits import default_options
from tests.channels.deliveries import make_delivery
from tests.channels.native.nats.cases import BATCH, NEEDS_SERVER, open_at
from tests.support.builders import delivery, notification
from tests.support.nats_server import Server, nats_server
from tests.support.waiting import wait_until

pytestmark = NEEDS_SERVER


def add_stream(server: Server, name: str, *subjects: str, **limits: object) -> None:
    config = StreamConfig(name, subjects=list(subjects), storage=StorageType.MEMORY, **limits)  # type: ignore[arg-type]
    server.ask(lambda client: client.jetstream().add_stream(config))


def stored(server: Server, name: str) -> list[tuple[str, dict[str, str], bytes]]:
    """Subject, headers and body of every message of a stream."""

    async def read(client: Client) -> list[tuple[str, dict[str, str], bytes]]:
        stream = client.jetstream()
        last = (await stream.stream_info(name)).state.last_seq
        found = [await stream.get_msg(name, number) for number in range(1, last + 1)]
        return [(str(each.subject), dict(each.headers or {}), each.data or b"") for each in found]

    return server.ask(read)


def test_jetstream_stores_each_alert_once(server: Server, opened: list[Channel]) -> None:
    """The message id is the alert's, so a repeat within the stream's window is dropped: also another bridge's."""
    add_stream(server, "ONCE", "once.>")
    channel = open_at(server, opened, "once.falco")
    assert channel.send(BATCH).verdict is Verdict.DELIVERED
    assert open_at(server, opened, "once.falco").send(BATCH[:5]).verdict is Verdict.DELIVERED
    messages = stored(server, "ONCE")
    assert len(messages) == len(BATCH)
    subject, headers, data = messages[0]
    body = json.loads(data)
    assert subject == "once.falco"
    assert headers["Nats-Msg-Id"] == f"{body['falco_bridge']['id']}/once.falco"
    assert body["falco_bridge"]["labels"] == {"cluster": "eu-1"}
    assert {json.loads(each)["falco_bridge"]["id"] for _, _, each in messages} == {each.alert.id for each in BATCH}


def test_what_is_no_repeat_is_not_dropped(server: Server, opened: list[Channel]) -> None:
    """Another subject of the same stream, and another notification about the same alert."""
    add_stream(server, "EACH", "each.>")
    for subject in ("each.a", "each.b"):
        assert open_at(server, opened, subject).send(BATCH[:1]).verdict is Verdict.DELIVERED
    channel = open_at(server, opened, "each.a?format=falcosidekick")
    to = notification("n", incident="0123456789abcdef")
    for number in (100, 101, 101):
        assert channel.send([delivery(BATCH[0].alert, number, to=to)]).verdict is Verdict.DELIVERED
    messages = stored(server, "EACH")
    assert [subject for subject, _, _ in messages] == ["each.a", "each.b", "each.a", "each.a"]
    assert "uuid" in json.loads(messages[-1][2])


def test_core_hands_messages_to_subscribers(server: Server, opened: list[Channel]) -> None:
    """Delivered means that the server has them; without subscribers they are lost."""
    channel = open_at(server, opened, "plain.falco?delivery=core")
    assert channel.send(BATCH[:1]).verdict is Verdict.DELIVERED

    async def receive(client: Client) -> list[bytes]:
        subscription = await client.subscribe("plain.>")
        await client.flush()
        outcome = await asyncio.to_thread(channel.send, BATCH)
        assert outcome.verdict is Verdict.DELIVERED
        return [(await subscription.next_msg(60)).data for _ in BATCH]

    bodies = [json.loads(each) for each in server.ask(receive)]
    assert [each["falco_bridge"]["delivery"] for each in bodies] == [each.id for each in BATCH]


def test_a_subject_without_a_stream_is_a_fault_with_a_remedy(server: Server, opened: list[Channel]) -> None:
    """It is delivered when the stream exists."""
    channel = open_at(server, opened, "later.falco")
    outcome = channel.send(BATCH[:2])
    assert outcome.verdict is Verdict.CHANNEL_FAULT
    assert "create one, or write delivery=core" in outcome.reason
    add_stream(server, "LATER", "later.*")
    assert channel.send(BATCH[:2]).verdict is Verdict.DELIVERED


def test_each_message_has_its_own_outcome(server: Server, opened: list[Channel]) -> None:
    """What is too large for the stream is a dead letter."""
    add_stream(server, "SMALL", "small", max_msg_size=3000)
    large = make_delivery(99, output="x" * 5000)
    outcome = open_at(server, opened, "small").send([BATCH[0], large, BATCH[1]])
    assert [each.verdict for each in outcome.each] == [Verdict.DELIVERED, Verdict.REJECTED, Verdict.DELIVERED]
    assert "message size exceeds maximum" in outcome.each[1].reason


def test_a_full_stream_is_tried_again(server: Server, opened: list[Channel]) -> None:
    """If it refuses new messages instead of dropping old ones."""
    add_stream(server, "FULL", "full", max_msgs=3, discard=DiscardPolicy.NEW)
    outcome = open_at(server, opened, "full").send(BATCH[:5])
    assert [each.verdict for each in outcome.each].count(Verdict.DELIVERED) == 3
    assert outcome.verdict is Verdict.RETRY
    assert "maximum messages exceeded" in outcome.reason


def test_a_long_alert_is_cut_to_the_servers_limit(tmp_path: Path, opened: list[Channel]) -> None:
    """max_payload, which the server says."""
    with nats_server(tmp_path / "n", "max_payload: 20000\n") as small:
        add_stream(small, "LONG", "long")
        outcome = open_at(small, opened, "long").send([make_delivery(output="x" * 100_000)])
        assert outcome.verdict is Verdict.DELIVERED
        (message,) = stored(small, "LONG")
    assert json.loads(message[2])["rule"] == "Terminal shell"


def test_a_restart_and_an_outage_end_by_themselves(tmp_path: Path, opened: list[Channel]) -> None:
    """A closed connection is replaced; a server that is down refuses the connection, so the courier checks the port."""
    with nats_server(tmp_path / "n") as restarted:
        add_stream(restarted, "UP", "up")
        channel = open_channel("n", f"nats://localhost:1,localhost:{restarted.port}/up", {})
        opened.append(channel)
        assert channel.send(BATCH[:1]).verdict is Verdict.DELIVERED
        restarted.stop()

        def is_refused() -> bool:
            """The first attempt may only see that the connection was lost."""
            outcome = channel.send(BATCH[1:2])
            assert outcome.verdict is Verdict.RETRY
            return outcome.reason.startswith("connection refused")

        wait_until(is_refused, "the connection to be refused")
        restarted.start()
        add_stream(restarted, "UP", "up")
        wait_until(lambda: channel.send(BATCH[1:2]).verdict is Verdict.DELIVERED, "the server")


def test_a_server_that_hangs_is_a_retry_in_bounded_time(
    tmp_path: Path, opened: list[Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the login, and after it."""
    monkeypatch.setattr(publisher, "CONNECT_SECONDS", 1)
    monkeypatch.setattr(publisher, "ACKNOWLEDGE_SECONDS", 1.0)
    with nats_server(tmp_path / "n") as frozen:
        add_stream(frozen, "HANG", "hang")
        channel = open_at(frozen, opened, "hang")
        core = open_at(frozen, opened, "hang?delivery=core")
        frozen.freeze()
        assert (channel.send(BATCH).verdict, channel.send(BATCH).reason) == (Verdict.RETRY, "timed out")
        frozen.freeze(frozen=False)
        wait_until(lambda: channel.send(BATCH[:1]).verdict is Verdict.DELIVERED, "the server")
        wait_until(lambda: core.send(BATCH[:1]).verdict is Verdict.DELIVERED, "the server")
        frozen.freeze()
        assert (channel.send(BATCH[1:2]).verdict, core.send(BATCH).verdict) == (Verdict.RETRY, Verdict.RETRY)
        frozen.freeze(frozen=False)
        wait_until(lambda: channel.send(BATCH[1:2]).verdict is Verdict.DELIVERED, "the server")


def test_closing_ends_the_thread(server: Server) -> None:
    """A channel that is replaced leaves nothing behind."""
    channel = open_channel("gone", f"nats://localhost:{server.port}/a?delivery=core", {})
    assert channel.send(BATCH).verdict is Verdict.DELIVERED
    assert [each for each in threading.enumerate() if each.name == "channel gone nats"]
    channel.close()
    assert not [each for each in threading.enumerate() if each.name == "channel gone nats"]
    channel.close()


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("nats://h:4222", "no subject; write nats://HOST:PORT/SUBJECT"),
        ("nats:///a", "no host"),
        ("nats://h/a.*", "invalid subject"),
        ("nats://h/a..b", "invalid subject"),
        ("nats://h/$SYS.a", "invalid subject"),
        ("nats://h/a%20b", "invalid subject"),
        ("nats://h/a?delivery=once", "`delivery`; write one of jetstream, core"),
        ("nats://h/a?creds=/no/such", "`creds` that cannot be read (No such file"),
        ("nats://h/a?nkey=/no/such", "`nkey` that cannot be read"),
        ("nats://u:p@h/a?nkey=/dev/null", "several logins"),
        ("nats://:p@h/a", "without a user"),
        ("nats://h/a?inbox=a.>", "`inbox`"),
        ("nats://h/a?handshake=first", "natss://"),
        ("natss://h/a?handshake=last", "`handshake`; write one of first"),
        ("nats://h/a?subject=b", "unknown parameter"),
    ],
)
def test_what_cannot_work_is_reported_by_its_key(url: str, part: str) -> None:
    """When the config is checked."""
    assert part in str(problem_with(url))


def test_a_missing_library_is_reported_when_the_config_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setattr(extras, "find_spec", lambda _name: None)
    assert f"run: {sys.executable} -m pip install 'nats-py" in str(problem_with("nats://h/a"))


def test_checking_a_channel_loads_neither_the_library_nor_asyncio() -> None:
    """The router checks it."""
    code = (
        "import sys; from bridge.channels.registry import problem_with; "
        "print(problem_with('nats://h/a'), 'nats' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None False\n"


def test_only_the_login_is_masked_and_there_is_no_limit() -> None:
    """Programs read a subject, in order."""
    assert "t0ken-of-falco" in secrets_in("natss://t0ken-of-falco@nats.example.org/falco.alerts")
    assert not [each for each in secrets_in("nats://u:password@h/falco.alerts") if each in "falco.alerts"]
    options = default_options("natss://h/a")
    assert (options.rate, options.concurrency, options.digest_after) == (None, 1, None)
    assert nats_channel.NatsChannel.batch_size == 500
