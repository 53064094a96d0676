"""A chat service fails while alerts arrive: what the chat and the fallback channel receive."""

from __future__ import annotations

import json
import re
import socket
import threading

from bridge.courier.courier import MAX_HANGING_THREADS
from bridge.delivery import DeliveryState
from tests.e2e.harness import Instance
from tests.support.far_side import Answer, FarSide, Request
from tests.support.waiting import wait_until

ALERTS = 120
DOWN = Answer(503, b"<html>maintenance</html>")


def write_alerts(instance: Instance) -> None:
    """Each with a rule of its own, which identifies it in a message."""
    lines = [
        {"time": f"2026-01-01T00:00:00.{n:09}Z", "rule": f"Rule no{n}x", "priority": "Warning", "source": "syscall",
         "hostname": "h", "tags": [], "output": f"alert {n}", "output_fields": {"proc.cmdline": f"run {n}"}}
        for n in range(ALERTS)
    ]  # fmt: skip
    (instance.folder / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def test_an_outage_is_reported_to_the_fallback_and_ends_in_digests(instance: Instance) -> None:
    """Two health alerts to the fallback, and a few digests to the chat, which name every alert; all of it is recorded."""
    up = threading.Event()
    write_alerts(instance)
    with FarSide(lambda _: Answer() if up.is_set() else DOWN).serving() as chat, FarSide().serving() as other:
        instance.configure(
            'route "all" { to chat }\n',
            {
                "chat": {
                    "url": f"mmost://127.0.0.1:{chat.port}/3ccdd113474722377935511fc85d3dd4",
                    "fallback": "other", "notify_after": "1s", "digest_after": 20,
                },
                "other": f"json://127.0.0.1:{other.port}/",
            },
        )  # fmt: skip
        instance.falco("a.jsonl")
        bridge = instance.bridge()
        instance.await_kept(ALERTS)
        wait_until(lambda: len(other.requests) == 1, "the health alert", seconds=60)
        assert b"Channel chat fails" in other.requests[0].body
        assert b"HTTP 503" in other.requests[0].body
        failed = len(chat.requests)
        up.set()
        wait_until(lambda: len(other.requests) == 2, "the second health alert", seconds=60)
        assert b"Channel chat works again" in other.requests[1].body
        instance.await_settled()
        assert instance.stop(bridge) == 0
        text = "".join(request.body.decode() for request in chat.requests[failed:])
        messages = len(chat.requests) - failed
    assert set(re.findall(r"Rule no(\d+)x", text)) == {str(n) for n in range(ALERTS)}
    assert messages < ALERTS / 4
    assert {each.state for each in instance.deliveries()} == {DeliveryState.DELIVERED}
    own = [each.alert for each in instance.kept() if each.source_name == "courier"]
    assert [alert.rule for alert in own] == ["Channel chat fails", "Channel chat works again"]
    assert f"Delivered since the health alert: {ALERTS}," in own[1].output
    with instance.journal() as journal:
        digested = sum(each.digest_id is not None for each in journal.history.deliveries())
        assert digested == journal.deliveries.health()["chat"].digested > 0


def test_a_courier_with_too_many_hanging_threads_is_replaced(instance: Instance, far_side: FarSide) -> None:
    """The bridge logs it; deliveries of a channel that works continue."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        url = f"json://127.0.0.1:{silent.getsockname()[1]}/"
        hanging = {f"hanging{n}": {"url": url, "attempt_timeout": "500ms"} for n in range(MAX_HANGING_THREADS + 2)}
        route = f'route "all" {{ when rule exists to works, {", ".join(hanging)} }}\n'
        instance.configure(route, {"works": f"json://127.0.0.1:{far_side.port}/"} | hanging, shutdown={"drain": "1s"})
        instance.falco("--generate", "--count", "1")
        bridge = instance.bridge()
        wait_until(lambda: len(far_side.requests) == 1, "the healthy channel's delivery", seconds=60)
        wait_until(lambda: '"courier replaced"' in instance.log, "another courier", seconds=60)
        wait_until(lambda: len(instance.attempts()) > len(hanging), "attempts of the new one", seconds=60)
        assert instance.stop(bridge) == 0
    assert "courier exited" not in instance.log
    assert all("timed out: no answer in 0.5 s" in reason for reason in instance.attempts())


def test_a_channel_that_refuses_everything_costs_no_alert_but_the_invalid_one(instance: Instance) -> None:
    """A gateway answers 403 to all, then only to one alert, which a digest contains. Every other alert arrives."""
    fixed = threading.Event()
    write_alerts(instance)

    def answer(request: Request) -> Answer:
        is_refused = not fixed.is_set() or b"Rule no7x" in request.body
        return Answer(403, b'{"message":"Forbidden"}') if is_refused else Answer()

    with FarSide(answer).serving() as chat, FarSide().serving() as other:
        url = f"mmost://127.0.0.1:{chat.port}/3ccdd113474722377935511fc85d3dd4"
        channels: dict[str, object] = {
            "chat": {"url": url, "fallback": "other", "notify_after": "1s", "digest_after": 20, "rate": "unlimited"},
            "other": f"json://127.0.0.1:{other.port}/",
        }
        instance.configure('route "all" { to chat }\n', channels)
        instance.falco("a.jsonl")
        bridge = instance.bridge()
        instance.await_kept(ALERTS)
        wait_until(lambda: len(other.requests) == 1, "the first health alert", seconds=60)
        assert b"403" in other.requests[0].body
        assert not any(each.state is DeliveryState.DEAD for each in instance.deliveries())
        refused = len(chat.requests)
        fixed.set()
        instance.await_settled(seconds=120)
        assert instance.stop(bridge) == 0
        accepted = "".join(
            request.body.decode() for request in chat.requests[refused:] if b"Rule no7x" not in request.body
        )
    dead = [each for each in instance.deliveries() if each.state is DeliveryState.DEAD]
    assert [(each.id, each.status) for each in dead] == [(8, 403)]
    assert set(re.findall(r"Rule no(\d+)x", accepted)) == {str(n) for n in range(ALERTS) if n != 7}
