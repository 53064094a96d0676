"""A Telegram group that becomes a supergroup gets a new id. The bridge follows, and says so."""

from __future__ import annotations

import json

import pytest
from structlog.testing import capture_logs

from bridge.channels.contract import Verdict
from bridge.channels.registry import open_channel
from tests.channels.deliveries import make_delivery
from tests.support.far_side import Answer, FarSide, Request

SUCCESS = Answer(200, b'{"ok":true,"result":{"message_id":1}}')


def refused(**parameters: object) -> Answer:
    body = {"ok": False, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat"}
    return Answer(400, json.dumps(body | {"parameters": parameters}).encode())


def chats(server: FarSide) -> list[int]:
    return [json.loads(request.body)["chat_id"] for request in server.requests]


@pytest.mark.parametrize("old", [-1234567890, -4019])
def test_a_migration_is_followed_and_logged_once(services: FarSide, old: int) -> None:
    """The message arrives in the same attempt; the topic stays. Later ones go to the new chat at once."""
    new = -1001234567890

    def answer(request: Request) -> Answer:
        return refused(migrate_to_chat_id=new) if json.loads(request.body)["chat_id"] == old else SUCCESS

    services.answer = answer
    channel = open_channel("chat", f"tgram://123456789:abcdefg_hijklmnop/{old}:7/", {})
    with capture_logs() as logs:
        for _ in range(2):
            assert channel.send([make_delivery()]).verdict is Verdict.DELIVERED
    assert chats(services) == [old, new, new]
    assert {json.loads(request.body)["message_thread_id"] for request in services.requests} == {7}
    (logged,) = logs
    assert (logged["event"], logged["channel"], logged["chat_id"]) == ("telegram group migrated", "chat", new)


def test_only_the_group_that_migrated_is_replaced(services: FarSide) -> None:
    """A channel may have several."""
    services.answer = lambda request: refused(migrate_to_chat_id=-9) if b": -1," in request.body else SUCCESS
    channel = open_channel("chat", "tgram://123456789:abcdefg_hijklmnop/-1/-2/", {})
    for _ in range(2):
        assert channel.send([make_delivery()]).verdict is Verdict.DELIVERED
    assert chats(services) == [-1, -9, -2, -9, -2]


@pytest.mark.parametrize("parameters", [{}, {"migrate_to_chat_id": "-100"}, {"migrate_to_chat_id": -1}])
def test_without_a_new_id_the_channel_is_at_fault(services: FarSide, parameters: dict[str, object]) -> None:
    """Deliveries wait. The same id again is not followed in circles."""
    services.answer = lambda _request: refused(**parameters)
    channel = open_channel("chat", "tgram://123456789:abcdefg_hijklmnop/-1/", {})
    assert channel.send([make_delivery()]).verdict is Verdict.CHANNEL_FAULT
    assert len(services.requests) == 1
